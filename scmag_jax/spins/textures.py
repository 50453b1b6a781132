"""Textures: fields of unit vectors on a sheet of Lx x Ly sites, axis order [ix, iy], lengths in sites."""

import functools
import math
import operator
import os
import pathlib
import zipfile
import zlib
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from .._checks import concrete, grid_shape, positive, with_shape
from ._grid import axis_number, unit_vector
from .diagnostics import topological_charge as topological_charge
from .diagnostics import wall_position as wall_position
from .diagnostics import wall_tilt as wall_tilt

# Images of a wall on either side. The sum is exact to exp(-16 L / width), 1e-14 for the widest wall allowed, L / 2;
# below L / 9 it is the sum over m = -4..4 to rounding, which the tabulated energies of walls were computed with.
WALL_IMAGES = 16
LENGTH_TOLERANCE = 0.01  # of the vectors in a file
NAMES_IN_FILE = ("moments", "n")


def uniform(shape: Any, direction: Any) -> Float[Array, "Lx Ly 3"]:
    """The same vector on every site.

    Args:
        shape: `(Lx, Ly)`, static.
        direction: shape `(3,)`, any length but zero.

    Returns:
        Unit vectors, shape `(Lx, Ly, 3)`.

    Raises:
        ValueError: a shape other than two positive integers, a direction of another shape, not finite or zero.

    Example:
        >>> print(sm.textures.uniform((4, 3), [0.0, 2.0, 0.0])[2, 1])
        [0. 1. 0.]
    """
    lx, ly = grid_shape("shape", shape)
    return jnp.broadcast_to(unit_vector("direction", direction), (lx, ly, 3))


def domain_wall(
    shape: Any, position: Any, width: Any, tilt: Any, axis: str = "x", closing: str = "return"
) -> Float[Array, "Lx Ly 3"]:
    """A 180 degree wall between domains along +y and -y, made periodic by a second wall at r = 0.

        n = (sin th sin tilt, cos th, sin th cos tilt)                      (Vakili 2026, Eq. 16, made periodic)
        "return"   th(r) =  pi + sum_m 2 [atan e^(x_m - position/width) - atan e^(x_m)],      x_m = (r - m L) / width
        "winding"  th(r) = -pi + sum_m {2 [atan e^(x_m - position/width) + atan e^(x_m)] - 2 pi [m < 0]}

    at the sites r = 0..L-1 of the axis. On 0 < r < position n = +y, beyond it n = -y. With
    "return" th goes back at r = 0 = L and n has the same direction inside both walls; with "winding" th goes on to a
    full turn, and n inside the wall at r = 0 is opposite. Along y the same profile has `n -> (-n_y, n_x, n_z)`: the
    domains are along -x and +x.

    The sum takes m = -16..16, which for width < L/9 is m = -4..4 to rounding. Differentiable in position, width and
    tilt, which may be traced; works under `jax.jit` and `jax.vmap`.

    Args:
        shape: `(Lx, Ly)`, static; a side across the wall may have length 1.
        position: r0 in sites, from 0 to L. Traced positions are not checked: outside, the wall has passed the one at
            r = 0 and n changes sign.
        width: in sites, positive and at most L / 2.
        tilt: angle of n inside the wall, radians: 0 = along z, pi/2 = along x (along y for a wall along y).
        axis: "x" or "y", along which n changes; static.
        closing: "return" or "winding"; static.

    Returns:
        Unit vectors, shape `(Lx, Ly, 3)`.

    Raises:
        ValueError: wrong shapes, NaN, a position or width out of range, an unknown axis or closing.

    Example:
        >>> n = sm.textures.domain_wall((50, 20), position=20.0, width=4.0, tilt=jnp.pi / 2)
        >>> print(n[10, 0].round(2), n[20, 0].round(2), n[35, 0].round(2))
        [0.32 0.95 0.  ] [ 1.   -0.01  0.  ] [ 0.09 -1.    0.  ]
    """
    lx, ly = grid_shape("shape", shape)
    along = axis_number(axis)
    length = (lx, ly)[along]
    if closing not in ("return", "winding"):
        raise ValueError(f'closing must be "return" or "winding", got {closing!r}')
    position = with_shape("position", position, ())
    known = concrete(position)
    if known is not None and not 0 <= known <= length:
        raise ValueError(f"position must be from 0 to {length}, the length along {axis}, got {known}")
    width = _at_most("width", positive("width", width), length / 2, f"half the length along {axis}")
    position, width, tilt = _same_type(position, width, with_shape("tilt", tilt, ()))
    line = _wall(length, position, width, tilt, axis, closing)
    return jnp.broadcast_to(jnp.expand_dims(line, 1 - along), (lx, ly, 3))


