"""Masks and maps of a film as they come: what is refused, and what they mean."""

import equinox as eqx
import jax.numpy as jnp
import numpy as np

from .._checks import concrete, real_array, traced, with_shape
from .outlines import signed_distance


def known_mask(mask):
    """A mask of cells, which has to be known."""
    known = concrete(mask)
    if known is None:
        raise ValueError("mask must be known: what is film cannot be traced")
    if known.ndim != 2 or known.size == 0:
        raise ValueError(f"mask must have shape (nx, ny), got {known.shape}")
    if known.dtype != bool and not np.isin(known, (0, 1)).all():
        raise ValueError("mask must be boolean")
    if not known.any():
        raise ValueError("mask must contain film, got none")
    return known.astype(bool)


def cell_map(name, value, shape):
    """A number or a map of the cells."""
    value = real_array(name, value).astype(float)
    return value if value.ndim == 0 else with_shape(name, value, shape)


def positive_map(name, value, shape):
    """A positive number or a map of positive ones."""
    value = cell_map(name, value, shape)
    known, message = concrete(value), f"{name} must be positive"
    if known is None:
        return eqx.error_if(value, ~(value > 0), message)
    if not (known > 0).all():
        raise ValueError(f"{message}, got {known.min():g}")
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
            value = np.where(normal, 1.0, known)
        outside = np.where(mask, value, 1.0)  # what is said of cells without film does not count
        value = outside if not traced(value) else value
    return positive_map("pearl_length", value, mask.shape), mask


def outline_distance(outline, mask, spacing, origin):
    """Signed distance at the nodes, which has to be known: the mask follows from its sign."""
    corners = None if mask is None else tuple(n + 1 for n in mask.shape)
    if isinstance(outline, (list, tuple)):
        if corners is None:
            raise ValueError("mask must be given with polygons: it says the shape of the grid")
        x, y = (spacing * jnp.arange(n, dtype=float) for n in corners)
        points = origin[None, None] + jnp.stack(jnp.meshgrid(x, y, indexing="ij"), axis=-1)
        outline = signed_distance(outline, points)
    outline = real_array("outline", outline).astype(float)
    if outline.ndim != 2 or (corners is not None and outline.shape != corners):
        raise ValueError(f"outline must have shape {corners or '(nx + 1, ny + 1)'}, got {outline.shape}")
    if traced(outline):
        raise ValueError("outline must be known to make a film; film.replace(outline=...) takes traced ones")
    frame = np.array(outline)
    frame[1:-1, 1:-1] = 1.0
    if (frame < 0).any():
        raise ValueError("outline must leave the nodes at the rim of the grid outside; use a larger grid")
    return outline
