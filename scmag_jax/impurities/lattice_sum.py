"""The lattice sum J(k) behind `BravaisLattice`: Gaussian sums over lattice vectors and over wavevectors."""

from functools import cache, partial

import jax
import jax.numpy as jnp
import numpy as np

from .ewald import (
    GAUSSIAN_EXPONENT,
    long_range_at_film,
    mixture_depth,
    self_term,
    short_range_mixture,
    short_range_tensor,
)


@partial(jax.jit, static_argnums=3)
def interactions(lattice, coupling, k, split=None):
    """J(k) for a stack of wavevectors, shape (m, 2) -> (m, 2, 2); the real-space tensor is shared by all."""
    vectors = reduced(lattice.vectors)
    area = jnp.abs(cross(vectors[0], vectors[1]))
    factor = 1.0 if split is None else split
    tau, kappa = factor * jnp.sqrt(area / (4 * jnp.pi)), 1 / coupling.pearl_length
    reciprocal = reciprocal_vectors(vectors)

    near = jnp.asarray(_half_set(lattice.aspect, factor), dtype=vectors.dtype) @ vectors
    closest = np.sqrt(4 * np.pi / lattice.aspect) / factor
    weights, exponents = short_range_mixture(tau, kappa, 0.0 * tau, depth=mixture_depth(float(closest)))
    xx, xy, yy = short_range_tensor(weights, exponents, near[:, 0], near[:, 1])
    cosine = 2 * jnp.cos(k @ near.T)
    short = cosine @ jnp.stack([xx, xy, xy, yy], axis=-1)

    # J is periodic in k: bring k into the cell around the origin, so that the set of G is centred on it
    inside = k - jax.lax.stop_gradient(jnp.round(k @ vectors.T / (2 * jnp.pi))) @ reciprocal
    far = jnp.asarray(_full_set(lattice.aspect, factor), dtype=vectors.dtype) @ reciprocal
    q = inside[:, None, :] + far[None, :, :]
    square = jnp.sum(q**2, axis=-1)
    # q = 0, which is left out, within the rounding of k as it came: k and fractions of it are rounded relative to k,
    # and reciprocal vectors relative to the flatness of the cell
    flatness = jnp.sqrt(jnp.prod(jnp.sum(lattice.vectors**2, axis=-1))) / area
    rounding = 8 * jnp.finfo(k.dtype).eps * flatness * jnp.sqrt(jnp.sum(k**2, axis=-1))
    origin = square <= jax.lax.stop_gradient(rounding**2)[:, None]
    spectrum = long_range_at_film(jnp.sqrt(jnp.where(origin, 1 / area, square)), tau, kappa)
    spectrum = jnp.where(origin, 0.0, spectrum) / area
    long = jnp.einsum("mg,mga,mgb->mab", spectrum, q, q)

    own = self_term(tau, kappa) * jnp.eye(2, dtype=q.dtype)
    return coupling.strength * (short.reshape(-1, 2, 2) + long - own[None])


def reduced(vectors):
    """The two shortest independent vectors of the lattice, shorter first (Lagrange-Gauss reduction)."""

    # every round at least halves the excess; the integers carry no derivative
    def shorten(_, vectors):
        swap = jnp.sum(vectors[1] ** 2) < jnp.sum(vectors[0] ** 2)
        vectors = jnp.where(swap, vectors[::-1], vectors)
        times = jnp.round(jnp.sum(vectors[0] * vectors[1]) / jnp.sum(vectors[0] ** 2))
        return jnp.stack([vectors[0], vectors[1] - jax.lax.stop_gradient(times) * vectors[0]])

    vectors = jax.lax.fori_loop(0, 16, shorten, vectors)
    swap = jnp.sum(vectors[1] ** 2) < jnp.sum(vectors[0] ** 2)
    return jnp.where(swap, vectors[::-1], vectors)


def length_ratio(vectors):
    """Length of the second vector over that of the first."""
    lengths = (vectors**2).sum(-1)
    return (lengths[1] / lengths[0]) ** 0.5


def reciprocal_vectors(vectors):
    """Reciprocal vectors in rows, `b_i . a_j = 2 pi delta_ij`."""
    turned = jnp.stack([jnp.stack([vectors[1, 1], -vectors[1, 0]]), jnp.stack([-vectors[0, 1], vectors[0, 0]])])
    return 2 * jnp.pi * turned / cross(vectors[0], vectors[1])


def cross(a, b):
    """The z component of a x b."""
    return a[0] * b[1] - a[1] * b[0]


@cache
def _half_set(aspect, factor):
    # lattice vectors within the Gaussian range of a reduced basis, one of each pair +-R, without the origin
    return [(i, j) for i, j in _within_range(aspect, 2 * np.sqrt(GAUSSIAN_EXPONENT) * factor, 0) if (i, j) > (0, 0)]


@cache
def _full_set(aspect, factor):
    # wavevectors within the Gaussian range of any k in the cell; the reciprocal basis has the same shape, turned
    return [(j, -i) for i, j in _within_range(aspect, 2 * np.sqrt(GAUSSIAN_EXPONENT) / factor, 0.5)]


def _within_range(aspect, reach, margin):
    """Integer pairs (i, j) that lie within `reach` sqrt(area / 4 pi) for some reduced cell up to that aspect.

    A reduced cell has an angle between 60 and 120 degrees; `margin` widens the range by that part of a cell.
    """
    ratio = np.geomspace(1, aspect, 17)[:, None, None] if aspect > 1 else np.ones((1, 1, 1))
    angle = np.linspace(np.pi / 3, 2 * np.pi / 3, 25)[None, :, None]
    # of a flat cell the long vector counts less the longer it is; a k in the cell moves either index by 1/2
    furthest = 2 / np.sqrt(3) * reach / np.sqrt(4 * np.pi)
    first, second = int(np.ceil(furthest * np.sqrt(aspect) + 1)), int(np.ceil(1.02 * furthest + 2))
    radius = reach * np.sqrt(ratio * np.sin(angle) / (4 * np.pi))
    # a k in the cell is at most half of both vectors away
    range_squared = (1.02 * radius + margin * (1 + ratio)) ** 2
    j = np.arange(-second, second + 1)
    pairs = []
    for i in range(-first, first + 1):  # one row at a time bounds the memory
        kept = (i**2 + 2 * i * j * ratio * np.cos(angle) + (j * ratio) ** 2 <= range_squared).any(axis=(0, 1))
        pairs += [(i, int(column)) for column in j[kept]]
    return pairs
