"""Dynamics of unit vectors in the field of any free energy: adaptive steps, or fixed ones with thermal noise."""

from collections.abc import Callable
from typing import Any, NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from .._checks import concrete, is_one, positive, real_array, with_shape
from ..energy import check_scalar
from ..solution import RESULTS, Solution
from ._deterministic import Numbers, adaptive, llg_slope, neel_slope, overdamped_slope, tangent, unit
from ._pinned import check_pinned, pinned_course
from ._thermal import (
    check_noise,
    check_temperature,
    fixed_steps,
    llg_step,
    neel_push,
    neel_step,
    overdamped_step,
    step_counts,
)

MOST_STEPS = 1_000_000


class Dynamics(NamedTuple):
    """A kind of motion: its slope for adaptive steps, its fixed step, and what it asks for."""

    slope: Callable
    step: Callable
    components: int | None  # of the moments; None = any
    undamped: bool  # whether the damping may be zero
    inertial: bool  # whether the equation is of second order in time


DYNAMICS = {
    "overdamped": Dynamics(overdamped_slope, overdamped_step, None, undamped=False, inertial=False),
    "llg": Dynamics(llg_slope, llg_step, 3, undamped=True, inertial=False),
    "neel": Dynamics(neel_slope, neel_step, 3, undamped=True, inertial=True),
}


