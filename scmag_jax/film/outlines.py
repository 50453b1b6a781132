"""Outlines of films: polygons to signed distances."""

from collections.abc import Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from .._checks import concrete, not_negative, positive, with_shape


def signed_distance(polygons: Sequence[Any], points: Any) -> Float[Array, "*s"]:
    """Distance to the nearest side of polygons, negative inside the first and outside all others.

    Differentiable in the corners of the polygons.

    Args:
        polygons: the outline and those of holes, each `(k, 2)`, open or closed.
        points: where, `(..., 2)`.

    Raises:
        ValueError: something that is no polygon.

    Example:
        >>> square = [(0, 0), (4, 0), (4, 4), (0, 4)]
        >>> print(signed_distance([square, [(1, 1), (2, 1), (2, 2)]], jnp.array([[3.0, 2.0], [1.8, 1.2], [5.0, 2.0]])))
        [-1.   0.2  1. ]
    """
    points = with_shape("points", points, ("...", 2)).astype(float)
    if len(polygons) == 0:
        raise ValueError("outline must have at least one polygon")
    found = jnp.full(points.shape[:-1], -jnp.inf).ravel()
    for number, polygon in enumerate(polygons):
        corners = with_shape("outline", polygon, ("k", 2)).astype(float)
        if len(corners) < 3:
            raise ValueError(f"outline must be polygons of shape (k, 2), k at least 3, got {corners.shape}")
        distance = _to_polygon(corners, points.reshape(-1, 2))
        # a point is in the film if it is inside the first and outside the others
        found = jnp.maximum(found, -distance if number else distance)
    return found.reshape(points.shape[:-1])


def _to_polygon(corners, points):
    sides = (corners, jnp.roll(corners, -1, axis=0))

    def of_point(point):
        start, end = (side - point[None] for side in sides)
        along = end - start
        square = jnp.sum(along**2, axis=1)
        part = jnp.clip(-jnp.sum(start * along, axis=1) / jnp.where(square > 0, square, 1.0), 0.0, 1.0)
        nearest = jnp.min(jnp.sum((start + part[:, None] * along) ** 2, axis=1))
        # crossings of the ray to the right
        crosses = (start[:, 1] > 0) != (end[:, 1] > 0)
        at = start[:, 0] - start[:, 1] * along[:, 0] / jnp.where(along[:, 1] == 0, 1.0, along[:, 1])
        inside = jnp.sum(crosses & (at > 0)) % 2 == 1
        distance = jnp.where(nearest > 0, jnp.sqrt(jnp.where(nearest > 0, nearest, 1.0)), 0.0)
        return jnp.where(inside, -distance, distance)

    return jax.lax.map(of_point, points, batch_size=4096)


def rim(mask: Any, spacing: Any, width: Any) -> Float[Array, "nx ny"]:
    """Profile of a coupling that rises linearly from 0 at the edge of a film to 1 at a distance `width` from it.

    The distance is that of a cell's centre from the nearest centre of a cell without film, less half a cell; beyond the
    grid there is none. Edges of holes count.

    Args:
        mask: cells with film, `(nx, ny)`.
        spacing: side of a cell.
        width: of the ramp, in the unit of `spacing`; 0 is no ramp.

    Raises:
        ValueError: a mask that is not known, a spacing that is not positive, a negative width.

    Example:
        >>> print(rim(np.ones((1, 5), bool), 1.0, 2.0))
        [[0.25 0.25 0.25 0.25 0.25]]
        >>> print(rim(np.ones((5, 5), bool), 1.0, 2.0)[2])
        [0.25 0.75 1.   0.75 0.25]
    """
    from scipy import ndimage

    known = np.pad(known_mask(mask), 1)
    spacing, width = positive("spacing", spacing), not_negative("width", width)
    distance = spacing * jnp.asarray(ndimage.distance_transform_edt(known)[1:-1, 1:-1] - 0.5)
    ramp = jnp.clip(distance / jnp.where(width > 0, width, 1.0), 0.0, 1.0)
    return jnp.where(known[1:-1, 1:-1], jnp.where(width > 0, ramp, 1.0), 0.0)


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