def vortex(
    shape: Any, position: Any, core: Any, winding: int = 1, helicity: Any = math.pi / 2, polarity: int = 1
) -> Float[Array, "Lx Ly 3"]:
    """An in-plane vortex whose core points out of the plane, on an open sheet: it is not periodic.

        n = (sin th cos ph, sin th sin ph, polarity cos th),  ph = winding arg(x + i y) + helicity
        tan th = sinh(r / core)

    so that n_z = polarity / cosh(r / core) falls off as exp(-r / core), like that of a vortex in an easy-plane magnet
    (Gouvea et al., Phys. Rev. B 39, 11840 (1989)); the profile itself is a smooth start, no solution: relax it. Higher
    windings have `tan th = sinh(r / (|winding| core))^|winding|`, the same tail and smooth at the centre as well.
    Differentiable in position, core and helicity, which may be traced.

    Args:
        shape: `(Lx, Ly)`, static.
        position: of the centre, shape `(2,)`, in sites; ((Lx - 1)/2, (Ly - 1)/2) is the middle.
        core: radius of the core in sites, positive.
        winding: turns of n around the centre, an integer other than 0; static.
        helicity: angle of n against the radius, radians: 0 = outwards, pi/2 = anticlockwise.
        polarity: n_z at the centre, 1 or -1; static.

    Returns:
        Unit vectors, shape `(Lx, Ly, 3)`.

    Raises:
        ValueError: wrong shapes, NaN, a core that is not positive, winding or polarity out of range.

    Example:
        >>> n = sm.textures.vortex((21, 21), position=[10.0, 10.0], core=2.0)
        >>> print(n[10, 10].round(3), n[20, 10].round(3))
        [0. 0. 1.] [0.    1.    0.013]
    """
    shape, position, winding = _check_centre(shape, position, winding, polarity)
    position, core, helicity = _same_type(position, positive("core", core), with_shape("helicity", helicity, ()))
    return _vortex(shape, position, core, winding, helicity, polarity)


def skyrmion(
    shape: Any, position: Any, radius: Any, width: Any, winding: int = 1, helicity: Any = 0.0, polarity: int = 1
) -> Float[Array, "Lx Ly 3"]:
    """A skyrmion with the profile of a 360 degree wall: n_z = polarity at the centre and -polarity far away.

        n = (sin th cos ph, sin th sin ph, polarity cos th),  ph = winding arg(x + i y) + helicity
        th = 2 atan[sinh(r / width) / sinh(radius / width)]

    (Wang, Yuan and Wang, Commun. Phys. 1, 31 (2018)). Higher windings w have
    `tan(th/2) = [sinh(r / (|w| width)) / sinh(radius / (|w| width))]^|w|`: the same radius and tail, and smooth at the
    centre as well. The `topological_charge` is winding polarity. Every site sees the nearest periodic image of the
    centre: across the seam n is smooth to some exp(-(L/2 - radius) / width). Differentiable in position, radius, width
    and helicity, which may be traced.

    Args:
        shape: `(Lx, Ly)`, static.
        position: of the centre, shape `(2,)`, in sites.
        radius: in sites, positive: there n_z = 0.
        width: of the wall around it in sites, positive.
        winding: turns of n around the centre, an integer other than 0; static.
        helicity: angle of n against the radius, radians: 0 = outwards (Neel), pi/2 = anticlockwise (Bloch).
        polarity: n_z at the centre, 1 or -1; static.

    Returns:
        Unit vectors, shape `(Lx, Ly, 3)`.

    Raises:
        ValueError: wrong shapes, NaN, radius or width not positive, winding or polarity out of range.

    Example:
        >>> n = sm.textures.skyrmion((40, 40), position=[20.0, 20.0], radius=6.0, width=2.0)
        >>> print(n[20, 20].round(3), n[26, 20].round(3), n[0, 0].round(3))
        [0. 0. 1.] [1. 0. 0.] [-0. -0. -1.]
        >>> print(f"{sm.textures.topological_charge(n):.6f}")
        1.000000
    """
    shape, position, winding = _check_centre(shape, position, winding, polarity)
    radius, width = positive("radius", radius), positive("width", width)
    position, radius, width, helicity = _same_type(position, radius, width, with_shape("helicity", helicity, ()))
    return _skyrmion(shape, position, radius, width, winding, helicity, polarity)


