"""What does not change while a film is solved: which nodes are free, which holes there are, where current enters.

All of it follows from the mask of the cells, which has to be known. Axis order [ix, iy]; node (i, j) is the corner that
cells (i - 1, j - 1) and (i, j) share, at `spacing * (i, j)` from the grid's corner.
"""

from typing import NamedTuple

import numpy as np
from jaxtyping import Bool, Int


class Topology(NamedTuple):
    """Nodes of a film.

    Attributes:
        free: nodes whose stream function is sought by itself, all four cells being film, `(nx + 1, ny + 1)`.
        hole_nodes: flat indices of the nodes that touch or lie in a hole, `(k,)`, hole by hole.
        hole_of: the hole of each, `(k,)`.
        holes: their number.
    """

    free: Bool[np.ndarray, "mx my"]
    hole_nodes: Int[np.ndarray, "k"]
    hole_of: Int[np.ndarray, "k"]
    holes: int


def topology_of(mask: Bool[np.ndarray, "nx ny"]) -> Topology:
    """Free nodes and holes of a mask.

    A hole is a set of cells without film from which no path leads outside; cells that share a corner are joined, since
    they share its stream function.

    Args:
        mask: cells with film.

    Example:
        >>> ring = np.ones((5, 5), bool)
        >>> ring[2, 2] = False
        >>> found = topology_of(ring)
        >>> print(found.holes, found.hole_nodes.size, found.free.sum())
        1 4 12
    """
    labels, count = _regions(~mask)
    padded = np.pad(labels, 1)  # outside
    around = np.stack([padded[:-1, :-1], padded[1:, :-1], padded[:-1, 1:], padded[1:, 1:]])
    return _sorted(around.max(axis=0), (around < 0).all(axis=0), count)


def topology_inside(inside: Bool[np.ndarray, "mx my"]) -> Topology:
    """Free nodes and holes of a sub-pixel outline, from the nodes that lie inside it.

    Example:
        >>> inside = np.zeros((7, 7), bool)
        >>> inside[1:6, 1:6] = True
        >>> inside[3, 3] = False
        >>> found = topology_inside(inside)
        >>> print(found.holes, found.hole_nodes.size, found.free.sum())
        1 1 24
    """
    labels, count = _regions(~inside)
    return _sorted(labels, inside, count)


def cells_inside(inside: Bool[np.ndarray, "mx my"]) -> Bool[np.ndarray, "nx ny"]:
    """Cells with a corner inside an outline.

    Example:
        >>> print(cells_inside(np.array([[True, False], [False, False], [False, False]])).ravel())
        [ True False]
    """
    return inside[:-1, :-1] | inside[1:, :-1] | inside[:-1, 1:] | inside[1:, 1:]


def is_rectangle(free: Bool[np.ndarray, "mx my"]) -> bool:
    """Whether the free nodes fill a rectangle.

    Example:
        >>> print(is_rectangle(np.array([[False, True, True]])), is_rectangle(np.array([[True, False, True]])))
        True False
    """
    rows, columns = (np.flatnonzero(free.any(axis=axis)) for axis in (1, 0))
    return bool(len(rows) and free[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1].all())


def _sorted(labels, free, count):
    nodes = np.flatnonzero(~free & (labels > 0))
    hole_of = labels.ravel()[nodes] - 1
    order = np.argsort(hole_of, kind="stable")
    return Topology(free, nodes[order], hole_of[order], count)


def _regions(empty):
    """Label of every place: -1 film, 0 outside, 1, 2, ... holes; and the number of holes."""
    from scipy import ndimage

    empty = np.pad(empty, 1, constant_values=True)
    labels, count = ndimage.label(empty, structure=np.ones((3, 3)))
    outside = labels[0, 0]
    others = np.setdiff1d(np.arange(1, count + 1), [outside])
    renamed = np.full(count + 1, -1)
    renamed[outside] = 0
    renamed[others] = np.arange(1, count)
    return renamed[labels[1:-1, 1:-1]], count - 1


# --- terminals: where current enters


class Faces(NamedTuple):
    """Faces between film and outside along the outlines, film on their left.

    Attributes:
        start: node where it starts, `(k, 2)`.
        end: node where it ends, `(k, 2)`.
        outline: number of the closed outline, `(k,)`.
    """

    start: Int[np.ndarray, "k 2"]
    end: Int[np.ndarray, "k 2"]
    outline: Int[np.ndarray, "k"]

    def outward(self) -> Int[np.ndarray, "k 2"]:
        """Direction from the film outwards."""
        along = self.end - self.start
        return np.stack([along[:, 1], -along[:, 0]], axis=1)


def outer_faces(mask: Bool[np.ndarray, "nx ny"]) -> Faces:
    """Faces of the outer outlines, each outline a closed walk with the film on its left.

    Example:
        >>> faces = outer_faces(np.ones((2, 1), bool))
        >>> print(len(faces.start), faces.outward()[0].tolist())
        6 [0, -1]
    """
    labels, _ = _regions(~mask)
    outside = np.pad(labels, 1) == 0
    film = np.pad(labels, 1, constant_values=0) < 0
    cells = film[1:-1, 1:-1]
    starts, ends = [], []
    # below, right, above, left of a cell, counterclockwise
    for (dx, dy), a, b in (
        ((0, -1), (0, 0), (1, 0)),
        ((1, 0), (1, 0), (1, 1)),
        ((0, 1), (1, 1), (0, 1)),
        ((-1, 0), (0, 1), (0, 0)),
    ):
        neighbour = outside[1 + dx : outside.shape[0] - 1 + dx, 1 + dy : outside.shape[1] - 1 + dy]
        found = np.argwhere(cells & neighbour)
        starts.append(found + a)
        ends.append(found + b)
    start, end = np.concatenate(starts), np.concatenate(ends)
    order, outline = _walk(start, end)
    return Faces(start[order], end[order], outline)


def _walk(start, end):
    """Order of the faces along closed walks, and the number of the walk of each."""
    leaving: dict = {}
    for index, node in enumerate(map(tuple, start.tolist())):
        leaving.setdefault(node, []).append(index)
    used, order, outline = np.zeros(len(start), bool), [], []
    number = 0
    for first in range(len(start)):
        if used[first]:
            continue
        here = first
        while not used[here]:
            used[here] = True
            order.append(here)
            outline.append(number)
            choices = leaving[tuple(end[here].tolist())]
            if len(choices) > 1:  # corners touch: turn left, and stay with the cell
                along = end[here] - start[here]
                turns = [along[0] * (end[c] - start[c])[1] - along[1] * (end[c] - start[c])[0] for c in choices]
                here = choices[int(np.argmax(turns))]
            else:
                here = choices[0]
        number += 1
    return np.array(order, int), np.array(outline, int)
