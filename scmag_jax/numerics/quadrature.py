"""Fixed Gauss-Legendre rules and Chebyshev series, prepared on the host and used inside compiled code."""

from collections.abc import Callable, Sequence
from functools import cache

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float


@cache
def gauss_legendre(count: int, panels: int = 1) -> tuple[np.ndarray, np.ndarray]:
    """Nodes and weights of the composite Gauss-Legendre rule on [0, 1].

    Args:
        count: nodes in a panel; NumPy's weights lose digits (6e-13 at 400), so keep it at 64 or less.
        panels: number of equal panels.

    Returns:
        Two arrays of shape `(panels * count,)`, float64 on the host.

    Example:
        >>> nodes, weights = gauss_legendre(8)
        >>> print(round(float((weights * nodes**3).sum()), 12))
        0.25
    """
    nodes, weights = np.polynomial.legendre.leggauss(count)
    starts = np.arange(panels)[:, None]
    return ((starts + (nodes + 1) / 2) / panels).ravel(), np.tile(weights / (2 * panels), panels)


def chebyshev_fit(function: Callable[[np.ndarray], np.ndarray], count: int) -> tuple[float, ...]:
    """Chebyshev coefficients of a host function on [-1, 1], interpolated at `count` Chebyshev points."""
    nodes = np.cos(np.pi * (np.arange(count) + 0.5) / count)
    return tuple(np.polynomial.chebyshev.chebfit(nodes, function(nodes), count - 1).tolist())


def chebyshev_sum(coefficients: Sequence[float] | Float[Array, "c"], x: Float[Array, "*n"]) -> Float[Array, "*n"]:
    """Sum of `coefficients[k] T_k(x)` by Clenshaw's recurrence, unrolled so that it fuses into one loop."""
    ahead, here = jnp.zeros_like(x), jnp.zeros_like(x)
    twice = 2 * x
    for k in range(len(coefficients) - 1, 0, -1):
        ahead, here = here, twice * here - ahead + coefficients[k]
    return x * here - ahead + coefficients[0]


def horner(coefficients: Sequence[float], x: Float[Array, "*n"]) -> Float[Array, "*n"]:
    """Sum of `coefficients[k] x**k`, lowest order first, unrolled so that it fuses into one loop."""
    value = jnp.full_like(x, coefficients[-1])
    for coefficient in coefficients[-2::-1]:
        value = value * x + coefficient
    return value
