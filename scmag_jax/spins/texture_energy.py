"""Energies of a texture in itself, to be added to those of a model: exchange, anisotropy, staggered field."""

from typing import Any

import equinox as eqx
import jax.numpy as jnp
from jaxtyping import Array, Float

from .._checks import not_negative, real_array, with_shape
from ..energy import FreeEnergy
from ._grid import check_boundary, neighbours, unit_vector


class Exchange(FreeEnergy):
    """Exchange energy of neighbours on a square lattice, every bond once.

        E = stiffness/2 sum_bonds |n_i - n_j|^2,    in the continuum  stiffness/2 int d2r |grad n|^2

    With an easy-axis `Anisotropy` along y it gives the wall of `textures.domain_wall`,

        th(r) = 2 atan exp((r - r0) / width),   width = sqrt(stiffness / (2 strength)),
        energy = 2 sqrt(2 stiffness strength) per line across it

    (the wall of Landau and Lifshitz, Phys. Z. Sowjetunion 8, 153 (1935)). On the lattice its energy is lower and its
    tail longer by a relative 1 / (24 width^2).

    Args:
        stiffness: energy, scalar, not negative.
        boundary: "periodic" or "open" along x and along y. A side of length 1 has no bonds, a periodic one of length 2
            has two.

    Raises:
        ValueError: a stiffness that is negative, not finite or no scalar; an unknown boundary; when called, n of
            another shape than `(Lx, Ly, 3)`.

    Example:
        >>> wall = sm.textures.domain_wall((80, 1), position=40.0, width=4.0, tilt=0.0)
        >>> F = sm.Exchange(1.0) + sm.Anisotropy(1 / 32, [0.0, 1.0, 0.0])
        >>> two_walls = F(wall) - F(sm.textures.uniform((80, 1), [0.0, 1.0, 0.0]))
        >>> print(f"{two_walls:.2f} {2 * 2 * jnp.sqrt(2 * 1.0 / 32):.2f}")
        1.00 1.00
    """

    stiffness: Float[Array, ""]
    boundary: tuple[str, str] = eqx.field(static=True)

    def __init__(self, stiffness: Any, boundary: Any = ("periodic", "periodic")):
        self.stiffness = not_negative("stiffness", stiffness)
        self.boundary = check_boundary("boundary", boundary)

    def __call__(self, n: Float[Array, "Lx Ly 3"]) -> Float[Array, ""]:
        """Energy of a texture, shape `(Lx, Ly, 3)`."""
        n = _texture(n)
        bonds = [neighbours(n, axis, kind) for axis, kind in enumerate(self.boundary)]
        squares = sum(jnp.sum((after - before) ** 2) for before, after in bonds)
        return 0.5 * self.stiffness.astype(n.dtype) * squares


class Anisotropy(FreeEnergy):
    """Uniaxial anisotropy, `E = -sum_i strength_i (n_i . axis)^2`: easy axis above zero, easy plane below.

    Args:
        strength: energy of a site, scalar or a map that broadcasts to `(Lx, Ly)`.
        axis: direction, shape `(3,)`, any length but zero.

    Raises:
        ValueError: NaN, a strength or axis of another shape, an axis of length zero; when called, n of another shape
            than `(Lx, Ly, 3)`, or one that the map does not fit.

    Example:
        >>> F = sm.Anisotropy(0.1, axis=[0.0, 0.0, 1.0])
        >>> print(f"{F(sm.textures.uniform((4, 5), [0.0, 0.0, -1.0])):.3f}")
        -2.000
    """

    strength: Float[Array, "*map"]
    axis: Float[Array, "3"]

    def __init__(self, strength: Any, axis: Any):
        self.strength = _scalar_or_map("strength", strength, ())
        self.axis = unit_vector("axis", axis)

    def __call__(self, n: Float[Array, "Lx Ly 3"]) -> Float[Array, ""]:
        """Energy of a texture, shape `(Lx, Ly, 3)`."""
        n = _texture(n)
        strength = _on_sites("strength", self.strength, n, ())
        return -jnp.sum(strength * jnp.tensordot(n, self.axis.astype(n.dtype), axes=1) ** 2)


class StaggeredField(FreeEnergy):
    """Energy of a Neel vector in a field that acts on it directly, `E = -sum_i field_i . n_i`.

    A uniform magnetic field does no such thing to an antiferromagnet; the field here is the staggered one, h = -dF/dn,
    of a spin-orbit torque or of a pinning site.

    Args:
        field: energy, shape `(3,)`, or a map that broadcasts to `(Lx, Ly, 3)`.

    Raises:
        ValueError: NaN, a field of another shape; when called, n of another shape than `(Lx, Ly, 3)`, or one that the
            map does not fit.

    Example:
        >>> F = sm.StaggeredField([0.0, 0.3, 0.0])
        >>> n = sm.textures.uniform((4, 5), [1.0, 0.0, 0.0])
        >>> print(f"{F(n):.1f}", sm.torque(F, n)[0, 0])
        -0.0 [0.  0.  0.3]
    """

    field: Float[Array, "*map 3"]

    def __init__(self, field: Any):
        self.field = _scalar_or_map("field", field, (3,))

    def __call__(self, n: Float[Array, "Lx Ly 3"]) -> Float[Array, ""]:
        """Energy of a texture, shape `(Lx, Ly, 3)`."""
        n = _texture(n)
        return -jnp.sum(_on_sites("field", self.field, n, (3,)) * n)


def _texture(n):
    return with_shape("n", n, ("Lx", "Ly", 3))


def _scalar_or_map(name, value, components):
    array = real_array(name, value)
    if array.shape == components or (array.ndim == 2 + len(components) and array.shape[2:] == components):
        return array
    one, many = components, ("Lx", "Ly", *components)
    raise ValueError(f"{name} must have shape {one} or ({', '.join(map(str, many))}), got {array.shape}")


def _on_sites(name, values, n, components):
    """One value, or the map, spread over the sites of a texture."""
    wanted = n.shape[:2] + components
    fits = all(have in (1, want) for have, want in zip(values.shape, wanted, strict=False))
    if values.ndim == len(wanted) and not fits:
        raise ValueError(f"{name} is a map of shape {values.shape}, which does not fit n of shape {n.shape}")
    return jnp.broadcast_to(values.astype(n.dtype), wanted)
