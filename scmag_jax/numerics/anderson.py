"""Anderson acceleration of fixed-point iterations, kept from rising where a function is known that must not."""

from collections.abc import Callable
from functools import partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from .inverse import inverse_by_halves

ROUNDING = 1e-13  # of the value: a rise of it that counts as none
RIDGE = 1e-14  # of the normalised Gram matrix: nearly dependent steps are left out
GROWTH = 10.0  # of the residual over the smallest so far: the history is dropped


class Evaluation(NamedTuple):
    """What is known of a point.

    Attributes:
        step: f, preconditioned as the caller likes.
        residual: its size, as measured by the caller.
        other: anything else.
        value: what must not rise; a constant where nothing of that kind is known.
        safe: a step that does not raise it.
    """

    step: Float[Array, "n"]
    residual: Float[Array, ""]
    other: Any
    value: Any
    safe: Float[Array, "n"]


class FixedPoint(NamedTuple):
    """Where an iteration ended.

    Attributes:
        x: the point that was accepted last.
        residual: its size there, as measured by the caller.
        other: what else the evaluation there gave.
        steps: evaluations.
    """

    x: Float[Array, "n"]
    residual: Float[Array, ""]
    other: Any
    steps: Any


class _State(NamedTuple):
    x: Any
    at: Evaluation
    steps: Any
    retreat: Any
    smallest: Any
    moves: Any
    changes: Any
    filled: Any


def anderson(
    evaluate: Callable[[Float[Array, "n"]], Evaluation],
    start: Float[Array, "n"],
    tolerance: Any,
    max_steps: Any,
    memory: int = 5,
    longest: float = float("inf"),
) -> FixedPoint:
    """Iterate `x -> x + f(x)` to `f = 0`, each step corrected by those before it.

        x' = x + f - (dX + dF) g,    g = argmin |f - dF g|

    with the differences dX, dF of the last points and steps (Anderson 1965; Walker and Ni, SIAM J. Numer. Anal. 49,
    1715 (2011)). A point where the value is higher is not accepted: what it tells of f is kept, and the safe step is
    taken from the point before. Every evaluation counts as a step; there is at least one.

    Args:
        evaluate: x -> what is known there.
        start: first x.
        tolerance: of the residual.
        max_steps: evaluations.
        memory: differences that are remembered; more of them mislead where f is not linear.
        longest: bound of the change of any component of x in a step that is not a safe one.

    Example:
        >>> A = jnp.array([[0.9, 0.3], [0.0, 0.5]])
        >>> def evaluate(x):
        ...     step = A @ x + 1.0 - x
        ...     return Evaluation(step, jnp.max(jnp.abs(step)), other=None, value=0.0, safe=step)
        >>> found = anderson(evaluate, jnp.zeros(2), 1e-9, 20)
        >>> print(found.x.round(6), found.steps)
        [16.  2.] 4
    """
    nothing = jnp.zeros((memory, start.size), start.dtype)
    infinite, none = jnp.full((), jnp.inf, start.dtype), jnp.zeros((), int)
    blank = jax.tree.map(lambda a: jnp.zeros(a.shape, a.dtype), jax.eval_shape(evaluate, start))
    blank = blank._replace(residual=infinite, value=infinite)
    state = _State(start, blank, none, jnp.array(False), infinite, nothing, nothing, none)

    def unfinished(state):
        # a residual that is not a number ends it too
        return (state.at.residual > tolerance) & (state.steps < max_steps)

    def advance(state):
        move = state.at.step - _combination(state)
        move = move / jnp.maximum(1.0, jnp.max(jnp.abs(move)) / longest)
        move = jnp.where(state.retreat, state.at.safe, move)
        there = evaluate(state.x + move)
        slot = state.filled % memory
        moves, changes = state.moves.at[slot].set(move), state.changes.at[slot].set(there.step - state.at.step)
        # nothing to learn from the first evaluation, nor from steps that led astray
        forget = (state.steps == 0) | (there.residual > GROWTH * state.smallest)
        moves, changes = (jnp.where(forget, 0.0, a) for a in (moves, changes))
        filled = jnp.where(forget, 0, state.filled + 1)
        # a safe step can rise by rounding only; a value that is no number is not lower
        fallen = there.value <= state.at.value + ROUNDING * jnp.abs(state.at.value)
        retreat = ~(fallen | state.retreat)
        x, at = jax.tree.map(partial(jnp.where, retreat), (state.x, state.at), (state.x + move, there))
        smallest = jnp.fmin(there.residual, state.smallest)
        return _State(x, at, state.steps + 1, retreat, smallest, moves, changes, filled)

    found = jax.lax.while_loop(unfinished, advance, state)
    return FixedPoint(found.x, found.at.residual, found.at.other, found.steps)


def _combination(state):
    """`(dX + dF) g`."""
    length = jnp.sqrt(jnp.sum(state.changes**2, axis=1))
    used = length > 0
    scale = jnp.where(used, 1 / jnp.where(used, length, 1.0), 0.0)
    changes = state.changes * scale[:, None]
    gram = changes @ changes.T + jnp.diag(jnp.where(used, RIDGE, 1.0))
    # products only: LAPACK's batched solvers can wait for each other
    weights = scale * (inverse_by_halves(gram, jnp.ones((), gram.dtype))[0] @ (changes @ state.at.step))
    return weights @ (state.moves + state.changes)