def load(path: str | os.PathLike) -> Float[Array, "Lx Ly 3"]:
    """A texture from a NumPy file: .npy, or .npz with an array named `moments` or `n`.

    Args:
        path: as written by `np.save(path, n)` or `np.savez(path, moments=n)`.

    Returns:
        Unit vectors, shape `(Lx, Ly, 3)`, scaled to unit length.

    Raises:
        FileNotFoundError: no such file.
        ValueError: no NumPy file, no array of that name, another shape than `(Lx, Ly, 3)`, vectors that are not finite
            or whose length is not 1 within 1 %. The message names the file.

    Example:
        >>> import pathlib, tempfile
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     path = pathlib.Path(folder) / "wall.npz"
        ...     np.savez(path, moments=sm.textures.domain_wall((50, 20), 20.0, 4.0, 0.0))
        ...     print(sm.textures.load(path).shape)
        (50, 20, 3)
    """
    n = _read(path)
    if n.ndim != 3 or n.shape[-1] != 3 or not n.size:
        raise ValueError(f"{path}: a texture must have shape (Lx, Ly, 3), got {n.shape}")
    if n.dtype.kind not in "fiu":
        raise ValueError(f"{path}: a texture must hold real numbers, got {n.dtype}")
    n = n.astype(np.float64)
    bad = int(np.sum(~np.isfinite(n)))
    if bad:
        raise ValueError(f"{path}: a texture must be finite, got {bad} NaN or infinite value(s)")
    length = np.linalg.norm(n, axis=-1)
    worst = np.unravel_index(np.argmax(np.abs(length - 1)), length.shape)
    if abs(length[worst] - 1) > LENGTH_TOLERANCE:
        site = tuple(int(i) for i in worst)
        raise ValueError(f"{path}: a texture must hold unit vectors, got one of length {length[worst]:.6g} at {site}")
    return jnp.asarray(n / length[..., None])


def _at_most(name, value, limit, what):
    """`value`, a positive scalar, unless it is above a limit."""
    message = f"{name} must be at most {limit:g}, {what}"
    known = concrete(value)
    if known is None:
        return eqx.error_if(value, value > limit, message)
    if known > limit:
        raise ValueError(f"{message}, got {known}")
    return value


def _same_type(*arrays):
    """Arrays in the widest of their float types, so that strict type promotion has nothing to refuse."""
    dtype = np.result_type(*(array.dtype for array in arrays))
    return [array.astype(dtype) for array in arrays]


@functools.partial(jax.jit, static_argnames=("length", "axis", "closing"))
def _wall(length, position, width, tilt, axis, closing):
    theta = _wall_angle(length, position, width, closing)
    n = jnp.sin(theta) * jnp.sin(tilt), jnp.cos(theta), jnp.sin(theta) * jnp.cos(tilt)
    return jnp.stack(n if axis == "x" else (-n[1], n[0], n[2]), axis=-1)


def _wall_angle(length, position, width, closing):
    images = length * jnp.arange(-WALL_IMAGES, WALL_IMAGES + 1, dtype=width.dtype)
    r = jnp.arange(length, dtype=width.dtype)[:, None] - images[None, :]
    moved, fixed = _gudermannian((r - position) / width), _gudermannian(r / width)
    if closing == "return":
        return jnp.pi + jnp.sum(moved - fixed, axis=-1)
    passed = jnp.where(images < 0, 2 * jnp.pi, 0.0).astype(width.dtype)
    return -jnp.pi + jnp.sum(jnp.pi + moved + fixed - passed[None, :], axis=-1)


