"""Deterministic dynamics of unit vectors in the field of any free energy, with adaptive steps."""

from collections.abc import Callable
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from .._checks import concrete, positive, real_array, with_shape
from ..energy import check_scalar
from ..solution import RESULTS, Solution

DYNAMICS = ("overdamped", "llg", "neel")
MOST_STEPS = 1_000_000


class Evolution(Solution):
    """Answer of `evolve`.

    Attributes:
        times: as asked for, shape `(t,)`.
        moments: at these times, shape `(t, ...)`; unit vectors exactly.
        velocity: dn/dt at these times for "neel", else None.
        energy: F at these times, `(t,)`.
        result: member of `RESULTS`.
        stats: `steps` taken, `rejected` ones among them.
        history: None.
    """

    times: Float[Array, "t"]
    moments: Float[Array, "t ..."]
    velocity: Float[Array, "t ..."] | None
    energy: Float[Array, "t"]


def evolve(
    F: Callable,
    m0: Any,
    times: Any,
    *,
    dynamics: str = "overdamped",
    damping: Any = 0.1,
    gyromagnetic_ratio: Any = 1.0,
    inertia: Any = None,
    drive: Callable | None = None,
    tolerance: Any = 1e-8,
    max_steps: int = 20_000,
    throw: bool = True,
) -> Evolution:
    r"""Integrate the motion of unit vectors in their field `h = -dF/dm`, at rest at first.

        "overdamped"  damping m' = h - (m.h) m                                     (any number of components)
        "llg"         m' = -gyromagnetic_ratio / (1 + damping^2) [m x h + damping m x (m x h)]
        "neel"        n x (inertia n'' + damping n' - h) = 0, |n| = 1

    "llg" is for ferromagnetic unit vectors of three components. On a Neel vector h is a staggered field, whose torque
    changes the small net magnetisation and not n itself, so that n is second order in time: "neel" (Hals, Tserkovnyak
    and Brataas, Phys. Rev. Lett. 106, 107206 (2011)); first-order LLG would be wrong.

    The step adapts to the tolerance (Tsitouras' 5(4) pair of diffrax). Differentiable in everything that `F`, `m0` and
    the numbers hold, and works under `jax.vmap`.

    Args:
        F: free energy of one configuration, `F(m)`; with a drive `F(m, drive(t))`.
        m0: start, shape `(..., components)`; scaled to unit length.
        times: where the answer is wanted, increasing; the motion starts at the first.
        dynamics: "overdamped", "llg" or "neel".
        damping: see the equations; positive, for "neel" and "llg" zero is allowed.
        gyromagnetic_ratio: of "llg".
        inertia: of "neel", must be given there: the energy unit of F times time squared.
        drive: function of time, anything that `F` takes as its second argument: a pulse of current, a field. Jumps are
            found by the step control, to some 1e-6 of the motion; smooth pulses are cheaper and exacter.
        tolerance: error a step, of unit vectors; absolute and relative. Errors add up: undamped motion drifts by some
            1e-6 of its energy in a unit of time.
        max_steps: steps allowed, at most a million.
        throw: raise where the steps did not suffice; False returns NaN from there on, and `result` says so.

    Returns:
        `Evolution` with `.times`, `.moments`, `.energy` and, for "neel", `.velocity`.

    Raises:
        ValueError: NaN or zero-length moments, times that do not increase, an unknown kind of dynamics, "llg" or "neel"
            for other than three components, damping, inertia or tolerance out of range.
        eqx.EquinoxRuntimeError: the steps did not suffice and `throw=True`. Traced times and damping are not checked.

    Example:
        >>> up = jnp.array([[0.0, 0.0, 1.0]])
        >>> pull = jnp.array([0.0, 1.0, 0.0])
        >>> fall = evolve(lambda n: -jnp.sum(n @ pull), up, [0.0, 1.0, 40.0], dynamics="neel", damping=1.0, inertia=1.0)
        >>> print(jnp.abs(fall.moments[-1]).round(4))
        [[0. 1. 0.]]
    """
    m0 = _check_start(m0, dynamics)
    times = _check_times(times).astype(m0.dtype)
    damping = _check_damping(damping, dynamics)
    if (dynamics == "neel") != (inertia is not None):
        raise ValueError('inertia must be given for dynamics="neel", and only there')
    inertia = None if inertia is None else positive("inertia", inertia)
    ratio = positive("gyromagnetic_ratio", gyromagnetic_ratio)
    tolerance = positive("tolerance", tolerance)
    if not isinstance(max_steps, int) or not 1 <= max_steps <= MOST_STEPS:
        raise ValueError(f"max_steps must be an integer from 1 to {MOST_STEPS}, got {max_steps!r}")
    return _evolve(F, m0, times, dynamics, damping, ratio, inertia, drive, tolerance, max_steps, throw)


