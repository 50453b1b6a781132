"""Motion of moments in a ball against dry friction and viscous damping, in proximal steps."""

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from .._checks import concrete, real_array
from .friction import MOST_CURVATURE, friction_of

HALVINGS = 60  # of a step in a row before the motion is given up


class _State(NamedTuple):
    moments: Any
    slope: Any
    time: Any
    step: Any
    halved: Any
    taken: Any
    rejected: Any


def pinned_course(field, m0, times, friction, damping, step, max_steps):
    r"""Moments at the times, steps taken and rejected, and whether the steps sufficed.

    A step of length t is `argmin_m -b.(m - m_n) + K |m - m_n| + damping |m - m_n|^2 / (2 t)` in the ball, b the field
    at its beginning. It is halved until the curvature of F along it lets F fall.
    """

    def interval(state, end):
        def going(state):
            return (state.time < end) & (state.halved < HALVINGS) & (state.taken + state.rejected < max_steps)

        def advance(state):
            length = jnp.minimum(state.step, end - state.time)
            # what rounding leaves of an interval is no step of its own
            last = length > (1 - 1e-9) * (end - state.time)
            then = jnp.where(last, end, state.time + length)
            centre = state.moments - length / damping * state.slope
            trial = friction.proximal_step(centre, state.moments, length / damping)
            slope = -field(trial, then)
            moved = trial - state.moments
            curvature = jnp.sum(moved * (slope - state.slope))
            accepted = curvature <= MOST_CURVATURE * damping / length * jnp.sum(moved**2)
            accepted = accepted | ~jnp.isfinite(curvature)  # ends as not finite, not for want of steps
            one = jnp.ones_like(state.taken)
            return _State(
                moments=jnp.where(accepted, trial, state.moments),
                slope=jnp.where(accepted, slope, state.slope),
                time=jnp.where(accepted, then, state.time),
                step=jnp.where(accepted, jnp.minimum(2 * state.step, step), length / 2),
                halved=jnp.where(accepted, 0 * one, state.halved + one),
                taken=state.taken + jnp.where(accepted, one, 0 * one),
                rejected=state.rejected + jnp.where(accepted, 0 * one, one),
            )

        state = jax.lax.while_loop(going, advance, state)
        return state, (jnp.where(state.time >= end, state.moments, jnp.nan), state.time >= end)

    zero = jnp.zeros_like(max_steps)
    start = friction.project(m0)
    state = _State(start, -field(start, times[0]), times[0], step, zero, zero, zero)
    state, (later, complete) = jax.lax.scan(interval, state, times[1:])
    stats = {"steps": state.taken, "rejected": state.rejected}
    return jnp.concatenate([start[None], later]), stats, complete.all()


def check_pinned(m0, pinning, radius, temperature, step, velocity, inertia, key):
    """Moments and their friction; what this motion does not have is refused."""
    m0 = real_array("m0", m0)
    if m0.ndim < 1:
        raise ValueError("m0 must have the components of the moments on its last axis, got a scalar")
    known = concrete(temperature)
    if known is None or known.any():
        raise ValueError('temperature must be zero for dynamics="pinned": coarse-grained blocks do not creep here')
    if key is not None:
        raise ValueError('key must be None for dynamics="pinned": nothing in it is random')
    if step is None:
        raise ValueError('step must be given for dynamics="pinned": the longest proximal step')
    for name, value in (("velocity", velocity), ("inertia", inertia)):
        if value is not None:
            raise ValueError(f'{name} must be given for dynamics="neel" only: other motion has none of its own')
    return m0, friction_of(m0, pinning, radius)
