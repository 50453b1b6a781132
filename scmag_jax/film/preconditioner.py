r"""Approximate inverses of `-div(Lam grad) + Q` on a masked grid: sines on rectangles, multigrid on everything else.

They decide how many steps conjugate gradients take, not what they end at, and carry no derivative.
"""

from functools import lru_cache
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from .._checks import traced
from ..numerics.inverse import inverse_by_halves
from ..numerics.multigrid import Level, diagonal, level, namespace, nodes_of, v_cycle
from ..numerics.sine import sine_transform
from .kernels import node_kernel

SMALLEST = 1024  # cells of the coarsest level, which is inverted
ADDED = 0.25  # of a level's spacing is added to Lam: its share of k / 2 for the waves that the level has to damp


class Sines(eqx.Module):
    """`(Lam k^2 + k / 2) h^2` in sines of the rectangle of the free nodes, k of the five-point differences.

    Args:
        free: free nodes, a rectangle of them.
        spacing: h.
        stiffness: Lam.

    Example:
        >>> free = np.pad(np.ones((3, 3), bool), 1)
        >>> x = Sines(free, jnp.array(1.0), jnp.array(1.0))(jnp.asarray(free.astype(float)))
        >>> print(x.shape, bool(x[0, 0] == 0), bool(x[2, 2] > x[1, 1]))
        (5, 5) True True
    """

    inverse: Float[Array, "nx ny"]
    first: tuple[int, int] = eqx.field(static=True)

    def __init__(self, free: np.ndarray, spacing: Float[Array, ""], stiffness: Float[Array, ""]):
        rows, columns = (np.flatnonzero(free.any(axis=axis)) for axis in (1, 0))
        self.first = int(rows[0]), int(columns[0])
        eigenvalues = [2 - 2 * np.cos(np.pi * np.arange(1, len(n) + 1) / (len(n) + 1)) for n in (rows, columns)]
        square = eigenvalues[0][:, None] + eigenvalues[1]
        norm = (len(rows) + 1) * (len(columns) + 1) / 4
        symbol = stiffness * square + spacing * np.sqrt(square) / 2
        self.inverse = jax.lax.stop_gradient(1 / (norm * symbol))

    def __call__(self, b: Float[Array, "mx my"]) -> Float[Array, "mx my"]:
        """Times b, which is zero outside the free nodes."""
        box = tuple(slice(first, first + count) for first, count in zip(self.first, self.inverse.shape, strict=True))
        x = sine_transform(self.inverse * sine_transform(b[box]))
        after = [n - s.stop for n, s in zip(b.shape, box, strict=True)]
        return jnp.pad(x, [(s.start, rest) for s, rest in zip(box, after, strict=True)])


