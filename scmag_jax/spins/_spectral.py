"""Spectral projected gradient: the optimiser for moments inside a ball, where L-BFGS stalls on the boundary."""

from collections.abc import Callable

import equinox as eqx
import jax
import jax.numpy as jnp
import optax

MEMORY = 10  # energies among which a step need not rise above the highest
SUFFICIENT = 1e-4
HALVINGS = 40


class _State(eqx.Module):
    params: jax.Array
    slope: jax.Array
    energies: jax.Array
    step: jax.Array


def spectral_projected_gradient(project: Callable) -> optax.GradientTransformationExtraArgs:
    """Barzilai-Borwein steps, projected on a convex set, with a non-monotone line search.

    Birgin, Martinez and Raydan, SIAM J. Optim. 10, 1196 (2000). The direction is `P(x - alpha g) - x`, so that every
    trial point lies in the set.

    Args:
        project: projection on the convex set.
    """

    def init(params):
        nothing = jnp.zeros_like(params)
        return _State(nothing, nothing, jnp.full(MEMORY, -jnp.inf, params.dtype), jnp.zeros((), jnp.int32))

    def update(updates, state, params, *, value, value_fn, **unused):
        slope = updates
        moved, bent = params - state.params, slope - state.slope
        curvature = jnp.sum(moved * bent)
        usable = (state.step > 0) & (curvature > 0)
        length = jnp.sum(moved**2) / jnp.where(usable, curvature, 1.0)
        largest = jnp.max(jnp.abs(slope))
        first = 1 / jnp.where(largest > 0, largest, 1.0)
        alpha = jnp.where(usable, jnp.clip(length, 1e-10 * first, 1e10 * first), first)
        energies = state.energies.at[state.step % MEMORY].set(value)
        ceiling = jnp.max(energies)
        direction = project(params - alpha * slope) - params
        descent = jnp.sum(slope * direction)
        # a difference below rounding must not be taken for a rise
        slack = 4 * jnp.finfo(params.dtype).eps * jnp.abs(value)

        def too_high(carry):
            fraction, energy, trial = carry
            return (energy > ceiling + SUFFICIENT * fraction * descent + slack) & (trial < HALVINGS)

        def halve(carry):
            fraction, _, trial = carry
            return fraction / 2, value_fn(params + fraction / 2 * direction), trial + 1

        one = jnp.ones((), params.dtype)
        start = (one, value_fn(params + direction), jnp.zeros((), jnp.int32))
        fraction, _, _ = jax.lax.while_loop(too_high, halve, start)
        return fraction * direction, _State(params, slope, energies, state.step + 1)

    return optax.GradientTransformationExtraArgs(init, update)
