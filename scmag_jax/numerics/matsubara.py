"""Sums over fermionic Matsubara frequencies, to rounding, with a fixed number of evaluations."""

from collections.abc import Callable

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from .quadrature import gauss_legendre

Scalar = Float[Array, ""]

DIRECT_TERMS = 96  # the first dropped Euler-Maclaurin term, 31 f^(5)/967680, is then below 1e-15 for 1/u^2
PANEL = 5.0  # of log u; the nearest singularity, pi/2 off the real axis, then costs 32 nodes 3e-17
PANELS = {
    "float64": 12,
    "float32": 4,
}  # the tail reaches u = 96 e^60, or as far as u^3 is a single-precision number
PANEL_NODES = 32


def matsubara_sum(f: Callable[[Scalar], Scalar]) -> Scalar:
    r"""Sum of `f(n + 1/2)` over n = 0, 1, 2, ... for a smooth, algebraically decaying `f`.

    The first `N = 96` terms are added; the rest is the midpoint form of the Euler-Maclaurin formula (DLMF
    2.10.1, with the Bernoulli polynomials at 1/2):

        sum_{n >= N} f(n + 1/2) = int_N^inf f du + f'(N)/24 - 7 f'''(N)/5760 + ...

    with the integral by Gauss-Legendre quadrature in `log u`, which resolves every scale of `f` up to `1e12`.
    The sum is accurate to rounding when the singularities of `f` lie near the imaginary axis of u, which
    holds for functions of a Matsubara frequency. The result is as differentiable as `f` is.

    Args:
        f: function of a positive scalar, falling at least as fast as 1/u^2. In units of 2 pi T the Matsubara
            frequencies are `u = n + 1/2`.

    Returns:
        The sum, a scalar.

    Example:
        >>> print(f"{matsubara_sum(lambda u: 1 / u**2):.12f}")  # pi^2 / 2
        4.934802200545
    """
    panels = PANELS[jnp.zeros(()).dtype.name]
    nodes, weights = gauss_legendre(PANEL_NODES, panels)
    reach = PANEL * panels
    tail = DIRECT_TERMS * np.exp(reach * nodes)
    points = np.concatenate([np.arange(DIRECT_TERMS) + 0.5, tail])
    measure = np.concatenate([np.ones(DIRECT_TERMS), reach * weights * tail])
    values = jax.vmap(f)(jnp.asarray(points, dtype=float))

    first = _derivative(f)
    third = _derivative(_derivative(first))
    edge = jnp.asarray(DIRECT_TERMS, dtype=float)
    correction = first(edge) / 24 - 7 * third(edge) / 5760
    return jnp.sum(values * jnp.asarray(measure, dtype=float)) + correction


def _derivative(f: Callable[[Scalar], Scalar]) -> Callable[[Scalar], Scalar]:
    return lambda u: jax.jvp(f, (u,), (jnp.ones_like(u),))[1]
