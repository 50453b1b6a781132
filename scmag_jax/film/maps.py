"""Masks and maps of a film as they come: what is refused, and what they mean."""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np

from .._checks import concrete, real_array, traced, with_shape
from .outlines import signed_distance


def cell_map(name, value, mask):
    """A number or a map of the cells; what it is without film does not matter, and is 1."""
    known = concrete(value)
    if np.shape(value) == mask.shape and (known is None or known.dtype.kind in "fiu"):
        xp = jnp if known is None or traced(mask) else np
        value = xp.where(mask, value if known is None else known, 1.0)
    value = real_array(name, value).astype(float)
    return value if value.ndim == 0 else with_shape(name, value, mask.shape)


def positive_map(name, value, mask):
    """A positive number or a map of positive ones."""
    given = concrete(value)
    value, message = cell_map(name, value, mask), f"{name} must be positive"
    if given is None or traced(mask):
        return eqx.error_if(value, ~(value > 0), message)
    given = np.where(mask, given, 1.0) if given.shape == mask.shape else given
    if not (given > 0).all():
        raise ValueError(f"{message}, got {given.min():g}")
    return value


def pearl_length_map(value, mask, has_outline):
    """The Pearl length, a number where it is uniform, and the mask without cells where it is infinite."""
    known = concrete(value)
    if known is not None and known.ndim == 2 and known.shape == mask.shape:
        normal = np.isposinf(known)
        if normal.any() and has_outline:
            raise ValueError("pearl_length must be finite inside an outline: draw holes in the outline instead")
        if normal.any():
            mask = mask & ~normal
    return positive_map("pearl_length", value, mask), mask


def outline_distance(outline, mask, spacing, origin):
    """Signed distance at the nodes and the mask, everywhere if there was none; both have to be known."""
    corners = None if mask is None else tuple(n + 1 for n in mask.shape)
    with jax.ensure_compile_time_eval():
        if isinstance(outline, (list, tuple)):
            if corners is None:
                raise ValueError("mask must be given with polygons: it says the shape of the grid")
            if spacing is None or origin is None:
                raise ValueError("spacing and origin must be known where the outline is polygons")
            x, y = (spacing * np.arange(n) for n in corners)
            points = np.asarray(origin, float) + np.stack(np.meshgrid(x, y, indexing="ij"), axis=-1)
            outline = signed_distance(outline, points)
        known = concrete(outline)
        if known is None:
            raise ValueError("outline must be known to make a film; film.replace(outline=...) takes traced ones")
        distance = np.asarray(real_array("outline", known), float)
    if distance.ndim != 2 or (corners is not None and distance.shape != corners):
        raise ValueError(f"outline must have shape {corners or '(nx + 1, ny + 1)'}, got {distance.shape}")
    frame = distance.copy()
    frame[1:-1, 1:-1] = 1.0
    if (frame < 0).any():
        raise ValueError("outline must leave the nodes at the rim of the grid outside; use a larger grid")
    return distance, np.ones([n - 1 for n in distance.shape], bool) if mask is None else mask
