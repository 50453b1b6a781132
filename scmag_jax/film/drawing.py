"""Masks of films from drawings: polygons, and images."""

import os
import pathlib
from collections.abc import Sequence
from typing import Any

import numpy as np
from jaxtyping import Bool

from .._checks import concrete, grid_shape, plain_number

SAME = 9  # decimals of a cell: what is closer lies at the same place


def mask_from_polygons(
    polygons: Sequence[Any], shape: tuple[int, int], spacing: Any, origin: Any = (0.0, 0.0)
) -> Bool[np.ndarray, "nx ny"]:
    """Cells whose centres lie inside the first polygon and outside all others.

    A centre on a side belongs to what is above it or on its right, so that polygons with a common side share no cell.
    For films of several pieces combine masks with `|`.

    Args:
        polygons: the outline and those of holes, each `(k, 2)`, open or closed.
        shape: cells of the grid, (nx, ny).
        spacing: side of a cell.
        origin: position of the grid's corner.

    Raises:
        ValueError: something that is no polygon, a spacing that is not positive, a grid without film.

    Example:
        >>> square = [(0, 0), (4, 0), (4, 4), (0, 4)]
        >>> print(mask_from_polygons([square, [(1, 1), (2, 1), (2, 2), (1, 2)]], (5, 4), 1.0).astype(int))
        [[1 1 1 1]
         [1 0 1 1]
         [1 1 1 1]
         [1 1 1 1]
         [0 0 0 0]]
    """
    shape = grid_shape("shape", shape)
    spacing = plain_number("spacing", spacing)
    if spacing <= 0:
        raise ValueError(f"spacing must be positive, got {spacing}")
    corner = concrete(origin)
    if corner is None or corner.shape != (2,) or not np.isfinite(corner.astype(float)).all():
        raise ValueError(f"origin must be a known position (x, y), got {origin!r}")
    if len(polygons) == 0:
        raise ValueError("polygons must have at least one")
    insides = []
    for polygon in polygons:
        corners = np.asarray(polygon, dtype=float)
        if corners.ndim != 2 or corners.shape[1] != 2 or len(corners) < 3 or not np.isfinite(corners).all():
            raise ValueError(f"polygons must have shape (k, 2), k at least 3, finite, got shape {corners.shape}")
        # centres at whole numbers
        insides.append(_inside(np.round((corners - corner) / spacing - 0.5, SAME), shape))
    mask = insides[0] & ~np.any(insides[1:], axis=0)
    if not mask.any():
        raise ValueError("polygons must contain the centre of a cell: look at shape, spacing and origin")
    return mask


def mask_from_image(path: str | os.PathLike, threshold: Any = 0.5, invert: bool = False) -> Bool[np.ndarray, "nx ny"]:
    """One cell a pixel of an image file: film where it is bright, up in the image being +y.

    Args:
        path: PNG, TIFF or whatever else Pillow reads; of several frames the first. Transparent pixels are no film.
        threshold: brightness above which there is film, between 0, black, and 1, white.
        invert: film where it is dark.

    Raises:
        FileNotFoundError: no such file.
        ValueError: a file that is no image, an image without film, a threshold that is not between 0 and 1. The message
            names the file.

    Example:
        >>> import pathlib, tempfile
        >>> from PIL import Image
        >>> pixels = np.array([[255, 255, 255], [0, 0, 255]], dtype=np.uint8)  # an L upside down, rows from the top
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     path = pathlib.Path(folder) / "film.png"
        ...     Image.fromarray(pixels).save(path)
        ...     print(mask_from_image(path).astype(int))
        [[0 1]
         [0 1]
         [1 1]]
    """
    from PIL import Image

    threshold = plain_number("threshold", threshold)
    if not 0 <= threshold <= 1:
        raise ValueError(f"threshold must be between 0 and 1, got {threshold}")
    path = pathlib.Path(path)
    with path.open("rb") as file:
        try:
            with Image.open(file) as image:
                bright, opaque = _brightness(image)
        except (OSError, SyntaxError, EOFError, ValueError) as error:  # what Pillow raises for broken files
            raise ValueError(f"{path} cannot be read as an image: {error}") from error
    rows = opaque & ((bright <= threshold) if invert else (bright > threshold))
    if not rows.any():
        way = "no brighter" if not invert else "brighter"
        raise ValueError(f"{path} holds no film: every pixel is {way} than {threshold:g} or transparent")
    return np.ascontiguousarray(rows[::-1].T)


def _inside(corners, shape):
    """Whole numbers inside a polygon: an odd number of its sides lies to the right of each."""
    sides_beyond = np.zeros((shape[0] + 1, shape[1]), int)
    for a, b in zip(corners, np.roll(corners, -1, axis=0), strict=True):
        (ax, ay), (bx, by) = (a, b) if a[1] <= b[1] else (b, a)  # the same bits whichever way a side is walked
        rows = np.arange(max(0, int(np.ceil(ay))), min(shape[1], int(np.ceil(by))))
        if len(rows):
            at = np.round(ax + (rows - ay) * (bx - ax) / (by - ay), SAME)
            sides_beyond[np.clip(np.ceil(at), 0, shape[0]).astype(int), rows] += 1
    return np.cumsum(sides_beyond[::-1], axis=0)[::-1][1:] % 2 == 1


def _brightness(image):
    """Brightness of the pixels from 0 to 1, and which of them can be seen."""
    if image.mode.startswith("I"):  # 16 bits
        bright = np.asarray(image).astype(float) / 65535
        return bright, np.ones(bright.shape, bool)
    if image.mode == "F":
        bright = np.asarray(image).astype(float)
        return bright, np.isfinite(bright)
    both = np.asarray(image.convert("RGBA").convert("LA")).astype(float) / 255
    return both[..., 0], both[..., 1] >= 0.5
