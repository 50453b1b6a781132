"""Sums over all pairs of moments: directly in the open plane, by Ewald's method in a periodic box.

Both offer the same to `Ensemble`: separations and the two functions of distance that make up the interaction matrix,
the part of the energy that is not pairwise (Ewald's wave sum), and the potential `U` of `fields.py`, from which
currents and fields derive.
"""

from functools import partial
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float, Int

from .._checks import concrete
from ..numerics.special import struve_k0
from .coupling import PearlCoupling
from .ewald import (
    GAUSSIAN_EXPONENT,
    ShortRangeTable,
    long_range_spectrum,
    mixture_depth,
    self_term,
    short_range_gradient,
    short_range_mixture,
)
from .fields import screened_potential

POINT_CLOSEST = 1e-8  # of the split length: closest approach of a map's point to a moment that is resolved
SINGLE_CLOSEST = 1e-4  # the same in single precision, where the squared exponents of narrower Gaussians overflow
TRACED_CLOSEST = 1e-8  # of the mean spacing: closest approach resolved when positions are traced


class DirectSum(eqx.Module):
    """Pairs in the open plane."""

    positions: Float[Array, "n 2"]
    coupling: PearlCoupling

    def separations(self, index: Int[Array, "b"]) -> tuple[Float[Array, "b n"], Float[Array, "b n"]]:
        """Separations x, y of the moments of `index` from all moments."""
        return _separations(self.positions, index)

    def radial(self, square: Float[Array, "b n"], itself: Bool[Array, "b n"]) -> tuple[Float[Array, "b n"], ...]:
        """The two functions of distance of K_ab = p delta_ab - s r_a r_b; zero between a moment and itself."""
        square = jnp.where(itself, self.coupling.strength, square)
        r = jnp.sqrt(square)
        perpendicular = self.coupling.perpendicular(r)
        both = (perpendicular + self.coupling.parallel(r)) / square
        return jnp.where(itself, 0.0, perpendicular), jnp.where(itself, 0.0, both)

    def wave_energy(self, moments: Float[Array, "n 2"]) -> Float[Array, ""]:
        """Energy that is not a sum over pairs of rows: none here."""
        return jnp.zeros((), moments.dtype)

    def potential(self, moments: Float[Array, "n 2"]) -> Any:
        """`U(point, height)`; `height=None` is the film itself, by the faster Keldysh potential."""

        def charge(separation, height):
            if height is None:
                return struve_k0(jnp.sqrt(jnp.sum(separation**2)) / self.coupling.pearl_length)
            return screened_potential(separation, height, self.coupling.pearl_length)

        def one(moment, position, point, height):
            return jax.grad(charge)(point - position, height) @ moment

        def total(point, height=None):
            return jnp.sum(jax.vmap(one, (0, 0, None, None))(moments, self.positions, point, height))

        return total


