"""What a texture holds: its topological charge, the place of a wall and the tilt inside."""

import functools
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from .._checks import concrete, with_shape
from ._grid import BOUNDARIES, axis_number, check_boundary, neighbours


def topological_charge(
    n: Float[Array, "Lx Ly 3"], boundary: tuple[str, str] = ("periodic", "periodic")
) -> Float[Array, ""]:
    """Topological charge: how often the texture covers the sphere, (1/4 pi) int n.(dn/dx x dn/dy).

    The sum of the solid angles of the two triangles of every plaquette,

        tan(A/2) = n1.(n2 x n3) / (1 + n1.n2 + n2.n3 + n3.n1)

    (Berg and Luscher, Nucl. Phys. B 190, 412 (1981)): an integer to rounding on a periodic sheet, whatever the texture,
    and the one of the continuum while neighbours differ by less than about 90 degrees. On an open sheet it is what the
    texture covers, about winding polarity / 2 for a vortex. A side of length 1 gives zero.

    Args:
        n: unit vectors, shape `(Lx, Ly, 3)`.
        boundary: "periodic" or "open" along x and along y.

    Returns:
        Scalar.

    Raises:
        ValueError: wrong shape, NaN, an unknown boundary.

    Example:
        >>> n = sm.textures.skyrmion((40, 40), [20.0, 20.0], radius=6.0, width=2.0, winding=-1)
        >>> print(f"{sm.textures.topological_charge(n):.6f}")
        -1.000000
    """
    n = with_shape("n", n, ("Lx", "Ly", 3))
    boundary = check_boundary("boundary", boundary)
    return _charge(n, boundary)


def wall_position(
    n: Float[Array, "Lx Ly 3"], guess: Any, axis: str = "x", boundary: str = "periodic"
) -> Float[Array, ""]:
    """Where the wall nearest to a guess is, between sites: the zero of the easy component.

    The easy component is n_y along x and n_x along y, averaged over the lines across. It is interpolated as
    `tanh((r0 - r)/width)`, exactly for one `domain_wall`. A second wall at a distance d moves the zero by some
    2 width exp(-d / width); that is part of the texture, no error of the search. For the shape of a wall that is not
    straight, look at one line, `n[:, j : j + 1]`. Differentiable in n.

    Args:
        n: unit vectors, shape `(Lx, Ly, 3)`.
        guess: where to look, in sites.
        axis: "x" or "y", along which n changes; static.
        boundary: "periodic" or "open" along that axis; static.

    Returns:
        r0 in sites; on a periodic sheet the image nearest to the guess, so that a wall that is followed through the
        seam goes on beyond L. NaN under `jax.jit` or `jax.vmap` where there is no wall.

    Raises:
        ValueError: wrong shapes, NaN, an unknown axis or boundary, no wall.

    Example:
        >>> n = sm.textures.domain_wall((80, 4), position=31.4, width=2.0, tilt=0.3)
        >>> print(f"{sm.textures.wall_position(n, guess=30.0):.4f}")
        31.4000
    """
    return _refuse_nan(_find_wall(n, guess, axis, boundary)[0], axis)


def wall_tilt(n: Float[Array, "Lx Ly 3"], guess: Any, axis: str = "x", boundary: str = "periodic") -> Float[Array, ""]:
    """Angle of n inside the wall nearest to a guess, at its `wall_position`; the `tilt` of `domain_wall`.

    Args:
        n: unit vectors, shape `(Lx, Ly, 3)`; lines across are averaged.
        guess: where to look, in sites.
        axis: "x" or "y", along which n changes; static.
        boundary: "periodic" or "open" along that axis; static.

    Returns:
        Radians, from -pi to pi: 0 = along z, pi/2 = along x (along y for a wall along y). For the wall at r = 0 of a
        "winding" texture it is tilt + pi. NaN under `jax.jit` or `jax.vmap` where there is no wall.

    Raises:
        ValueError: wrong shapes, NaN, an unknown axis or boundary, no wall.

    Example:
        >>> n = sm.textures.domain_wall((80, 4), position=31.4, width=2.0, tilt=0.3)
        >>> print(f"{sm.textures.wall_tilt(n, guess=30.0):.4f}")
        0.3000
    """
    _, inside = _find_wall(n, guess, axis, boundary)
    return _refuse_nan(jnp.arctan2(inside[0], inside[2]), axis)


@functools.partial(jax.jit, static_argnames="boundary")
def _charge(n, boundary):
    left, right = neighbours(n, 0, boundary[0])
    n00, n01 = neighbours(left, 1, boundary[1])
    n10, n11 = neighbours(right, 1, boundary[1])
    return jnp.sum(_solid_angle(n00, n10, n11) + _solid_angle(n00, n11, n01)) / (4 * jnp.pi)


def _solid_angle(n1, n2, n3):
    def dot(a, b):
        return jnp.sum(a * b, axis=-1)

    return 2 * jnp.arctan2(dot(n1, jnp.cross(n2, n3)), 1 + dot(n1, n2) + dot(n2, n3) + dot(n3, n1))


def _find_wall(n, guess, axis, boundary):
    """Position of the wall nearest to a guess and the mean vector there, turned as for a wall along x; else NaN."""
    n = with_shape("n", n, ("Lx", "Ly", 3))
    if n.shape[axis_number(axis)] < 2:
        raise ValueError(f"n must have two sites or more along {axis}, got shape {n.shape}")
    if boundary not in BOUNDARIES:
        raise ValueError(f'boundary must be "periodic" or "open", got {boundary!r}')
    guess = with_shape("guess", guess, ()).astype(n.dtype)
    return _nearest_wall(n, guess, axis, boundary)


@functools.partial(jax.jit, static_argnames=("axis", "boundary"))
def _nearest_wall(n, guess, axis, boundary):
    line = jnp.mean(n, axis=1 - axis_number(axis))
    length = line.shape[0]
    if axis == "y":
        line = jnp.stack([line[:, 1], -line[:, 0], line[:, 2]], axis=-1)
    below_one = 1 - jnp.finfo(n.dtype).eps
    height = jnp.arctanh(jnp.clip(line[:, 1], -below_one, below_one))  # linear in r inside a wall
    first, second = neighbours(height, 0, boundary)
    crossing = (first > 0) != (second > 0)
    fraction = first / jnp.where(crossing, first - second, 1.0)
    offset = jnp.arange(first.shape[0], dtype=n.dtype) + fraction - guess
    if boundary == "periodic":
        offset = offset - length * jnp.round(offset / length)
    nearest = jnp.argmin(jnp.where(crossing, jnp.abs(offset), jnp.inf))
    before, after = neighbours(line, 0, boundary)
    inside = before[nearest] + fraction[nearest] * (after[nearest] - before[nearest])
    found = jnp.any(crossing)
    return jnp.where(found, guess + offset[nearest], jnp.nan), jnp.where(found, inside, jnp.nan)


def _refuse_nan(value, axis):
    known = concrete(value)
    if known is not None and np.isnan(known):
        raise ValueError(f"n must have a wall along {axis}, but its easy component never changes sign there")
    return value
