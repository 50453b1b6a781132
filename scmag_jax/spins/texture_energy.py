"""Energies of a texture in itself, to be added to those of a model: exchange, anisotropy, staggered field."""

from typing import Any

import equinox as eqx
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float

from .._checks import concrete, not_negative, real_array
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

    The moments of a film are vectors of any length; they may end before the grid does, with bonds between two cells of
    `mask` only.

    Args:
        stiffness: energy, scalar, not negative.
        boundary: "periodic" or "open" along x and along y. A side of length 1 has no bonds, a periodic one of length 2
            has two.
        mask: sites that have bonds, booleans `(Lx, Ly)`; None is all.

    Raises:
        ValueError: a stiffness that is negative, not finite or no scalar; an unknown boundary; a mask of numbers or of
            another number of axes; when called, n of another shape than `(Lx, Ly, 2)` or `(Lx, Ly, 3)`, or one that
            the mask does not fit.

    Example:
        >>> wall = sm.textures.domain_wall((80, 1), position=40.0, width=4.0, tilt=0.0)
        >>> F = sm.Exchange(1.0) + sm.Anisotropy(1 / 32, [0.0, 1.0, 0.0])
        >>> two_walls = F(wall) - F(sm.textures.uniform((80, 1), [0.0, 1.0, 0.0]))
        >>> print(f"{two_walls:.2f} {2 * 2 * jnp.sqrt(2 * 1.0 / 32):.2f}")
        1.00 1.00
        >>> m = jnp.zeros((3, 1, 2)).at[1, 0, 0].set(0.5)  # one bond of the four
        >>> print(sm.Exchange(1.0, mask=np.array([[True], [True], [False]]), boundary=("open", "open"))(m))
        0.125
    """

    stiffness: Float[Array, ""]
    boundary: tuple[str, str] = eqx.field(static=True)
    mask: Bool[Array, "Lx Ly"] | None

    def __init__(self, stiffness: Any, boundary: Any = ("periodic", "periodic"), *, mask: Any = None):
        self.stiffness = not_negative("stiffness", stiffness)
        self.boundary = check_boundary("boundary", boundary)
        self.mask = None if mask is None else _sites(mask)

    def __call__(self, n: Float[Array, "Lx Ly c"]) -> Float[Array, ""]:
        """Energy of a texture, shape `(Lx, Ly, 3)`, or `(Lx, Ly, 2)` in the plane."""
        n = _texture(n)
        if self.mask is not None and self.mask.shape != n.shape[:2]:
            raise ValueError(f"mask has shape {self.mask.shape}, which does not fit n of shape {n.shape}")
        squares = sum(self._squares(n, axis, kind) for axis, kind in enumerate(self.boundary))
        return 0.5 * self.stiffness.astype(n.dtype) * squares

    def _squares(self, n, axis, kind):
        before, after = neighbours(n, axis, kind)
        difference = after - before
        if self.mask is not None:
            one, other = neighbours(self.mask, axis, kind)
            difference = jnp.where((one & other)[..., None], difference, 0.0)
        return jnp.sum(difference**2)


class Anisotropy(FreeEnergy):
    """Uniaxial anisotropy, `E = -sum_i strength_i (n_i . axis)^2`: easy axis above zero, hard axis below.

    Args:
        strength: energy of a site, scalar or a map that broadcasts to `(Lx, Ly)`.
        axis: direction, shape `(3,)`, or `(2,)` for moments in the plane; any length but zero.

    Raises:
        ValueError: NaN, a strength or axis of another shape, an axis of length zero; when called, n of another shape
            than `(Lx, Ly, 3)`, or `(Lx, Ly, 2)` with such an axis, or one that the map does not fit.

    Example:
        >>> F = sm.Anisotropy(0.1, axis=[0.0, 0.0, 1.0])
        >>> print(f"{F(sm.textures.uniform((4, 5), [0.0, 0.0, -1.0])):.3f}")
        -2.000
    """

    strength: Float[Array, "*map"]
    axis: Float[Array, "c"]

    def __init__(self, strength: Any, axis: Any):
        self.strength = _scalar_or_map("strength", strength, ())
        planar = np.shape(axis) == (2,)
        self.axis = unit_vector("axis", [*axis, 0.0])[:2] if planar else unit_vector("axis", axis)

    def __call__(self, n: Float[Array, "Lx Ly c"]) -> Float[Array, ""]:
        """Energy of a texture, shape `(Lx, Ly, 3)`, or `(Lx, Ly, 2)` in the plane."""
        n = _texture(n, self.axis.shape[0])
        strength = _on_sites("strength", self.strength, n, ())
        return -jnp.sum(strength * jnp.tensordot(n, self.axis.astype(n.dtype), axes=1) ** 2)


class StaggeredField(FreeEnergy):
    """Energy of a Neel vector in a field that acts on it directly, `E = -sum_i field_i . n_i`.

    A uniform magnetic field does no such thing to an antiferromagnet; the field here is the staggered one, h = -dF/dn,
    of a spin-orbit torque or of a pinning site.

    Args:
        field: energy, shape `(3,)`, or a map that broadcasts to `(Lx, Ly, 3)`; two components for moments in the plane.

    Raises:
        ValueError: NaN, a field of another shape; when called, n of another shape than `(Lx, Ly, 3)`, or `(Lx, Ly, 2)`
            with such a field, or one that the map does not fit.

    Example:
        >>> F = sm.StaggeredField([0.0, 0.3, 0.0])
        >>> n = sm.textures.uniform((4, 5), [1.0, 0.0, 0.0])
        >>> print(f"{F(n):.1f}", sm.torque(F, n)[0, 0])
        -0.0 [0.  0.  0.3]
    """

    field: Float[Array, "*map c"]

    def __init__(self, field: Any):
        planar = np.shape(field)[-1:] == (2,)
        self.field = _scalar_or_map("field", field, (2,) if planar else (3,))

    def __call__(self, n: Float[Array, "Lx Ly c"]) -> Float[Array, ""]:
        """Energy of a texture, shape `(Lx, Ly, 3)`, or `(Lx, Ly, 2)` in the plane."""
        n = _texture(n, self.field.shape[-1])
        return -jnp.sum(_on_sites("field", self.field, n, self.field.shape[-1:]) * n)


def _texture(n, *components):
    """Moments of three components, of two in the plane, or of the number that goes with a vector."""
    n, components = real_array("n", n), components or (2, 3)
    if n.ndim != 3 or n.shape[2] not in components:
        raise ValueError(f"n must have shape {' or '.join(f'(Lx, Ly, {c})' for c in components)}, got {n.shape}")
    return n


def _sites(mask):
    known = concrete(mask)
    kind = np.dtype(mask.dtype if known is None else known.dtype).kind
    if np.ndim(mask) != 2 or kind != "b":
        raise ValueError(f"mask must be booleans of shape (Lx, Ly), got shape {np.shape(mask)}")
    return jnp.asarray(mask)


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