class Evolution(Solution):
    """Answer of `evolve`.

    Attributes:
        times: as asked for, shape `(t,)`.
        moments: at these times, shape `(t, ...)`; unit vectors exactly, of "pinned" no longer than the radius.
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
    velocity: Any = None,
    pinning: Any = None,
    radius: Any = 1.0,
    temperature: Any = 0.0,
    key: Any = None,
    step: Any = None,
    drive: Callable | None = None,
    tolerance: Any = 1e-8,
    max_steps: int = 20_000,
    throw: bool = True,
) -> Evolution:
    r"""Integrate the motion of unit vectors in their field `h = -dF/dm`, with thermal noise at a temperature.

        "overdamped"  damping m' = P (h + xi), P = 1 - m m^T                       (any number of components)
        "llg"         m' = -gyromagnetic_ratio / (1 + damping^2) [m x (h + xi) + damping m x (m x (h + xi))]
        "neel"        n x (inertia n'' + damping n' - h - xi) = 0, |n| = 1
        "pinned"      damping m' = (|h| - pinning)_+ h / |h|, |m| <= radius, no noise

    xi is white noise, in the sense of Stratonovich, of variance per component and unit of time 2 T damping, and
    2 T damping / gyromagnetic_ratio for "llg" (Brown, Phys. Rev. 130, 1677 (1963)): the equilibrium is exp(-F/T) on
    unit vectors. A free moment in a field h then has m.h/h = I1(x)/I0(x), x = h/T, in a plane, and coth(x) - 1/x of
    three components.

    "llg" is for ferromagnetic unit vectors of three components; `EasyPlane` embeds planar ones. On a Neel vector h is a
    staggered field, whose torque changes the small net magnetisation and not n itself, so that n is second order in
    time: "neel" (Hals, Tserkovnyak and Brataas, Phys. Rev. Lett. 106, 107206 (2011)); first-order LLG would be wrong.

    "pinned" is the motion of coarse-grained film textures, whose moments are no unit vectors, against dry friction; of
    moments on the sphere of their radius the part of h that points outwards does not count (Xiang 2023, re-derived).
    `relax` and `hysteresis` go to where it ends at slow drives, as long as nothing snaps.

    Without noise and `step` the step adapts to the tolerance (Tsitouras' 5(4) pair of diffrax). With a `step` it is
    fixed: splittings that keep unit length exactly, of second order without noise and of second weak order with it.
    With c the largest curvature of F, a step is safe where these are far below one:

        "overdamped"  step c / damping (2 is unstable) and step T / damping
        "llg"         step gyromagnetic_ratio |h|, and step T times gyromagnetic_ratio damping / (1 + damping^2)
        "neel"        step^2 c / inertia (4 is unstable) and step^2 T / inertia

    "pinned" takes proximal steps of first order, at most `step` long, and halves those along which F would rise, longer
    than 1.9 damping / c.

    Measured for a free moment at h = 1, T = 1/2 and numbers of one, to 0.0002: steps of 0.2 change the mean of m.h,
    0.537, by -0.0014 ("overdamped", three components), -0.0004 ("llg", damping 0.5) and -0.0005 ("neel"); steps of 0.4
    by -0.0069, -0.0019 and -0.0025. Undamped "neel" keeps its energy to the order of step^2 for ever; that of two
    coupled undamped "llg" moments in fields of one drifts by 5e-4 in a unit of time for steps of 0.2, as step^3.

    Differentiable in everything that `F`, `m0` and the numbers hold, "pinned" in forward mode alone, and works under
    `jax.vmap`, over keys and temperatures too; fixed steps keep the states at `times` alone, and the reverse mode
    repeats one interval at a time.

    Args:
        F: free energy of one configuration, `F(m)`; with a drive `F(m, drive(t))`.
        m0: start, shape `(..., components)`; scaled to unit length, of "pinned" cut to the radius.
        times: where the answer is wanted, increasing; the motion starts at the first.
        dynamics: "overdamped", "llg", "neel" or "pinned".
        damping: see the equations; positive, for "neel" and "llg" zero is allowed.
        gyromagnetic_ratio: of "llg".
        inertia: of "neel", must be given there: the energy unit of F times time squared.
        velocity: of "neel", dn/dt at the start, shape of m0; its part along n is dropped. None = at rest.
        pinning: of "pinned", threshold of the field, a number or a map of the moments; None is 0.
        radius: of "pinned", largest length of the moments, likewise.
        temperature: k_B T in the energy unit of F; scalar, or a map that broadcasts to the moments, `(...)`. Above
            zero, or traced, it needs `key` and `step`.
        key: of `jax.random`. Step k draws from `fold_in(key, k)`: a run is bitwise reproducible from its key.
        step: longest fixed step: an interval of `times` is divided into ceil(interval / step) equal ones. The counts
            fix the loops that are compiled, so that `step` and `times` must be concrete: `jit` and `vmap` may not
            trace them. Intervals of equal counts are cheapest to compile.
        drive: function of time, anything that `F` takes as its second argument: a pulse of current, a field. Jumps are
            found by the step control, to some 1e-6 of the motion; smooth pulses are cheaper and exacter. Fixed steps
            do not look for jumps, and one is off by the order of a step.
        tolerance: error an adaptive step, of unit vectors; absolute and relative. Errors add up: undamped motion drifts
            by some 1e-6 of its energy in a unit of time.
        max_steps: adaptive steps allowed, at most a million; those of "pinned", too.
        throw: raise where the steps did not suffice or a number was not finite; False returns NaN from there on, and
            `result` says so.

    Returns:
        `Evolution` with `.times`, `.moments`, `.energy` and, for "neel", `.velocity`.

    Raises:
        ValueError: NaN or zero-length moments, times that do not increase, an unknown kind of dynamics, "llg" or "neel"
            for other than three components, damping, inertia, temperature, step or tolerance out of range; a
            temperature without key or step, a key that is none, a map of temperatures that does not fit, a step or
            times that are traced where steps are fixed; pinning or a radius of other kinds, negative or that do not
            fit, "pinned" without a step or with a temperature.
        eqx.EquinoxRuntimeError: the steps did not suffice or a number was not finite, and `throw=True`; a traced
            temperature is negative. Traced times and damping are not checked.

    Example:
        >>> up = jnp.array([[0.0, 0.0, 1.0]])
        >>> pull = jnp.array([0.0, 1.0, 0.0])
        >>> fall = evolve(lambda n: -jnp.sum(n @ pull), up, [0.0, 1.0, 40.0], dynamics="neel", damping=1.0, inertia=1.0)
        >>> print(jnp.abs(fall.moments[-1]).round(4))
        [[0. 1. 0.]]

        A thousand free moments in a field at five temperatures, against the Langevin function:

        >>> temperature = jnp.array([[0.2], [0.5], [1.0], [2.0], [5.0]])
        >>> up = jnp.zeros((5, 1000, 3)).at[..., 2].set(1.0)
        >>> warm = evolve(lambda m: -m[..., 2].sum(), up, [0.0, 4.0], damping=1.0, temperature=temperature,
        ...               key=jax.random.key(0), step=0.05)
        >>> x = 1 / temperature[:, 0]
        >>> print(jnp.abs(warm.moments[-1, ..., 2].mean(1) - (1 / jnp.tanh(x) - 1 / x)).max() < 0.05)
        True
    """
    if not isinstance(max_steps, int) or not 1 <= max_steps <= MOST_STEPS:
        raise ValueError(f"max_steps must be an integer from 1 to {MOST_STEPS}, got {max_steps!r}")
    if dynamics == "pinned":
        m0, friction = check_pinned(m0, pinning, radius, temperature, step, velocity, inertia, key)
        times, damping = _check_times(times).astype(m0.dtype), _check_damping(damping, dynamics).astype(m0.dtype)
        step = positive("step", step).astype(m0.dtype)
        return _pinned(F, m0, times, friction, damping, step, drive, jnp.asarray(max_steps), throw)
    if pinning is not None or not is_one(radius):
        raise ValueError('pinning and radius need dynamics="pinned": other motion is that of unit vectors')
    m0 = _check_start(m0, dynamics)
    kind = DYNAMICS[dynamics]
    times, counts = _check_times(times).astype(m0.dtype), step_counts(times, step)
    damping = _check_damping(damping, dynamics).astype(m0.dtype)
    if kind.inertial != (inertia is not None):
        raise ValueError('inertia must be given for dynamics="neel", and only there')
    inertia = None if inertia is None else positive("inertia", inertia).astype(m0.dtype)
    ratio = positive("gyromagnetic_ratio", gyromagnetic_ratio).astype(m0.dtype)
    velocity = _check_velocity(velocity, m0, kind)
    temperature = check_temperature(temperature, m0)
    key = check_noise(temperature, key, step)
    tolerance = positive("tolerance", tolerance)
    numbers = Numbers(damping, ratio, inertia, temperature)
    if counts is None:
        return _adapting(F, (m0, velocity), times, kind, numbers, drive, tolerance, max_steps, throw)
    longest, even = int(counts.max()), bool((counts == counts[0]).all())
    return _stepping(F, (m0, velocity), times, kind, numbers, drive, jnp.asarray(counts), longest, even, key, throw)


@eqx.filter_jit
def _adapting(F, state, times, kind, numbers, drive, tolerance, max_steps, throw):
    energy, field = _energy_and_field(F, state[0], times, drive)

    def slope(state, t):
        return kind.slope(state, field, t, numbers)

    found, stats, done, exhausted = adaptive(slope, state, times, tolerance, max_steps)
    return _evolution(found, times, energy, stats, done, exhausted, throw)


@eqx.filter_jit
def _stepping(F, state, times, kind, numbers, drive, counts, longest, even, key, throw):
    energy, field = _energy_and_field(F, state[0], times, drive)

    def step(state, t, length, key):
        return kind.step(state, field, t, length, key, numbers)

    push = neel_push(state[0], field, times[0], numbers) if kind.inertial else None
    found = fixed_steps(step, (*state, push), times, counts, longest, even, key)
    stats = {"steps": jnp.sum(counts), "rejected": jnp.zeros_like(counts[0])}
    return _evolution(found, times, energy, stats, jnp.array(True), jnp.array(False), throw)


@eqx.filter_jit
def _pinned(F, m0, times, friction, damping, step, drive, max_steps, throw):
    energy, field = _energy_and_field(F, m0, times, drive)
    found, stats, done = pinned_course(field, m0, times, friction, damping, step, max_steps)
    exhausted = stats["steps"] + stats["rejected"] >= max_steps
    return _evolution((found, None), times, energy, stats, done, exhausted, throw, scaled=lambda m: m)


def _energy_and_field(F, m0, times, drive):
    check_scalar(F, m0, *([] if drive is None else [drive(times[0])]))

    def energy(moments, t):
        return F(moments) if drive is None else F(moments, drive(t))

    return energy, lambda moments, t: -jax.grad(energy)(moments, t)


def _evolution(found, times, energy, stats, done, exhausted, throw, scaled=unit):
    moments, velocity = found
    finite = jnp.isfinite(moments)
    moments = scaled(jnp.where(finite, moments, jnp.nan))
    done = done & finite.all()
    result = RESULTS.where(exhausted, RESULTS.max_steps_reached, RESULTS.nonfinite)
    result = RESULTS.where(done, RESULTS.successful, result)
    if throw:
        moments = result.error_if(moments, ~done)
    return Evolution(
        result=result,
        stats=stats,
        history=None,
        times=times,
        moments=moments,
        velocity=None if velocity is None else tangent(velocity, moments),
        energy=jax.vmap(energy)(moments, times),
    )


def _check_start(m0, dynamics):
    if dynamics not in tuple(DYNAMICS):
        raise ValueError(f"dynamics must be one of {', '.join(DYNAMICS)}, pinned, got {dynamics!r}")
    components = DYNAMICS[dynamics].components
    known = concrete(m0)
    m0 = real_array("m0", m0)
    if m0.ndim < 1 or components not in (None, m0.shape[-1]):
        wanted = f"(..., {components or 'components'})"
        raise ValueError(f'm0 must have shape {wanted} for dynamics="{dynamics}", got {m0.shape}')
    if known is not None and not (known**2).sum(-1).all():
        raise ValueError("m0 must not contain moments of zero length: they have no direction")
    return unit(m0)


def _check_times(value):
    times, known = with_shape("times", value, ("t",)), concrete(value)
    if times.size < 2 or (known is not None and not (known[1:] > known[:-1]).all()):
        raise ValueError("times must be at least two, each later than the one before")
    return times


def _check_damping(value, dynamics):
    damping, known = with_shape("damping", value, ()), concrete(value)
    undamped = dynamics in DYNAMICS and DYNAMICS[dynamics].undamped
    if known is not None and (known < 0 or (known == 0 and not undamped)):
        bound = "zero or positive" if undamped else "positive"
        raise ValueError(f'damping must be {bound} for dynamics="{dynamics}", got {known}')
    return damping


def _check_velocity(velocity, m0, kind):
    if not kind.inertial:
        if velocity is not None:
            raise ValueError('velocity must be given for dynamics="neel" only: other motion has none of its own')
        return None
    if velocity is None:
        return jnp.zeros_like(m0)
    return tangent(with_shape("velocity", velocity, m0.shape).astype(m0.dtype), m0)