@eqx.filter_jit
def _evolve(F, m0, times, dynamics, damping, ratio, inertia, drive, tolerance, max_steps, throw):
    import diffrax  # slow to import

    check_scalar(F, m0, *([] if drive is None else [drive(times[0])]))

    def energy(moments, t):
        return F(moments) if drive is None else F(moments, drive(t))

    def field(moments, t):
        return -jax.grad(energy)(moments, t)

    def overdamped(t, moments, _):
        moments = _unit(moments)
        return _tangent(field(moments, t), moments) / damping

    def llg(t, moments, _):
        moments = _unit(moments)
        torque = jnp.cross(moments, field(moments, t))
        return -ratio / (1 + damping**2) * (torque + damping * jnp.cross(moments, torque))

    def neel(t, state, _):
        moments, velocity = _unit(state[0]), state[1]
        velocity = _tangent(velocity, moments)
        push = (_tangent(field(moments, t), moments) - damping * velocity) / inertia
        # the last term keeps n on the sphere
        return velocity, push - jnp.sum(velocity**2, axis=-1, keepdims=True) * moments

    slope = {"overdamped": overdamped, "llg": llg, "neel": neel}[dynamics]
    start = (m0, jnp.zeros_like(m0)) if dynamics == "neel" else m0
    found = diffrax.diffeqsolve(
        diffrax.ODETerm(slope),
        diffrax.Tsit5(),
        times[0],
        times[-1],
        None,
        start,
        saveat=diffrax.SaveAt(ts=times),
        stepsize_controller=diffrax.PIDController(rtol=tolerance, atol=tolerance),
        max_steps=max_steps,
        throw=False,
    )
    moments, velocity = found.ys if dynamics == "neel" else (found.ys, None)
    complete = jnp.isfinite(moments).all()
    moments = jnp.where(jnp.isfinite(moments), moments, jnp.nan)
    moments = _unit(moments)
    done = (found.result == diffrax.RESULTS.successful) & complete
    result = RESULTS.where(
        found.result == diffrax.RESULTS.max_steps_reached, RESULTS.max_steps_reached, RESULTS.nonfinite
    )
    result = RESULTS.where(done, RESULTS.successful, result)
    if throw:
        moments = result.error_if(moments, ~done)
    return Evolution(
        result=result,
        stats={"steps": found.stats["num_steps"], "rejected": found.stats["num_rejected_steps"]},
        history=None,
        times=times,
        moments=moments,
        velocity=None if velocity is None else jax.vmap(_tangent)(velocity, moments),
        energy=jax.vmap(energy)(moments, times),
    )


def _unit(moments):
    return moments / jnp.sqrt(jnp.sum(moments**2, axis=-1, keepdims=True))


def _tangent(vectors, moments):
    return vectors - jnp.sum(vectors * moments, axis=-1, keepdims=True) * moments


def _check_start(m0, dynamics):
    if dynamics not in DYNAMICS:
        raise ValueError(f"dynamics must be one of {', '.join(DYNAMICS)}, got {dynamics!r}")
    m0 = real_array("m0", m0)
    if m0.ndim < 1 or (dynamics != "overdamped" and m0.shape[-1] != 3):
        wanted = "(..., components)" if dynamics == "overdamped" else "(..., 3)"
        raise ValueError(f'm0 must have shape {wanted} for dynamics="{dynamics}", got {m0.shape}')
    known = concrete(m0)
    if known is not None and not (known**2).sum(-1).all():
        raise ValueError("m0 must not contain moments of zero length: they have no direction")
    return _unit(m0)


def _check_times(times):
    times = with_shape("times", times, ("t",))
    known = concrete(times)
    if times.size < 2 or (known is not None and not (known[1:] > known[:-1]).all()):
        raise ValueError("times must be at least two, each later than the one before")
    return times


def _check_damping(damping, dynamics):
    damping = with_shape("damping", damping, ())
    known = concrete(damping)
    if known is not None and (known < 0 or (dynamics == "overdamped" and known == 0)):
        bound = "positive" if dynamics == "overdamped" else "zero or positive"
        raise ValueError(f'damping must be {bound} for dynamics="{dynamics}", got {known}')
    return damping
