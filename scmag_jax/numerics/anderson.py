"""Anderson acceleration of fixed-point iterations."""

from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from .inverse import inverse_by_halves

RIDGE = 1e-14  # of the normalised Gram matrix: nearly dependent steps are left out
GROWTH = 10.0  # of the residual over the smallest so far: the history is dropped


class FixedPoint(NamedTuple):
    """Where an iteration ended.

    Attributes:
        x: the point of the last evaluation.
        residual: its size there, as measured by the caller.
        other: what else that evaluation gave.
        steps: evaluations.
    """

    x: Float[Array, "n"]
    residual: Float[Array, ""]
    other: Any
    steps: Any


class _State(NamedTuple):
    found: FixedPoint
    step: Any
    best: Any
    moves: Any
    changes: Any
    filled: Any


def anderson(
    evaluate: Callable[[Float[Array, "n"]], tuple[Float[Array, "n"], Float[Array, ""], Any]],
    start: Float[Array, "n"],
    tolerance: Any,
    max_steps: Any,
    memory: int = 12,
    longest: float = float("inf"),
) -> FixedPoint:
    """Iterate `x -> x + f(x)` to `f = 0`, each step corrected by those before it.

        x' = x + f - (dX + dF) g,    g = argmin |f - dF g|

    with the differences dX, dF of the last points and steps (Anderson 1965; Walker and Ni, SIAM J. Numer. Anal. 49,
    1715 (2011)). Every evaluation counts as a step; there is at least one.

    Args:
        evaluate: x -> the step f, preconditioned as the caller likes, the size of the residual, and anything else.
        start: first x.
        tolerance: of the residual.
        max_steps: evaluations.
        memory: steps that are remembered.
        longest: bound of the change of any component of x in a step.

    Example:
        >>> A = jnp.array([[0.9, 0.3], [0.0, 0.5]])
        >>> step = lambda x: A @ x + 1.0 - x
        >>> found = anderson(lambda x: (step(x), jnp.max(jnp.abs(step(x))), None), jnp.zeros(2), 1e-9, 20)
        >>> print(found.x.round(6), found.steps)
        [16.  2.] 4
    """
    nothing = jnp.zeros((memory, start.size), start.dtype)
    other = jax.tree.map(lambda a: jnp.zeros(a.shape, a.dtype), jax.eval_shape(evaluate, start)[2])
    infinite, none = jnp.full((), jnp.inf, start.dtype), jnp.zeros((), int)
    found = FixedPoint(start, infinite, other, none)
    state = _State(found, jnp.zeros_like(start), infinite, nothing, nothing, none)

    def unfinished(state):
        # a residual that is not a number ends it too
        return (state.found.residual > tolerance) & (state.found.steps < max_steps)

    def advance(state):
        move = state.step - _combination(state)
        move = move / jnp.maximum(1.0, jnp.max(jnp.abs(move)) / longest)
        x = state.found.x + move
        step, residual, other = evaluate(x)
        slot = state.filled % memory
        moves, changes = state.moves.at[slot].set(move), state.changes.at[slot].set(step - state.step)
        # nothing to learn from the first evaluation, nor from steps that led astray
        forget = (state.found.steps == 0) | (residual > GROWTH * state.best)
        moves, changes = (jnp.where(forget, 0.0, a) for a in (moves, changes))
        filled = jnp.where(forget, 0, state.filled + 1)
        found = FixedPoint(x, residual, other, state.found.steps + 1)
        return _State(found, step, jnp.fmin(residual, state.best), moves, changes, filled)

    return jax.lax.while_loop(unfinished, advance, state).found


def _combination(state):
    """`(dX + dF) g`."""
    length = jnp.sqrt(jnp.sum(state.changes**2, axis=1))
    used = length > 0
    scale = jnp.where(used, 1 / jnp.where(used, length, 1.0), 0.0)
    changes = state.changes * scale[:, None]
    gram = changes @ changes.T + jnp.diag(jnp.where(used, RIDGE, 1.0))
    # products only: LAPACK's batched solvers can wait for each other
    weights = scale * (inverse_by_halves(gram)[0] @ (changes @ state.step))
    return weights @ (state.moves + state.changes)