class EwaldSum(eqx.Module):
    """Pairs and all their periodic images in a rectangular box; the term q = 0 is left out.

    The split length is as large as the nearest-image convention allows (the range of the near part is half the
    shorter side), times `split` <= 1. The waves count every moment with itself, strength/(4 tau^2) at most, which is
    taken off again: rounding is relative to that, and grows as `split` falls.
    """

    positions: Float[Array, "n 2"]
    coupling: PearlCoupling
    box: Float[Array, "2"]
    table: ShortRangeTable
    spectrum: Float[Array, "i j"]
    phases_x: Float[Array, "n k"]
    phases_y: Float[Array, "n l"]
    tau: float = eqx.field(static=True)
    closest: float = eqx.field(static=True)
    counts: tuple[int, int] = eqx.field(static=True)

    def __init__(self, positions: Float[Array, "n 2"], coupling: PearlCoupling, box: np.ndarray, split: float):
        self.positions, self.coupling = positions, coupling
        self.tau = float(split * np.min(box) / (4 * np.sqrt(GAUSSIAN_EXPONENT)))
        self.box = jnp.asarray(box, dtype=positions.dtype)
        highest = np.sqrt(GAUSSIAN_EXPONENT) / self.tau * np.asarray(box) / (2 * np.pi)
        self.counts = (int(highest[0]), int(highest[1]))
        known = concrete(positions)
        traced = TRACED_CLOSEST * np.sqrt(np.prod(box) / len(positions))
        # half of it leaves room for the rounding of separations on the device
        closest = traced if known is None else closest_distance(known, box) / 2
        # in powers of two, so that ensembles of one kind share one compilation
        self.closest = float(2.0 ** np.floor(np.log2(min(closest / self.tau, 1.0))))
        tau, kappa = jnp.asarray(self.tau, dtype=positions.dtype), 1 / coupling.pearl_length
        self.table = _short_range_table(tau, kappa, self.closest)
        self.phases_x, self.phases_y = _phases(positions, self.box, self.counts)
        self.spectrum = _far_spectrum(self.box, coupling, jnp.zeros((), positions.dtype), self.counts, self.tau)

    def separations(self, index: Int[Array, "b"]) -> tuple[Float[Array, "b n"], Float[Array, "b n"]]:
        """Separations x, y of the moments of `index` from the nearest images of all moments."""
        x, y = _separations(self.positions, index)
        return x - self.box[0] * jnp.round(x / self.box[0]), y - self.box[1] * jnp.round(y / self.box[1])

    def radial(self, square: Float[Array, "b n"], itself: Bool[Array, "b n"]) -> tuple[Float[Array, "b n"], ...]:
        """The two functions of distance of the near part; a moment with itself: less what the waves count for it."""
        isotropic, anisotropic = self.table(jnp.where(itself, self.tau**2, square))
        own = self_term(jnp.asarray(self.tau, dtype=square.dtype), 1 / self.coupling.pearl_length)
        strength = self.coupling.strength
        return strength * jnp.where(itself, -own, isotropic), strength * jnp.where(itself, 0.0, anisotropic)

    def wave_energy(self, moments: Float[Array, "n 2"]) -> Float[Array, ""]:
        """Far part of the energy, `1/2A sum_q W_long(q) |q.M(q)|^2` with M(q) the structure factor."""
        sine, cosine = self._structure(moments)
        # half of the waves stand for all: factor 2 times the 1/2 of the energy
        return self.coupling.strength * jnp.sum(self.spectrum * (cosine**2 + sine**2))

    def potential(self, moments: Float[Array, "n 2"]) -> Any:
        """`U(point, height)` of the periodic array."""
        sine, cosine = self._structure(moments)

        def total(point, height=None):
            height = jnp.zeros((), point.dtype) if height is None else height
            d = point[None] - self.positions
            d = d - self.box[None] * jnp.round(d / self.box[None])
            # NaN where the narrowest Gaussian does not resolve; a factor, so that derivatives are NaN too
            unresolved = jnp.sum(d**2, axis=-1) + height**2 < (self._point_closest * self.tau) ** 2
            unresolved = unresolved & jnp.any(moments != 0, axis=-1)  # no moment, no field
            d = d * jnp.where(unresolved, jnp.nan, 1.0)[:, None]
            weights, exponents = self._mixture(height)
            slope_x, slope_y = short_range_gradient(weights, exponents, d[:, 0], d[:, 1])
            near = jnp.sum(moments[:, 0] * slope_x + moments[:, 1] * slope_y)
            phase = _waves(self.box, self.counts) @ point
            spectrum = _far_spectrum(self.box, self.coupling, height, self.counts, self.tau)
            far = jnp.sum(spectrum * (cosine * jnp.sin(phase) - sine * jnp.cos(phase)))
            return near - 2 * far

        return total

    def _structure(self, moments):
        # sum_j (q.m_j) sin and cos(q.r_j): phases factorise in x and y, so that one product gives all waves
        half = self.phases_x.shape[1] // 2
        left = jnp.concatenate([moments[:, :1] * self.phases_x, moments[:, 1:] * self.phases_x], axis=1)
        products = (left.T @ self.phases_y).reshape(2, 2, half, 2, -1)
        sine = products[:, 0, :, 1] + products[:, 1, :, 0]
        cosine = products[:, 1, :, 1] - products[:, 0, :, 0]
        waves = _waves(self.box, self.counts)
        return tuple(waves[..., 0] * part[0] + waves[..., 1] * part[1] for part in (sine, cosine))

    def _mixture(self, height):
        tau = jnp.asarray(self.tau, dtype=self.positions.dtype)
        kappa = 1 / self.coupling.pearl_length
        return short_range_mixture(tau, kappa, height, depth=mixture_depth(self._point_closest))

    @property
    def _point_closest(self):
        return POINT_CLOSEST if self.positions.dtype == jnp.float64 else SINGLE_CLOSEST


