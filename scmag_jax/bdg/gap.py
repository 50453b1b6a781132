"""The BCS gap equation of a free energy F(gap^2), solved for its largest root, with implicit derivatives."""

from collections.abc import Callable
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from ..solution import RESULTS

STEP_TOLERANCE = 1e-8  # of a Newton step, which is taken: the next would be its square
COLLAPSED = 1e-7  # of the attraction: no gap is looked for below it
MOST_STEPS = 80
LOWEST_TEMPERATURE = 1e-4  # of the attraction: no transition is looked for below it


class GapEquation(eqx.Module):
    """`1 = V K(x)`, x = gap^2, with the pair susceptibility `K = -dF/dx` (Vakili 2026, Eq. 13: `gap = V S`, S = gap K).

    Attributes:
        free_energy: F(x, parameters) of the quasiparticles; a function that closes over no array.
        attraction: V.
        parameters: what the gap depends on besides.
    """

    free_energy: Callable = eqx.field(static=True)
    attraction: Float[Array, ""]
    parameters: Any

    def susceptibility(self, x: Float[Array, ""]) -> Float[Array, ""]:
        """K(x)."""
        return -jax.jvp(lambda x: self.free_energy(x, self.parameters), (x,), (jnp.ones_like(x),))[1]


class Gap(eqx.Module):
    """A solution of the gap equation; the square is zero where the gap collapsed."""

    gap_squared: Float[Array, ""]
    result: Any
    steps: Any
    residual: Float[Array, ""]


def largest_gap(equation: GapEquation) -> Gap:
    """A stable solution of `1 = V K(gap^2)`, reached from above: the largest one where S is concave.

    No pair amplitude exceeds 1/2, so that no gap exceeds V/2; from there Newton's method on `gap - V S(gap)` comes down
    monotonically while S is concave. Where it leaves its bracket the gap is halved, so that a gap that vanishes ends in
    `RESULTS.gap_collapsed` and not in a wrong number. Near a transition of first order several solutions may coexist;
    then the one found is a local minimum of F, not necessarily the largest gap or the lowest F (small meshes have
    such pairs: 1 of 480 random cases).
    """
    start = _held(equation)
    one = jnp.ones_like(equation.attraction)

    def pull(gap):
        # gap - V S and its slope
        square = gap**2
        value, slope = jax.jvp(start.susceptibility, (square,), (jnp.ones_like(square),))
        excess = one - start.attraction * value
        return gap * excess, excess - 2 * square * start.attraction * slope, jnp.abs(excess)

    def step(state):
        gap, low, high, steps, _, _ = state
        value, slope, residual = pull(gap)
        low, high = jnp.where(value < 0, gap, low), jnp.where(value < 0, high, gap)
        newton = gap - value / jnp.where(slope == 0, 1.0, slope)
        small = (slope > 0) & (jnp.abs(newton - gap) <= STEP_TOLERANCE * gap)
        inside = (slope > 0) & (newton > low) & (newton < high)
        fallback = (low + high) / 2
        return jnp.where(small | inside, newton, fallback), low, high, steps + 1, small, residual

    floor = COLLAPSED * start.attraction

    def unfinished(state):
        gap, _, _, steps, done, _ = state
        return ~done & (gap > floor) & (steps < MOST_STEPS)

    top = start.attraction / 2
    zero = jnp.zeros_like(top)
    state = (top, zero, 2 * top, jnp.zeros((), int), jnp.zeros((), bool), zero)
    gap, _, _, steps, done, _ = jax.lax.while_loop(unfinished, step, state)
    collapsed = gap <= floor
    found = jnp.where(collapsed, 0.0, gap**2)

    def equation_of(x):
        return jnp.where(collapsed, x, one - equation.attraction * equation.susceptibility(x))

    square = jax.lax.custom_root(
        equation_of, jax.lax.stop_gradient(found), lambda _, x: x, lambda linear, y: y / linear(jnp.ones_like(y))
    )
    result = RESULTS.where(done, RESULTS.successful, RESULTS.max_steps_reached)
    result = RESULTS.where(collapsed, RESULTS.gap_collapsed, result)
    residual = jnp.where(collapsed, 0.0, jnp.abs(one - start.attraction * start.susceptibility(found)))
    return Gap(square, result, steps, residual)


def critical_temperature(free_energy: Callable, attraction: Float[Array, ""], parameters: Any) -> Float[Array, ""]:
    """Largest T with `1 = V K(0, T)`, by a guarded Newton iteration in ln T from V/4, above which there is none.

    Args:
        free_energy: F(gap^2, T, parameters) of the quasiparticles.
        attraction: V.
        parameters: what it depends on besides.

    Returns:
        T, 0 where none was found above 1e-4 V.
    """

    def excess(log_temperature, attraction, parameters):
        arguments = (jnp.exp(log_temperature), parameters)
        equation = GapEquation(lambda x, arguments: free_energy(x, *arguments), attraction, arguments)
        return 1 - attraction * equation.susceptibility(jnp.zeros_like(log_temperature))

    held = _held((attraction, parameters))

    def step(state):
        log_t, low, high, steps, _ = state
        value, slope = jax.jvp(lambda log_t: excess(log_t, *held), (log_t,), (jnp.ones_like(log_t),))
        low, high = jnp.where(value < 0, log_t, low), jnp.where(value < 0, high, log_t)
        newton = log_t - value / jnp.where(slope == 0, 1.0, slope)
        small = (slope > 0) & (jnp.abs(newton - log_t) <= STEP_TOLERANCE)
        # far above a transition the excess is flat: no step by more than a factor of 4
        inside = (slope > 0) & (newton > jnp.maximum(low, log_t - jnp.log(4.0))) & (newton < high)
        fallback = jnp.where(jnp.isinf(low), log_t - jnp.log(2.0), (low + high) / 2)
        return jnp.where(small | inside, newton, fallback), low, high, steps + 1, small

    bottom = jnp.log(LOWEST_TEMPERATURE * held[0])

    def unfinished(state):
        log_t, _, _, steps, done = state
        return ~done & (log_t > bottom) & (steps < MOST_STEPS)

    top = jnp.log(held[0] / 4)
    infinite = jnp.full_like(top, jnp.inf)
    state = (top, -infinite, infinite, jnp.zeros((), int), jnp.zeros((), bool))
    log_t, _, _, _, done = jax.lax.while_loop(unfinished, step, state)

    # where there is none: any temperature that is safe to evaluate at
    log_t = jnp.where(done, log_t, top)

    def equation_of(log_t):
        return jnp.where(done, excess(log_t, attraction, parameters), log_t - top)

    log_t = jax.lax.custom_root(
        equation_of, jax.lax.stop_gradient(log_t), lambda _, x: x, lambda linear, y: y / linear(jnp.ones_like(y))
    )
    return jnp.where(done, jnp.exp(log_t), 0.0)


def _held(tree):
    """The tree with its derivatives cut off."""
    return jax.tree.map(lambda leaf: jax.lax.stop_gradient(leaf) if eqx.is_array(leaf) else leaf, tree)