def _gudermannian(x):
    """2 atan(e^x) - pi/2, by a form without the overflow that makes derivatives NaN."""
    return 2 * jnp.arctan(jnp.tanh(x / 2))


def _check_centre(shape, position, winding, polarity):
    shape = grid_shape("shape", shape)
    position = with_shape("position", position, (2,))
    try:
        turns = operator.index(winding)
    except TypeError:
        turns = 0
    if turns == 0:
        raise ValueError(f"winding must be an integer other than 0, got {winding!r}")
    if isinstance(polarity, jax.core.Tracer) or polarity not in (1, -1):
        raise ValueError(f"polarity must be 1 or -1, got {polarity!r}")
    return shape, position, turns


@functools.partial(jax.jit, static_argnames=("shape", "winding", "polarity"))
def _vortex(shape, position, core, winding, helicity, polarity):
    x, y = (jnp.arange(side, dtype=core.dtype) - r0 for side, r0 in zip(shape, position, strict=True))
    re, im = _stereographic(x, y, core, jnp.zeros_like(core), winding, helicity)
    norm = jnp.sqrt(1 + re**2 + im**2)
    return jnp.stack([re / norm, im / norm, polarity / norm], axis=-1)


@functools.partial(jax.jit, static_argnames=("shape", "winding", "polarity"))
def _skyrmion(shape, position, radius, width, winding, helicity, polarity):
    x, y = (_wrap(jnp.arange(side, dtype=width.dtype) - r0, side) for side, r0 in zip(shape, position, strict=True))
    ratio = radius / (abs(winding) * width)
    level = _log_sinhc(ratio**2) + jnp.log(ratio)
    re, im = _stereographic(x, y, width, level, winding, helicity)
    square = re**2 + im**2
    return jnp.stack([2 * re, 2 * im, polarity * (1 - square)], axis=-1) / (1 + square)[..., None]


def _wrap(distance, side):
    return jnp.mod(distance + side / 2, side) - side / 2


def _stereographic(x, y, width, level, winding, helicity):
    """Real and imaginary part of e^(i helicity) (sinh(r / w) e^(i arg) / e^level)^winding, w = |winding| width.

    The power of a function that is smooth at the centre, and never of its modulus and angle, which are not.
    """
    turns = abs(winding)
    x, y = jnp.meshgrid(x / (turns * width), y / (turns * width), indexing="ij")
    square = x**2 + y**2
    # beyond a radius of 1 / rounding the texture is uniform; its fourth power, in derivatives, must not overflow
    largest = (1 - math.log(jnp.finfo(square.dtype).eps)) / turns
    farthest = largest - 0.5 * jnp.log(jnp.maximum(square, 1.0))
    scale = jnp.exp(jnp.minimum(_log_sinhc(square) - level, farthest))
    one = jax.lax.complex(scale * x, scale * y if winding > 0 else -scale * y)
    power = jax.lax.integer_pow(one, turns)
    re, im = jnp.real(power), jnp.imag(power)
    cos, sin = jnp.cos(helicity), jnp.sin(helicity)
    return cos * re - sin * im, sin * re + cos * im


def _log_sinhc(square):
    """ln(sinh(x) / x) as a function of x^2, in which it is smooth: below 1 by its series, to rounding."""
    near = square < 1
    u = jnp.where(near, square, 0.0)
    series = jnp.ones_like(u)
    for k in range(9, 0, -1):
        series = 1 + u / (2 * k * (2 * k + 1)) * series
    # both branches at harmless places: a NaN of the one not taken would spoil the derivative
    x = jnp.sqrt(jnp.where(near, 1.0, square))
    return jnp.where(near, jnp.log(series), x + jnp.log1p(-jnp.exp(-2 * x)) - jnp.log(2 * x))


def _read(path):
    try:
        stored = np.load(pathlib.Path(path), allow_pickle=False)
        if isinstance(stored, np.ndarray):
            return stored
        with stored:
            found = [name for name in NAMES_IN_FILE if name in stored.files]
            if found:
                return stored[found[0]]
            names = sorted(stored.files)
    except (ValueError, EOFError, zipfile.BadZipFile, zlib.error) as error:
        raise ValueError(f"{path} is no NumPy file that can be read: {error}") from error
    raise ValueError(f"{path} must hold an array named moments or n, got {names}")
