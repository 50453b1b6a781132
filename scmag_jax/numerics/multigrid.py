r"""Multigrid for `-div(w grad)` on a masked square grid with tied nodes: an approximate inverse by products only.

Nodes are free, fixed at zero, or tied: all nodes of a group share one value. A level is described by the weights of its
links, and a vector has one entry a node, those of a group being equal. The operator in that space is `P D^T w D P` with
differences D and the projection P (the mean over a group, zero at fixed nodes).
"""

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

WEIGHT = 0.8  # of damped Jacobi sweeps
SWEEPS = 2  # before and after


class Nodes(NamedTuple):
    """Which nodes of a level may have a value.

    Attributes:
        free: nodes with a value of their own, `(mx, my)`.
        tied: flat indices of tied nodes, `(k,)`.
        group: the group of each, `(k,)`, sorted.
        size: number of nodes of each group, `(groups,)`; 1 for groups that a coarse level does not see.
    """

    free: Any
    tied: Any
    group: Any
    size: Any


class Level(NamedTuple):
    """A level: its nodes, the weights of its links, and one over the diagonal.

    Attributes:
        nodes: which they are.
        along_x: weights of links (i, j) to (i + 1, j), `(mx - 1, my)`.
        along_y: weights of links (i, j) to (i, j + 1), `(mx, my - 1)`.
        smoother: `WEIGHT` over the diagonal, that of a group being its mean, `(mx, my)`.
    """

    nodes: Nodes
    along_x: Float[Array, "nx my"]
    along_y: Float[Array, "mx ny"]
    smoother: Float[Array, "mx my"]


def nodes_of(free: np.ndarray, tied: np.ndarray, group: np.ndarray, groups: int) -> Nodes:
    """`Nodes` of known masks, in NumPy, so that they stay known inside jit too.

    Example:
        >>> print(nodes_of(np.ones((2, 2), bool), np.array([], int), np.array([], int), 0).size.shape)
        (0,)
    """
    size = np.maximum(np.bincount(group, minlength=groups), 1).astype(float)
    return Nodes(free, tied, group, size)


def project(nodes: Nodes, x: Float[Array, "mx my"]) -> Float[Array, "mx my"]:
    """P x: the mean over every group, zero at fixed nodes.

    Example:
        >>> nodes = nodes_of(np.array([[True, False, False, False]]), np.array([1, 2]), np.array([0, 0]), 1)
        >>> print(project(jax.tree.map(jnp.asarray, nodes), jnp.array([[1.0, 2.0, 4.0, 5.0]])))
        [[1. 3. 3. 0.]]
    """
    kept = jnp.where(nodes.free, x, 0.0)
    if nodes.size.size == 0:
        return kept
    sums = jax.ops.segment_sum(x.ravel()[nodes.tied], nodes.group, nodes.size.size, indices_are_sorted=True)
    means = (sums / nodes.size)[nodes.group]
    return kept.ravel().at[nodes.tied].set(means, unique_indices=True).reshape(x.shape)


def laplacian(
    along_x: Float[Array, "nx my"], along_y: Float[Array, "mx ny"], x: Float[Array, "mx my"]
) -> Float[Array, "mx my"]:
    """`D^T w D x`, the gradient of `sum_links w (difference of x)^2 / 2`.

    Example:
        >>> print(laplacian(jnp.ones((2, 1)), jnp.ones((3, 0)), jnp.array([[0.0], [1.0], [0.0]])).ravel())
        [-1.  2. -1.]
    """
    flow_x, flow_y = along_x * (x[1:] - x[:-1]), along_y * (x[:, 1:] - x[:, :-1])
    pad = lambda flow, low, axis: jnp.pad(flow, [((1, 0) if low else (0, 1)) if i == axis else (0, 0) for i in (0, 1)])
    return pad(flow_x, True, 0) - pad(flow_x, False, 0) + pad(flow_y, True, 1) - pad(flow_y, False, 1)


def diagonal(along_x: Any, along_y: Any) -> Any:
    """Sum of the weights of the links of every node, `(mx, my)`, in NumPy or JAX as they are.

    Example:
        >>> print(diagonal(jnp.ones((2, 1)), jnp.ones((3, 0))).ravel())
        [1. 2. 1.]
    """
    xp = namespace(along_x, along_y)
    x, y = xp.pad(along_x, ((1, 1), (0, 0))), xp.pad(along_y, ((0, 0), (1, 1)))
    return x[1:] + x[:-1] + y[:, 1:] + y[:, :-1]


