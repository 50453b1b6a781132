"""Where the film of the flake is, its leads, and the terminals at their ends."""

from typing import Any, NamedTuple

import numpy as np

from .._checks import known_array, plain_number
from ..film import Terminal

EXACT = 1e-6  # of a cell: how far a length may be off a whole number of them


class Layout(NamedTuple):
    """Cells of the film, `(nx, ny)`, those of the flake without its leads, and the terminals by name."""

    mask: np.ndarray
    body: np.ndarray
    terminals: dict[str, Terminal]


def layout(size: Any, spacing: float, leads: Any, lead_length: Any, lead_ends: str) -> Layout:
    """A rectangle with two leads on its top edge, or a strip that is contacted at both ends; corner at the origin.

    Args:
        size: of the rectangle, two lengths.
        spacing: side of a cell.
        leads: two spans (from, to) along x, on the top edge, or "ends": all of the left and all of the right side. The
            current enters through the first, or the left, and leaves through the other.
        lead_length: how far leads on the top edge are drawn.
        lead_ends: how leads go on beyond the grid, "straight" or "open": see `Terminal`.

    Raises:
        ValueError: lengths that are no multiples of the spacing, spans that touch, leave the edge or are none.

    Example:
        >>> found = layout((8.0, 4.0), 1.0, [(1.0, 2.0), (5.0, 7.0)], 2.0, "straight")
        >>> print(found.mask.shape, found.mask[:, 5].astype(int), list(found.terminals))
        (8, 6) [0 1 0 0 0 1 1 0] ['source', 'drain']
    """
    known = known_array("size", size)
    if known.shape != (2,) or not (known > 0).all():
        raise ValueError(f"size must be two positive lengths, got {size!r}")
    nx, ny = (cells("size", length, spacing) for length in known)
    width, height = known
    if isinstance(leads, str):
        if leads != "ends":
            raise ValueError(f'leads must be two spans on the top edge or "ends", got {leads!r}')
        body = np.ones((nx, ny), bool)
        sides = [(-spacing, 0.25 * spacing), (width - 0.25 * spacing, width + spacing)]
        across = (-0.25 * spacing, height + 0.25 * spacing)
        return Layout(body, body, _terminals([_box(side, across) for side in sides], lead_ends))
    spans = known_array("leads", leads)
    if spans.shape != (2, 2):
        raise ValueError(f'leads must be two spans (from, to) on the top edge or "ends", got shape {spans.shape}')
    limits = np.array([[cells("leads", end, spacing) for end in span] for span in spans])
    first, second = limits[np.argsort(limits[:, 0])]
    if not 0 <= first[0] < first[1] < second[0] < second[1] <= nx:
        raise ValueError(f"leads must be two spans of the top edge that do not touch, got {spans.tolist()}")
    drawn = cells("lead_length", plain_number("lead_length", lead_length), spacing)
    if drawn < 0:
        raise ValueError(f"lead_length must not be negative, got {lead_length}")
    body, mask = np.zeros((2, nx, ny + drawn), bool)
    body[:, :ny] = True
    mask[:, :ny] = True
    for start, end in limits:
        mask[start:end, ny:] = True
    top = spacing * (ny + drawn)
    above = (top - 0.25 * spacing, top + spacing)
    boxes = [_box((a - 0.25 * spacing, b + 0.25 * spacing), above) for a, b in spans]
    return Layout(mask, body, _terminals(boxes, lead_ends))


def cells(name: str, length: float, spacing: float) -> int:
    """Number of cells in a length, which has to be whole."""
    count = round(float(length) / spacing)
    if abs(float(length) / spacing - count) > EXACT:
        raise ValueError(f"spacing must divide the lengths of {name}, got {spacing:g} for {float(length):g}")
    return count


def _terminals(boxes, lead_ends):
    if lead_ends not in ("straight", "open"):
        raise ValueError(f'lead_ends must be "straight" or "open", got {lead_ends!r}')
    return {name: Terminal(box, lead=lead_ends) for name, box in zip(("source", "drain"), boxes, strict=True)}


def _box(x, y):
    return [(x[0], y[0]), (x[1], y[0]), (x[1], y[1]), (x[0], y[1])]
