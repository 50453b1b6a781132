"""Relaxation of moments on their constraint with any optax optimiser."""

from collections.abc import Callable
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import optax
from jaxtyping import Array, Float

from .._checks import concrete, is_one, real_array
from ..energy import check_scalar
from ..solution import RESULTS, Solution
from ._optimiser import canonical
from .friction import PATIENCE, friction_of, settle

LINE_SEARCH = optax.scale_by_zoom_linesearch(max_linesearch_steps=20, initial_guess_strategy="one")
ON_SPHERES = optax.lbfgs(memory_size=20, linesearch=LINE_SEARCH)
CONSTRAINTS = ("unit", "ball")
FIRST_TURN = 0.1  # of a moment at right angles to the largest field, in the first step of the default optimiser
SINGLE_PRECISION_TOLERANCE = 1e-5


class Relaxation(Solution):
    """Answer of `relax`.

    Attributes:
        moments: relaxed configuration, shape of the start; the constraint holds exactly.
        energy: its free energy.
        result: member of `RESULTS`.
        stats: `steps` (evaluations of the field where no optimiser was given in the ball), and `residual` = max
            |tangent h| / max |h| of the returned moments, with pinning that of the force beyond it; `start_energy`.
        history: None.
    """

    moments: Float[Array, "..."]
    energy: Float[Array, ""]


class _State(eqx.Module):
    moments: Any
    energy: Any
    slope: Any
    residual: Any
    optimiser: Any
    best: Any
    step: Any
    progress: Any


def relax(
    F: Callable,
    m0: Any,
    *,
    optimiser: optax.GradientTransformation | None = None,
    constraint: str = "unit",
    pinning: Any = None,
    radius: Any = 1.0,
    tolerance: Any = 1e-8,
    max_steps: Any = 20_000,
    throw: bool = True,
) -> Relaxation:
    r"""Relax moments to a local minimum of a free energy.

    Minimises `F(P(p))`, P the projection on the constraint, with the optimiser's steps from `p = P(p)`; stops when
    `max |tangent h| <= tolerance max |h|`, h = -dF/dm. On the boundary of the ball the tangent field is what remains
    when a field that points outwards is taken away.

    In the ball moments may be pinned: they stay where |h| is below their threshold, and yield otherwise until

        F(m) + sum_i pinning_i |m_i - m0_i|,    |m_i| <= radius_i

    is at a minimum downhill, the nearest one where the energy is convex (dry friction; the pinned textures of Xiang
    2023, re-derived). F alone then falls by the work against friction at least.

    A start that is stationary already is returned as it is and counts as successful, be it a maximum or a saddle:
    perturb it to leave. Runs under `jax.vmap` for batches of starts or of energies; a second call with the same F and
    shapes does not retrace, new optimiser objects of the same kind included (a new lambda is a new F; a
    `jax.tree_util.Partial` of one function with its arrays is not).

    Args:
        F: free energy, `FreeEnergy` or plain function, of one configuration.
        m0: start, shape `(..., components)`; scaled to the constraint.
        optimiser: any optax optimiser; None = L-BFGS with a zoom line search, and in the ball proximal steps of the
            length of Barzilai and Borwein.
        constraint: "unit": |m| = 1 on every site; "ball": |m| <= radius (coarse-grained textures).
        pinning: threshold of the field, a number or a map of the moments; in the ball, without an optimiser.
        radius: of the ball, a number or a map of the moments.
        tolerance: on the relative tangent field.
        max_steps: steps of the optimiser, an integer from 0.
        throw: raise if it did not converge; False returns the state of lowest energy, or the last one in the ball, and
            `result` says why.

    Returns:
        `Relaxation` with `.moments`, `.energy`, `.result`, `.stats`.

    Raises:
        ValueError: NaN or zero-length moments, an unknown constraint, a tolerance that single precision cannot meet,
            an optimiser that is not optax's, `max_steps` that are no number of steps, pinning or a radius on unit
            vectors, below zero, or that do not fit the moments.
        eqx.EquinoxRuntimeError: not converged and `throw=True`.

    Example:
        >>> pull = jnp.array([0.0, 1.0])
        >>> found = relax(lambda m: -jnp.sum(m @ pull), jnp.array([[1.0, 0.1], [0.5, -0.5]]))
        >>> print(jnp.abs(found.moments).round(6))
        [[0. 1.]
         [0. 1.]]
    """
    m0 = real_array("m0", m0)
    if constraint not in CONSTRAINTS:
        raise ValueError(f'constraint must be "unit" or "ball", got {constraint!r}')
    if m0.ndim < 1:
        raise ValueError("m0 must have the components of the moments on its last axis, got a scalar")
    if optimiser is not None and not isinstance(optimiser, optax.GradientTransformation):
        raise ValueError(f"optimiser must be an optax optimiser such as optax.adam(0.1), got {optimiser!r}")
    check_tolerance(tolerance, m0.dtype)
    check_steps(max_steps)
    known = concrete(m0)
    if constraint == "unit" and known is not None and not (known**2).sum(-1).all():
        raise ValueError("m0 must not contain moments of zero length: they have no direction")
    if constraint == "unit":
        refuse_friction(pinning, radius)
        friction = None
    elif pinning is not None and optimiser is not None:
        raise ValueError("pinning needs optimiser=None: optax optimisers know of no friction")
    else:
        friction = friction_of(m0, pinning, radius)
    tolerance, max_steps = jnp.asarray(tolerance, dtype=m0.dtype), jnp.asarray(max_steps)
    if constraint == "ball" and optimiser is None:
        found = _settle(F, m0, friction, tolerance, max_steps)
    else:
        chosen = ON_SPHERES if optimiser is None else canonical(optimiser)
        found = _relax(F, m0, friction, tolerance, max_steps, chosen, optimiser is None)
    if throw:
        failed = found.result != RESULTS.successful
        found = eqx.tree_at(lambda s: s.moments, found, found.result.error_if(found.moments, failed))
    return found