def level(nodes: Nodes, labels: np.ndarray, along_x: Any, along_y: Any) -> Level:
    """A `Level` with its smoother, in NumPy as long as the weights are.

    Args:
        nodes: which they are.
        labels: group of every node plus one, 0 for those in none, `(mx, my)`.
        along_x: weights.
        along_y: weights.

    Example:
        >>> nodes = nodes_of(np.array([[False, True, False]]), np.array([], int), np.array([], int), 0)
        >>> print(level(nodes, np.zeros((1, 3), int), np.ones((0, 3)), np.ones((1, 2))).smoother)
        [[0.  0.4 0. ]]
    """
    xp = namespace(along_x, along_y)
    entries = diagonal(along_x, along_y)
    if labels.any():
        # e^T A e of the indicator e of a group is the weight of the links that leave it; over n for its normalised one
        leaving_x = xp.where(labels[1:] != labels[:-1], along_x, 0.0)
        leaving_y = xp.where(labels[:, 1:] != labels[:, :-1], along_y, 0.0)
        leaving = diagonal(leaving_x, leaving_y).ravel()
        count = nodes.size.size + 1
        members = np.maximum(np.bincount(labels.ravel(), minlength=count), 1.0)
        sums: Any
        if xp is np:
            sums = np.bincount(labels.ravel(), weights=leaving, minlength=count)
        else:
            sums = jax.ops.segment_sum(leaving, labels.ravel(), count)
        means = sums / members
        entries = xp.where(labels > 0, means[labels], entries)
    movable = (nodes.free | (labels > 0)) & (entries > 0)
    return Level(nodes, along_x, along_y, xp.where(movable, WEIGHT / xp.where(movable, entries, 1.0), 0.0))


def namespace(*arrays: Any) -> Any:
    """NumPy for its own arrays, `jax.numpy` as soon as one is JAX's.

    Example:
        >>> print(namespace(np.ones(1)).__name__, namespace(np.ones(1), jnp.ones(1)).__name__)
        numpy jax.numpy
    """
    return jnp if any(isinstance(a, jax.Array) for a in arrays) else np


def refine(x: Float[Array, "mx my"]) -> Float[Array, "fx fy"]:
    """Bilinear interpolation to a grid of half the spacing.

    Example:
        >>> print(refine(jnp.array([[0.0, 2.0], [4.0, 6.0]])))
        [[0. 1. 2.]
         [2. 3. 4.]
         [4. 5. 6.]]
    """
    for axis in (0, 1):
        x = jnp.moveaxis(x, axis, 0)
        between = jnp.pad((x[1:] + x[:-1]) / 2, ((0, 1), (0, 0)))
        x = jnp.stack([x, between], axis=1).reshape(2 * x.shape[0], x.shape[1])[:-1]
        x = jnp.moveaxis(x, 0, axis)
    return x


def coarsen(x: Float[Array, "fx fy"]) -> Float[Array, "mx my"]:
    """Transpose of `refine`.

    Example:
        >>> print(coarsen(jnp.ones((3, 3))))
        [[2.25 2.25]
         [2.25 2.25]]
    """
    for axis in (0, 1):
        x = jnp.moveaxis(x, axis, 0)
        kept, between = x[::2], x[1::2] / 2
        kept = kept + jnp.pad(between, ((0, 1), (0, 0))) + jnp.pad(between, ((1, 0), (0, 0)))
        x = jnp.moveaxis(kept, 0, axis)
    return x


def v_cycle(levels: list[Level], bottom: Float[Array, "n n"], b: Float[Array, "mx my"]) -> Float[Array, "mx my"]:
    """One symmetric V-cycle from zero: an approximate inverse of the first level's operator times b.

    Args:
        levels: from the finest to the last but one.
        bottom: the inverse on the coarsest level, all of its nodes, with P on both sides.
        b: right-hand side, in the range of P of the finest level.

    Example:
        >>> none = np.array([], int)
        >>> free = np.pad(np.ones((3, 3), bool), 1)
        >>> fine = level(nodes_of(free, none, none, 0), 0 * free, jnp.ones((4, 5)), jnp.ones((5, 4)))
        >>> bottom = jnp.zeros((9, 9)).at[4, 4].set(0.25)  # of a single free node in the middle
        >>> x = v_cycle([fine], bottom, project(fine.nodes, jnp.ones((5, 5))))
        >>> print(round(float(x[2, 2]), 2))  # exactly: 1.125
        0.97
    """
    if not levels:
        return (bottom @ b.ravel()).reshape(b.shape)
    here, *coarser = levels
    operator = lambda x: project(here.nodes, laplacian(here.along_x, here.along_y, x))
    x = here.smoother * b
    for _ in range(SWEEPS - 1):
        x = x + here.smoother * (b - operator(x))
    below = coarsen(b - operator(x))
    nodes = coarser[0].nodes if coarser else None
    below = project(nodes, below) if nodes is not None else below
    correction = refine(v_cycle(coarser, bottom, below))
    x = x + project(here.nodes, correction)
    for _ in range(SWEEPS):
        x = x + here.smoother * (b - operator(x))
    return x
