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


def with_sides(name, array, shape, inner=()):
    """The array with its two sides, each of the lattice's length or 1, and the axes of `inner`; numbers have none."""
    if array.shape == inner:
        return array.reshape(1, 1, *inner)
    sides = array.shape[:2]
    if array.ndim != 2 + len(inner) or any(a not in (1, b) for a, b in zip(sides, shape, strict=True)):
        wanted = (*shape, *inner)
        raise ValueError(
            f"{name} must have shape {wanted}, with 1 for sides along which it does not vary, got {array.shape}"
        )
    return array


def gap_pair(gap, shape):
    """Real and imaginary part, stacked on the last axis, with its two sides."""
    try:
        gap = jnp.asarray(gap)
    except (TypeError, ValueError) as error:
        raise ValueError(f"gap must be a number or an array of numbers, got a {type(gap).__name__}") from error
    gap = with_sides("gap", gap, shape)
    real = real_array("gap", gap.real)
    return jnp.stack([real, real_array("gap", gap.imag) if jnp.iscomplexobj(gap) else 0 * real], axis=-1)


def site_map(name, value, shape):
    """A number, or one a site, with its two sides."""
    value = real_array(name, value)
    return value if value.ndim == 0 else with_sides(name, value, shape)


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
    checked, known = with_shape("winding", winding, (2,)), concrete(winding)
    if known is None:
        message = "winding must be two whole numbers; a twist may be any momentum"
        return eqx.error_if(checked, checked != jnp.round(checked), message)
    if (known != np.round(known)).any():
        raise ValueError(f"winding must be two whole numbers, got {known.tolist()}; a twist may be any momentum")
    return checked


def check_boundary(boundary):
    """The kinds of both sides."""
    kinds = tuple(boundary) if isinstance(boundary, (tuple, list)) else ()
    if len(kinds) != 2 or not all(isinstance(kind, str) and kind in SIDES for kind in kinds):
        raise ValueError(f'boundary must be two of "periodic" and "open", got {boundary!r}')
    return kinds


def check_open_sides(boundary, winding):
    """No winding where nothing closes."""
    known = concrete(winding)
    if known is not None and any(turns and kind == "open" for turns, kind in zip(known, boundary, strict=True)):
        raise ValueError(f"winding must be 0 along an open side, got {known.tolist()}: a twist is a momentum there")


def check_poles(poles):
    """A number of poles from 1 to 64."""
    try:
        count = operator.index(poles)
    except TypeError:
        count = 0
    if not 1 <= count <= 64:
        raise ValueError(f"poles must be an integer from 1 to 64, got {poles!r}")
    return count


def check_start(gap):
    """A gap that is not known to be zero everywhere."""
    known = concrete(gap)
    if known is not None and known.dtype.kind in "biufc" and not known.any():
        raise ValueError("gap must not be zero everywhere to start from: no gap is a solution at any temperature")
    return gap


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
