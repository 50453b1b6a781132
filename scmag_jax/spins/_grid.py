"""What textures and their energies share: directions, sides of the sheet, bonds between neighbours."""

from typing import Any

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from .._checks import concrete, with_shape

BOUNDARIES = ("periodic", "open")


def unit_vector(name: str, value: Any) -> Float[Array, "3"]:
    """`value` as a direction, scaled to length one; a traced vector of length zero gives NaN."""
    vector = with_shape(name, value, (3,))
    known = concrete(value)
    if known is not None and not known.any():
        raise ValueError(f"{name} must not be a vector of length zero: it has no direction")
    return vector / jnp.sqrt(jnp.sum(vector**2))


def axis_number(axis: Any) -> int:
    """0 for "x", 1 for "y"."""
    if axis not in ("x", "y"):
        raise ValueError(f'axis must be "x" or "y", got {axis!r}')
    return "xy".index(axis)


def check_boundary(name: str, value: Any) -> tuple[str, str]:
    """`value` as the kind of boundary along x and along y."""
    if not isinstance(value, tuple | list) or len(value) != 2 or any(kind not in BOUNDARIES for kind in value):
        raise ValueError(f'{name} must be two of "periodic" and "open", along x and along y, got {value!r}')
    return tuple(value)


def neighbours(sites: jax.Array, axis: int, boundary: str) -> tuple[jax.Array, jax.Array]:
    """Both ends of every bond along an axis, each bond once; a side of length 1 has none."""
    if boundary == "periodic" and sites.shape[axis] > 1:
        return sites, jnp.roll(sites, -1, axis=axis)
    last = sites.shape[axis] - 1
    return jax.lax.slice_in_dim(sites, 0, last, axis=axis), jax.lax.slice_in_dim(sites, 1, None, axis=axis)