class Multigrid(eqx.Module):
    """A V-cycle for `-div((Lam + h_l / 4) grad)`, h_l the spacing of the level, with the whole operator at the bottom.

    On a level the term k / 2 matters for waves of k about pi / h_l only, where it acts like a Lam of 1 / 2k: the added
    stiffness follows the level. Coarse cells have film if one of their four has any, Lam is the mean over it; nodes are
    injected.

    Args:
        mask: cells with film.
        topology: free nodes and holes.
        spacing: h.
        stiffness: Lam of every cell.
        along_x: weights of the finest level's links along x.
        along_y: along y.
    """

    levels: list[Level]
    bottom: Float[Array, "n n"]
    padded: tuple[int, int] = eqx.field(static=True)

    def __init__(self, mask, topology, spacing, stiffness, along_x, along_y):
        free, tied, group, groups = topology
        depth = depth_of(mask.shape)
        self.padded = tuple(-(-n // 2**depth) * 2**depth for n in mask.shape)
        add = [(0, big - n) for big, n in zip(self.padded, mask.shape, strict=True)]
        labels = np.zeros(free.shape, int)
        labels.ravel()[tied] = group + 1
        mask, free, labels = (np.pad(a, add) for a in (mask, free, labels))
        numbers = stiffness, along_x, along_y, spacing
        stop = lambda a: jax.lax.stop_gradient(jnp.asarray(a))
        *maps, spacing = map(stop if traced(numbers) else np.asarray, numbers)
        xp = namespace(*maps)
        stiffness, along_x, along_y = (xp.pad(a, add) for a in maps)
        levels = []
        for number in range(depth + 1):
            if number:
                mask, stiffness = _coarse_cells(mask, stiffness)
                free, labels = free[::2, ::2], labels[::2, ::2]
                along_x, along_y = link_means(mask, stiffness)
            tied = np.flatnonzero(labels)
            order = np.argsort(labels.ravel()[tied], kind="stable")
            nodes = nodes_of(free, tied[order], labels.ravel()[tied][order] - 1, groups)
            step = spacing * 2**number
            if number < depth:
                levels.append(level(nodes, labels, along_x + ADDED * step, along_y + ADDED * step))
        bottom = _dense_inverse(free, labels, along_x, along_y, step)
        self.levels, self.bottom = jax.tree.map(jnp.asarray, (levels, bottom))

    def __call__(self, b: Float[Array, "mx my"]) -> Float[Array, "mx my"]:
        """Times b, a vector of free and tied nodes."""
        add = [(0, big + 1 - n) for big, n in zip(self.padded, b.shape, strict=True)]
        return v_cycle(self.levels, self.bottom, jnp.pad(b, add))[: b.shape[0], : b.shape[1]]


def depth_of(shape: tuple[int, int]) -> int:
    """Number of halvings after which a grid has no more cells than are inverted at once.

    Example:
        >>> print([depth_of(shape) for shape in ((32, 32), (33, 32), (1024, 1024), (2048, 64))])
        [0, 1, 5, 4]
    """
    depth = 0
    while np.prod([-(-n // 2**depth) for n in shape]) > SMALLEST:
        depth += 1
    return depth


def link_means(mask: Any, cells: Any) -> tuple:
    """Means over the film cells beside every link along x, `(nx, ny + 1)`, and along y; zero where there is none.

    Example:
        >>> along_x, along_y = link_means(np.array([[True, False]]), np.array([[2.0, 4.0]]))
        >>> print(along_x, along_y.ravel())
        [[2. 2. 0.]] [2. 0. 2. 0.]
    """
    xp = namespace(cells)
    film = xp.asarray(mask).astype(cells.dtype)
    values = xp.where(film > 0, cells, 0.0)
    beside_x = lambda a: xp.pad(a, ((0, 0), (1, 0))) + xp.pad(a, ((0, 0), (0, 1)))
    beside_y = lambda a: xp.pad(a, ((1, 0), (0, 0))) + xp.pad(a, ((0, 1), (0, 0)))
    return tuple(beside(values) / xp.maximum(beside(film), 1.0) for beside in (beside_x, beside_y))


def _coarse_cells(mask, cells):
    four = lambda a: a.reshape(a.shape[0] // 2, 2, a.shape[1] // 2, 2)
    film, xp = four(mask), namespace(cells)
    count = np.maximum(film.sum(axis=(1, 3)), 1.0)
    return film.any(axis=(1, 3)), four(xp.where(mask, cells, 0.0)).sum(axis=(1, 3)) / count


def _dense_inverse(free, labels, along_x, along_y, spacing):
    """Inverse of the whole operator between free nodes and groups, as a matrix between all nodes."""
    xp = namespace(along_x)
    size = free.size
    index = np.arange(size).reshape(free.shape)
    matrix = spacing / (4 * np.pi) * _dense_kernel(free.shape)
    matrix = matrix + xp.diag(diagonal(along_x, along_y).ravel())
    ends = np.concatenate([index[1:].ravel(), index[:, 1:].ravel()])
    starts = np.concatenate([index[:-1].ravel(), index[:, :-1].ravel()])
    weights = xp.concatenate([along_x.ravel(), along_y.ravel()])
    between = (np.concatenate([starts, ends]), np.concatenate([ends, starts])), xp.concatenate([weights, weights])
    if xp is np:
        matrix[between[0]] -= between[1]
    else:
        matrix = matrix.at[between[0]].add(-between[1], unique_indices=True)
    # columns: unit vectors of free nodes, normalised indicators of groups
    alone = np.flatnonzero(free)
    groups = [np.flatnonzero(labels == number) for number in np.unique(labels[labels > 0])]
    basis = np.zeros((size, len(alone) + len(groups)))
    basis[alone, np.arange(len(alone))] = 1.0
    for column, members in enumerate(groups, len(alone)):
        basis[members, column] = 1 / np.sqrt(len(members))
    small = basis.T @ matrix @ basis
    inverse = np.linalg.inv(small) if xp is np else inverse_by_halves(small, jnp.ones(()))[0]
    return basis @ inverse @ basis.T


@lru_cache(maxsize=4)
def _dense_kernel(shape):
    kernel = node_kernel(*shape)
    i, j = (np.ravel(a) for a in np.meshgrid(*map(np.arange, shape), indexing="ij"))
    return kernel[np.abs(i[:, None] - i), np.abs(j[:, None] - j)]