def interaction_rows(interaction: DirectSum | EwaldSum, index: Int[Array, "b"]) -> Float[Array, "3 b n"]:
    """Components xx, xy, yy of K between the moments of `index` and all moments.

    Called outside jit it runs as two compiled steps: fused into one, XLA would evaluate the functions of distance
    once for every component.
    """
    return _components(interaction, index, *_radial(interaction, index))


@jax.jit
def _radial(interaction, index):
    x, y = interaction.separations(index)
    return interaction.radial(x * x + y * y, index[:, None] == jnp.arange(len(interaction.positions))[None, :])


@jax.jit
def _components(interaction, index, isotropic, anisotropic):
    x, y = interaction.separations(index)
    return jnp.stack([isotropic - anisotropic * x * x, -anisotropic * x * y, isotropic - anisotropic * y * y])


def closest_distance(positions: np.ndarray, box: np.ndarray | None = None) -> float:
    """Smallest distance between two of the positions (to the nearest image in a box), on the host.

    Sorted by x, each position is compared with its next neighbours until they are farther in x than the best so far.
    """
    positions = np.asarray(positions, float)
    if box is not None:
        positions = positions % box
    positions = positions[np.argsort(positions[:, 0])]
    count, best, shift = len(positions), np.inf, 1
    while shift < count:
        # the tail is compared with the head's images at x + Lx, so that pairs across the seam count
        dx = np.roll(positions[:, 0], -shift) - positions[:, 0]
        dy = np.roll(positions[:, 1], -shift) - positions[:, 1]
        if box is None:
            dx, dy = dx[: count - shift], dy[: count - shift]
        else:
            dx[count - shift :] += box[0]
            dy -= box[1] * np.round(dy / box[1])
        best = min(best, float(np.sqrt(dx**2 + dy**2).min()))
        if dx.min() > best:
            break
        shift += 1
    return best


def _separations(positions, index):
    block = positions[index]
    return block[:, None, 0] - positions[None, :, 0], block[:, None, 1] - positions[None, :, 1]


@partial(jax.jit, static_argnums=2)
def _short_range_table(tau, kappa, closest):
    return ShortRangeTable(tau, kappa, closest)


@partial(jax.jit, static_argnums=2)
def _phases(positions, box, counts):
    # sines and cosines of all orders along x and along y, side by side
    def both(k, orders):
        phase = 2 * jnp.pi / box[k] * positions[:, k, None] * jnp.asarray(orders, dtype=box.dtype)[None]
        return jnp.concatenate([jnp.sin(phase), jnp.cos(phase)], axis=1)

    return both(0, np.arange(counts[0] + 1)), both(1, np.arange(-counts[1], counts[1] + 1))


def _waves(box, counts):
    """Wavevectors of the upper half of a rectangle of orders, shape (i, j, 2)."""
    i, j = np.arange(counts[0] + 1), np.arange(-counts[1], counts[1] + 1)
    orders = np.stack(np.meshgrid(i, j, indexing="ij"), axis=-1)
    return 2 * jnp.pi * jnp.asarray(orders, dtype=box.dtype) / box[None, None]


@partial(jax.jit, static_argnums=(3, 4))
def _far_spectrum(box, coupling, height, counts, tau):
    waves = _waves(box, counts)
    square = jnp.sum(waves**2, axis=-1)
    # of a pair +-q one counts, of the axis i = 0 the upper half, and q = 0 not at all
    counted = (waves[..., 0] > 0) | (waves[..., 1] > 0)
    counted = counted & (square * tau**2 <= GAUSSIAN_EXPONENT)
    q = jnp.sqrt(jnp.where(counted, square, 1.0))
    spectrum = long_range_spectrum(q, jnp.asarray(tau, q.dtype), 1 / coupling.pearl_length, height)
    return jnp.where(counted, spectrum, 0.0) / (box[0] * box[1])
