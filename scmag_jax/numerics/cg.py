"""Preconditioned conjugate gradients, with matrix and preconditioner once in the program: it compiles quickly."""

from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float


class LinearSolution(NamedTuple):
    """x, `|right - matrix(x)|` over `|right|` by recurrence, and the products with the matrix that it took."""

    x: Float[Array, "..."]
    residual: Float[Array, ""]
    steps: Any


def conjugate_gradients(
    matrix: Callable, right: Float[Array, "..."], precondition: Callable, tolerance: Any, max_steps: Any
) -> LinearSolution:
    """Solve `matrix(x) = right` for a symmetric positive matrix (Hestenes and Stiefel 1952), from x = 0.

    A semidefinite matrix will do if `right` has no part in its null space; that part of x is then arbitrary.

    Args:
        matrix: x -> matrix times x.
        right: any shape.
        precondition: x -> an approximate inverse, symmetric and positive, times x.
        tolerance: of the relative residual.
        max_steps: products allowed.

    Example:
        >>> found = conjugate_gradients(lambda x: jnp.array([2.0, 4.0]) * x, jnp.ones(2), lambda x: x, 1e-12, 10)
        >>> print(found.x, found.steps)
        [0.5  0.25] 2
    """
    size = jnp.sqrt(jnp.sum(right**2))
    enough = tolerance * size

    def unfinished(state):
        _, rest, _, _, steps = state
        return (jnp.sum(rest**2) > enough**2) & (steps < max_steps)

    def advance(state):
        x, rest, direction, product, steps = state
        softened = precondition(rest)
        new = jnp.sum(rest * softened)
        direction = softened + new / product * direction
        image = matrix(direction)
        length = new / jnp.sum(direction * image)
        return x + length * direction, rest - length * image, direction, new, steps + 1

    nothing, infinite = jnp.zeros_like(right), jnp.full((), jnp.inf, right.dtype)
    start = (nothing, right, nothing, infinite, jnp.zeros((), int))
    x, rest, _, _, steps = jax.lax.while_loop(unfinished, advance, start)
    return LinearSolution(x, jnp.sqrt(jnp.sum(rest**2)) / jnp.where(size > 0, size, 1.0), steps)
