"""Maps over the sites of a lattice as they come: their sides, and what is refused.

A side of length 1 stands for one along which nothing varies.
"""

import operator

import equinox as eqx
import jax.numpy as jnp
import numpy as np

from .._checks import concrete, positive, real_array, with_shape

SIDES = ("periodic", "open")


def is_uniform(array, axis):
    """Whether the array is known not to vary along an axis."""
    known = concrete(array) if array.shape[axis] > 1 else None
    return array.shape[axis] == 1 or (known is not None and bool((known == known.take([0], axis)).all()))


def with_sides(name, array, shape):
    """The array with its two sides, of the lattice's length or 1."""
    array = array.reshape(*[1] * (len(shape) - array.ndim), *array.shape)
    if array.ndim != len(shape) or any(a not in (1, b) for a, b in zip(array.shape, shape, strict=True)):
        raise ValueError(
            f"{name} must have shape {shape}, or 1 for a side along which it does not vary, got {array.shape}"
        )
    return array


def gap_pair(gap, shape):
    """Real and imaginary part, stacked on the last axis, with its two sides."""
    try:
        gap = jnp.asarray(gap)
    except (TypeError, ValueError) as error:
        raise ValueError(f"gap must be a number or an array of numbers, got {gap!r}") from error
    real = real_array("gap", gap.real)
    pair = jnp.stack([real, real_array("gap", gap.imag)] if jnp.iscomplexobj(gap) else [real, 0 * real], axis=-1)
    return with_sides("gap", pair[..., None], (*shape, 2, 1))[..., 0]


def site_map(name, value, shape):
    """A number, or one a site, with its two sides."""
    value = real_array(name, value)
    if value.ndim == 0:
        return value
    return with_sides(name, value, shape)


def check_attraction(attraction, shape):
    """V as a map or a number, zero or more and positive somewhere."""
    attraction = site_map("attraction", attraction, shape)
    known = concrete(attraction)
    if known is None:
        return eqx.error_if(attraction, (attraction < 0).any() | ~(attraction > 0).any(), "attraction must be positive")
    if (known < 0).any() or not (known > 0).any():
        raise ValueError(
            f"attraction must not be negative, and positive somewhere, got {known.min():g} to {known.max():g}"
        )
    return attraction


def check_winding(winding):
    """Two whole numbers."""
    winding = with_shape("winding", winding, (2,))
    known = concrete(winding)
    if known is not None and (known != np.round(known)).any():
        raise ValueError(f"winding must be two whole numbers, got {known.tolist()}; a twist may be any momentum")
    return winding


def check_boundary(boundary):
    """The kinds of both sides."""
    if isinstance(boundary, str) or len(tuple(boundary)) != 2 or not set(boundary) <= set(SIDES):
        raise ValueError(f'boundary must be two of "periodic" and "open", got {boundary!r}')
    return tuple(boundary)


def check_poles(poles):
    """A number of poles from 1 to 64."""
    try:
        count = operator.index(poles)
    except TypeError:
        count = 0
    if not 1 <= count <= 64:
        raise ValueError(f"poles must be an integer from 1 to 64, got {poles!r}")
    return count


def check_steps(tolerance, max_steps):
    """A tolerance and a number of evaluations."""
    tolerance, steps = positive("tolerance", tolerance), concrete(max_steps)
    if steps is not None and (steps.ndim or steps.dtype.kind not in "iu" or steps < 1):
        raise ValueError(f"max_steps must be an integer from 1, got {max_steps!r}")
    return tolerance, jnp.asarray(max_steps)


def half_turns(boundary_phase, winding, boundary):
    """0 or 1 for sides that close periodically or antiperiodically; None if they do neither, are open, or unknown."""
    phases, turns = concrete(boundary_phase), concrete(winding)
    if phases is None or turns is None:
        return None, None
    halves = phases / np.pi - turns
    whole = [side == "periodic" and half == np.round(half) for side, half in zip(boundary, halves, strict=True)]
    return tuple(int(half) % 2 if is_whole else None for half, is_whole in zip(halves, whole, strict=True))
