"""Disorder that is a property of the sample and not of the grid: Gaussian maps with a correlation length."""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from .._checks import concrete, plain_number

REACH = 12  # sites of the lattice: exp(-(REACH / 2)^2) is below rounding


def correlated_normal(x: Any, y: Any, length: Any, key: Any) -> Float[Array, "nx ny"]:
    r"""Normal numbers of variance 1 on a grid, correlated as `exp(-(r / length)^2)`: one sample, whatever the grid.

        w(r) = (2 pi)^(-1/2) sum_j xi_j exp(-2 |r - r_j|^2 / length^2),    r_j = length (integer, integer) / sqrt(8)

    with independent normal numbers xi that belong to the site and the key alone: a finer or a larger grid shows more of
    the same map. The lattice itself shows in variance and correlation by a relative 1e-8 (re-derived, with Poisson's
    sum).

    Args:
        x: positions along x, `(nx,)`, in the unit of `length`; they have to be known.
        y: along y, `(ny,)`.
        length: correlation length, at which the correlation has fallen to 1/e; 0 gives each point a number of its own,
            and so another sample on another grid.
        key: of `jax.random`.

    Raises:
        ValueError: positions that are unknown or no `(nx,)`, a negative length, or one so small against the extent of
            the grid that more than 10^8 sites were needed.

    Example:
        >>> x = np.arange(5) * 1.0
        >>> w = correlated_normal(x, x, 2.0, jax.random.key(0))
        >>> finer = correlated_normal(np.arange(9) / 2, x, 2.0, jax.random.key(0))
        >>> print(w.shape, bool(jnp.allclose(finer[::2], w)))
        (5, 5) True
    """
    x, y = _positions("x", x), _positions("y", y)
    length = plain_number("length", length)
    if length < 0:
        raise ValueError(f"length must not be negative, got {length}")
    if length == 0:
        return jax.random.normal(key, (len(x), len(y)), dtype=float)
    apart = length / np.sqrt(8)  # of the sites: half a width of the smearing Gaussian
    sites = [np.arange(np.floor(a.min() / apart) - REACH, np.ceil(a.max() / apart) + REACH + 1) for a in (x, y)]
    if len(sites[0]) * len(sites[1]) > 1e8:
        raise ValueError(f"length must be 0 or longer: {length} is too short for a grid as large as that")
    along_x, along_y = (np.exp(-((a[:, None] / apart - s) ** 2) / 4) for a, s in zip((x, y), sites, strict=True))
    norm = np.sqrt(2 * np.pi)  # squared, the sum of exp(-a^2 / 2) over a lattice, in both directions
    return jnp.asarray(along_x / norm) @ _noise(key, *sites) @ jnp.asarray(along_y.T)


def _noise(key, *sites):
    """A normal number for each site, which knows nothing of the others."""
    i, j = (jnp.asarray(s.astype(np.int64).astype(np.uint32)) for s in sites)
    of_row = lambda k: jax.vmap(lambda l: jax.random.normal(jax.random.fold_in(k, l), dtype=float))(j)
    return jax.vmap(lambda k: of_row(jax.random.fold_in(key, k)))(i)


def _positions(name, value):
    known = concrete(value)
    if known is None or known.ndim != 1 or not np.issubdtype(known.dtype, np.number) or not np.isfinite(known).all():
        raise ValueError(f"{name} must be known positions, finite and of shape (n{name},)")
    return known.astype(float)