@eqx.filter_jit
def _settle(F, m0, friction, tolerance, max_steps):
    check_scalar(F, m0)
    found = settle(F, friction.project(m0), friction, tolerance, max_steps)
    finite = jnp.isfinite(found.energy) & jnp.isfinite(found.residual)
    result = RESULTS.where(found.stalled, RESULTS.stalled, RESULTS.max_steps_reached)
    result = RESULTS.where(found.residual <= tolerance, RESULTS.successful, result)
    return Relaxation(
        result=RESULTS.where(finite, result, RESULTS.nonfinite),
        stats={"steps": found.evaluations, "residual": found.residual, "start_energy": found.start_energy},
        history=None,
        moments=found.moments,
        energy=found.energy,
    )


@eqx.filter_jit
def _relax(F, m0, friction, tolerance, max_steps, optimiser, in_own_unit):
    check_scalar(F, m0)
    optimiser = optax.with_extra_args_support(optimiser)
    project = _unit if friction is None else friction.project

    def projected(p):
        return F(project(p))

    def measure(moments):
        energy, slope = jax.value_and_grad(F)(moments)
        largest = jnp.max(_length(slope))
        if friction is None:
            slope = _tangent(moments, slope)
            force = _length(slope)
        else:
            # in the ball the optimiser needs the whole slope, to find its way back in
            force = friction.unbalanced(moments, -slope, moments)
        # no field at all is a stationary state
        largest = jnp.where(largest > 0, largest, 1.0)
        return (energy, slope, jnp.max(force) / largest), largest

    def step(state):
        slope = state.slope / unit
        extra = {"value": state.energy / unit, "grad": slope, "value_fn": lambda p: projected(p) / unit}
        # optax mixes integer widths, which strict promotion refuses
        with jax.numpy_dtype_promotion("standard"):
            updates, inner = optimiser.update(slope, state.optimiser, state.moments, **extra)
        moments = project(optax.apply_updates(state.moments, updates))
        (energy, slope, residual), _ = measure(moments)
        lower = energy < state.best[1]
        better = lower | (residual < state.best[2])
        best = jax.tree.map(
            lambda new, old: jnp.where(lower | (residual <= tolerance), new, old),
            (moments, energy, residual),
            state.best,
        )
        progress = jnp.where(better, state.step, state.progress)
        return _State(moments, energy, slope, residual, inner, best, state.step + 1, progress)

    def unfinished(state):
        finite = jnp.isfinite(state.energy) & jnp.isfinite(state.residual)
        waiting = state.step - state.progress < PATIENCE
        return finite & waiting & (state.residual > tolerance) & (state.step < max_steps)

    start = project(m0)
    (energy, slope, residual), largest = measure(start)
    start_energy = energy
    # the first step of the default optimiser would depend on the unit of energy, and could be long enough for a barrier
    unit = largest / FIRST_TURN if in_own_unit else jnp.ones_like(largest)
    zero = jnp.zeros_like(max_steps)
    best = (start, energy, residual)
    state = _State(start, energy, slope, residual, optimiser.init(start), best, zero, zero)
    state = jax.lax.while_loop(unfinished, step, state)

    finite = jnp.isfinite(state.energy) & jnp.isfinite(state.residual)
    result = RESULTS.where(state.step < max_steps, RESULTS.stalled, RESULTS.max_steps_reached)
    result = RESULTS.where(state.residual <= tolerance, RESULTS.successful, result)
    result = RESULTS.where(finite, result, RESULTS.nonfinite)
    moments, energy, residual = state.best
    return Relaxation(
        result=result,
        stats={"steps": state.step, "residual": residual, "start_energy": start_energy},
        history=None,
        moments=moments,
        energy=energy,
    )


def _tangent(moments, slope):
    return slope - jnp.sum(slope * moments, axis=-1, keepdims=True) * moments


def _unit(p):
    return p / jnp.sqrt(jnp.sum(p**2, axis=-1, keepdims=True))


def _length(vectors):
    return jnp.sqrt(jnp.sum(vectors**2, axis=-1))


def check_steps(max_steps: Any) -> None:
    """Refuse what is no number of steps."""
    known = concrete(max_steps)
    if known is not None and (known.ndim or not np.issubdtype(known.dtype, np.integer) or known < 0):
        raise ValueError(f"max_steps must be an integer from 0, got {max_steps!r}")


def check_tolerance(tolerance: Any, dtype: Any) -> None:
    """Refuse a tolerance that is no positive number, or that single precision cannot meet."""
    known = concrete(tolerance)
    if known is None:
        return
    if known.ndim or not known > 0:
        raise ValueError(f"tolerance must be a positive number, got {tolerance!r}")
    if dtype == jnp.float32 and known < SINGLE_PRECISION_TOLERANCE:
        raise ValueError(
            f"tolerance={float(known):g} needs double precision and m0 is float32: call "
            f'jax.config.update("jax_enable_x64", True), or ask for {SINGLE_PRECISION_TOLERANCE:g} or more'
        )


def refuse_friction(pinning: Any, radius: Any) -> None:
    """Unit vectors have no friction here."""
    if pinning is not None or not is_one(radius):
        raise ValueError('pinning and radius need constraint="ball": unit vectors have neither here')
