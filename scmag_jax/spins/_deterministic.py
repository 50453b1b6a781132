"""Motion of unit vectors without noise: the slopes of the three equations, integrated with adaptive steps.

A state is `(moments, velocity)`, without velocity where the equation is of first order; `field(moments, t)` is -dF/dm.
"""

from typing import Any, NamedTuple

import jax.numpy as jnp


class Numbers(NamedTuple):
    """What stands in the equations of motion, arrays of the float type of the moments."""

    damping: Any
    ratio: Any
    inertia: Any  # None but for "neel"
    temperature: Any  # None without noise, else one a moment: the moments' shape with a last axis of 1


def overdamped_slope(state, field, t, numbers):
    moments = unit(state[0])
    return tangent(field(moments, t), moments) / numbers.damping, None


def llg_slope(state, field, t, numbers):
    moments, damping = unit(state[0]), numbers.damping
    torque = jnp.cross(moments, field(moments, t))
    return -numbers.ratio / (1 + damping**2) * (torque + damping * jnp.cross(moments, torque)), None


def neel_slope(state, field, t, numbers):
    moments = unit(state[0])
    velocity = tangent(state[1], moments)
    push = (tangent(field(moments, t), moments) - numbers.damping * velocity) / numbers.inertia
    # the last term keeps n on the sphere
    return velocity, push - jnp.sum(velocity**2, axis=-1, keepdims=True) * moments


def adaptive(slope, state, times, tolerance, max_steps):
    """States at the times, steps taken and rejected, and whether the run ended well or for want of steps."""
    import diffrax  # slow to import

    found = diffrax.diffeqsolve(
        diffrax.ODETerm(lambda t, state, _: slope(state, t)),
        diffrax.Tsit5(),
        times[0],
        times[-1],
        None,
        state,
        saveat=diffrax.SaveAt(ts=times),
        stepsize_controller=diffrax.PIDController(rtol=tolerance, atol=tolerance),
        max_steps=max_steps,
        throw=False,
    )
    stats = {"steps": found.stats["num_steps"], "rejected": found.stats["num_rejected_steps"]}
    done = found.result == diffrax.RESULTS.successful
    return found.ys, stats, done, found.result == diffrax.RESULTS.max_steps_reached


def unit(moments):
    """The moments scaled to unit length."""
    return moments / jnp.sqrt(jnp.sum(moments**2, axis=-1, keepdims=True))


def tangent(vectors, moments):
    """What of the vectors is at right angles to the moments."""
    return vectors - jnp.sum(vectors * moments, axis=-1, keepdims=True) * moments
