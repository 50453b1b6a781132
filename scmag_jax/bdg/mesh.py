"""Momentum meshes, in chunks that fit the cache: uniform on the lattice, Gauss-Legendre in the continuum."""

from typing import Any

import equinox as eqx
import jax.numpy as jnp
from jaxtyping import Array, Float

from .._checks import concrete, grid_shape, positive, with_shape
from ..numerics.quadrature import gauss_legendre

CHUNK = 2**16  # momenta worked on at once: enough to fill two cores, little enough to stay near the caches


class Mesh(eqx.Module):
    """Momenta and weights, which broadcast to `(chunk, momentum, momentum)`.

    A product mesh keeps one row of momenta along each direction: it takes no memory, and its sines and cosines cost
    nothing.

    Attributes:
        kx: x components, lattice constant 1.
        ky: y components.
        weight_x: with `weight_y`, the factors of every momentum's weight in the sum that stands for the average over
            the zone, or for the integral of d2k / (2 pi)^2; zero where a chunk is filled up.
        weight_y: see there.
        dispersion: "lattice" or "continuum", what the weights stand for.
    """

    kx: Float[Array, "chunk p 1"]
    ky: Float[Array, "#chunk #p s"]
    weight_x: Float[Array, "chunk p 1"]
    weight_y: Float[Array, "1 1 s"]
    dispersion: str = eqx.field(static=True)

    @property
    def weight(self) -> Float[Array, "chunk p s"]:
        """The weight of every momentum."""
        return self.weight_x * self.weight_y

    @property
    def size(self) -> int:
        """Number of momenta, filling included."""
        return self.weight_x.size * self.weight_y.size

    @property
    def largest(self) -> Float[Array, ""]:
        """The largest modulus of a momentum, or a bound of it."""
        return jnp.hypot(jnp.max(jnp.abs(self.kx)), jnp.max(jnp.abs(self.ky)))


def momentum_mesh(mesh: Any, dispersion: str, cutoff: Any, mesh_offset: Any) -> Mesh:
    """The mesh that the arguments of `UniformBdG` ask for; refuses what does not belong together."""
    offset = with_shape("mesh_offset", mesh_offset, (2,))
    known = concrete(mesh_offset)
    shifted = known is None or bool(known.any())
    if isinstance(mesh, Mesh):
        check_dispersion(dispersion, cutoff, needed=False)
        if cutoff is not None or shifted:
            raise ValueError("cutoff and mesh_offset belong to a mesh given by its shape; a Mesh has its own momenta")
        if mesh.dispersion != dispersion:
            raise ValueError(f'mesh is one of the {mesh.dispersion}: give dispersion="{mesh.dispersion}"')
        return mesh
    shape = grid_shape("mesh", mesh)
    limit = check_dispersion(dispersion, cutoff)
    if limit is None:
        return uniform_mesh(shape, offset)
    if shifted:
        raise ValueError('mesh_offset belongs to dispersion="lattice"')
    return square_mesh(shape, limit)


def check_dispersion(dispersion: str, cutoff: Any, *, needed: bool = True) -> Float[Array, ""] | None:
    """The cut-off of the continuum, None for the lattice."""
    if dispersion not in ("lattice", "continuum"):
        raise ValueError(f'dispersion must be "lattice" or "continuum", got {dispersion!r}')
    if dispersion == "lattice":
        if cutoff is not None:
            raise ValueError('cutoff belongs to dispersion="continuum"; the lattice has its Brillouin zone')
        return None
    if cutoff is None:
        if needed:
            raise ValueError('cutoff must be given for dispersion="continuum": the free energy diverges with it')
        return None
    return positive("cutoff", cutoff).astype(float)


def uniform_mesh(shape: tuple[int, int], offset: Float[Array, "2"]) -> Mesh:
    """`k = 2 pi (m + offset) / shape`, every momentum with weight 1 / (nx ny)."""
    sides = [
        (2 * jnp.pi * (jnp.arange(count, dtype=offset.dtype) + offset[axis]) / count, jnp.full(count, 1 / count))
        for axis, count in enumerate(shape)
    ]
    return _product(sides, "lattice")


def square_mesh(shape: tuple[int, int], cutoff: Float[Array, ""]) -> Mesh:
    """Gauss-Legendre nodes in |kx|, |ky| < cutoff, with the weights of `int d2k / (2 pi)^2`."""
    sides = []
    for count in shape:
        # panels of at most 64 nodes, whose weights are exact to rounding, where the count has such a divisor
        panels = next((p for p in range(1, count + 1) if count % p == 0 and 16 <= count // p <= 64), 1)
        rule = gauss_legendre(count // panels, panels)
        nodes, weights = (jnp.asarray(values, dtype=cutoff.dtype) for values in rule)
        sides.append((cutoff * (2 * nodes - 1), cutoff * weights / jnp.pi))
    return _product(sides, "continuum")


def point_mesh(points: Any, weights: Any, dispersion: str) -> Mesh:
    """Any points, shape `(p, 2)`, with weights of shape `(p,)`."""
    kx, ky, weight = (_chunks(jnp.asarray(a), CHUNK)[..., None] for a in (points[:, 0], points[:, 1], weights))
    return Mesh(kx, ky, weight, jnp.ones((1, 1, 1), weight.dtype), dispersion)


def _product(sides, dispersion):
    (kx, weight_x), (ky, weight_y) = sides
    rows = max(1, CHUNK // ky.size)
    kx, weight_x = _chunks(kx, rows)[..., None], _chunks(weight_x, rows)[..., None]
    return Mesh(kx, ky[None, None, :], weight_x, weight_y[None, None, :], dispersion)


def _chunks(values, size):
    # at least two: XLA runs a loop of one pass inlined, several times slower
    count = max(min(2, values.size), -(-values.size // size))
    size = -(-values.size // count)  # even, so that little is filled up
    return jnp.pad(values, (0, count * size - values.size)).reshape(count, size)
