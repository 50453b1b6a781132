"""Moments that follow a slowly changing drive: at rest at each of its values, one after the other."""

import inspect
from collections.abc import Callable, Mapping
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from .._checks import concrete, is_one, real_array
from ..solution import Solution
from .friction import Friction, friction_of
from .relax import check_steps, check_tolerance, refuse_friction, relax


class Quasistatic(Solution):
    """Answer of `quasistatic`; all arrays begin with the axis of the steps.

    Attributes:
        moments: at rest, `(steps, ...)`.
        energy: F there, `(steps,)`.
        start_energy: F of the moments of the step before at the new drive, cut to the radius, `(steps,)`.
        dissipated: work against pinning along straight ways, `(steps,)`; `start_energy - energy` is more.
        observables: name -> values.
        result: member of `RESULTS` for every step.
        stats: `steps` and `residual` of every relaxation.
        history: None.
    """

    moments: Float[Array, "t ..."]
    energy: Float[Array, "t"]
    start_energy: Float[Array, "t"]
    dissipated: Float[Array, "t"]
    observables: dict[str, Array]


def quasistatic(
    energy_of_drive: Callable,
    m0: Any,
    drives: Any,
    *,
    pinning: Any = None,
    radius: Any = 1.0,
    constraint: str | None = None,
    observables: Mapping[str, Callable] | Callable | None = None,
    optimiser: Any = None,
    tolerance: Any = 1e-6,
    max_steps: Any = 20_000,
    throw: bool = True,
) -> Quasistatic:
    """Relax moments at every value of a drive, each from where they were at the value before.

    With pinning this is the rate-independent motion of textures under dry friction, see `relax`. Friction counts the
    distance of every step; where moments snap, states depend a little on the steps of the drive, and are not to the
    last per cent those of motion at a finite rate (`evolve`, "pinned"), which counts ways. Without pinning, moments
    follow their local minimum until it vanishes. One compiled program; `jax.vmap` it over pinning maps, drives or
    parameters of the energy. `hysteresis` is the same with files, labels and a progress bar.

    Args:
        energy_of_drive: drive -> free energy of one configuration.
        m0: moments before the first value.
        drives: an array or any tree of arrays whose first axis is that of the steps.
        pinning: threshold of the field, number, map, or a function of the drive.
        radius: largest length, likewise. Moments beyond it are cut before they relax, and do not grow back by
            themselves.
        constraint: "ball" or "unit"; None is "ball" with pinning or a radius other than 1, and "unit" without.
        observables: name -> function of the moments, or of the moments and the drive; or one such function that returns
            a dictionary, which may share work.
        optimiser: as `relax`.
        tolerance: as `relax`.
        max_steps: of each relaxation.
        throw: raise if a step did not converge.

    Raises:
        ValueError: drives of no or different lengths, and as `relax`.
        eqx.EquinoxRuntimeError: not converged, and `throw=True`.

    Example:
        >>> zeeman = lambda drive: lambda m: -drive * jnp.sum(m[..., 0])
        >>> field = jnp.array([0.5, 2.0, 0.0, -2.0])
        >>> found = quasistatic(zeeman, jnp.zeros((1, 2)), field, pinning=1.0)
        >>> print(found.moments[:, 0, 0])
        [ 0.  1.  1. -1.]
    """
    m0, constraint = check_moments(m0, constraint, pinning, radius, tolerance, max_steps)
    drives = check_drives(drives)
    pinning, radius = (v if v is None or callable(v) else jnp.asarray(v) for v in (pinning, radius))
    measure = measure_of(observables)
    tolerance, max_steps = jnp.asarray(tolerance, dtype=m0.dtype), jnp.asarray(max_steps)
    return _follow(
        energy_of_drive, m0, drives, pinning, radius, constraint, measure, optimiser, tolerance, max_steps, throw
    )


@eqx.filter_jit
def _follow(energy_of_drive, m0, drives, pinning, radius, constraint, measure, optimiser, tolerance, max_steps, throw):
    def step(moments, drive):
        F = energy_of_drive(drive)
        options = {"constraint": constraint, "optimiser": optimiser, "tolerance": tolerance, "max_steps": max_steps}
        if constraint == "ball":
            threshold = pinning(drive) if callable(pinning) else pinning
            largest = radius(drive) if callable(radius) else radius
            friction = friction_of(moments, threshold, largest)
            start = friction.project(moments)
            options |= {"pinning": threshold, "radius": largest}
        else:
            friction, start = None, moments
        found = relax(F, start, throw=throw, **options)
        out = {
            "result": found.result,
            "stats": {"steps": found.stats["steps"], "residual": found.stats["residual"]},
            "moments": found.moments,
            "energy": found.energy,
            "start_energy": found.stats["start_energy"],
            "dissipated": _dissipated(friction, found.moments - start),
            "observables": measure(found.moments, drive),
        }
        return found.moments, out

    return Quasistatic(history=None, **jax.lax.scan(step, m0, drives)[1])


def _dissipated(friction: Friction | None, way):
    return jnp.zeros((), way.dtype) if friction is None else friction.dissipated(way)


def check_moments(m0: Any, constraint: Any, pinning: Any, radius: Any, tolerance: Any, max_steps: Any) -> tuple:
    """Moments and their constraint; what `relax` would refuse is refused before anything is traced."""
    m0 = real_array("m0", m0).astype(float)
    constraint = chosen_constraint(constraint, pinning, radius)
    check_tolerance(tolerance, m0.dtype)
    check_steps(max_steps)
    if constraint == "unit":
        refuse_friction(pinning, radius)
        known = concrete(m0)
        if known is not None and known.ndim and not (known**2).sum(-1).all():
            raise ValueError(
                "m0 must not contain moments of zero length: unit vectors have a direction; film textures need "
                'pinning or constraint="ball"'
            )
    else:
        friction_of(m0, None if callable(pinning) else pinning, 1.0 if callable(radius) else radius)
    return m0, constraint


def check_drives(drives: Any) -> Any:
    """Drives as a tree of finite arrays with one number of steps."""
    if isinstance(drives, list):
        drives = real_array("drives", drives)
    drives = jax.tree.map(lambda value: real_array("drives", value), drives)
    lengths = {leaf.shape[:1] for leaf in jax.tree.leaves(drives)}
    if len(lengths) != 1 or lengths & {(), (0,)}:
        raise ValueError(f"drives must be arrays with one number of steps, got lengths {sorted(lengths)}")
    return drives


def chosen_constraint(constraint: str | None, pinning: Any, radius: Any) -> str:
    """The constraint that was asked for, or the one that friction and radius mean."""
    if constraint is not None:
        return constraint
    return "unit" if pinning is None and is_one(radius) else "ball"


def measure_of(observables: Any) -> Callable:
    """Observables as one function of moments and drive that returns a dictionary.

    Raises:
        ValueError: something that takes neither the moments nor both.
    """
    if observables is None:
        return _Each(())
    if callable(observables):
        return _of_both("observables", observables)
    if not isinstance(observables, Mapping):
        raise ValueError(f"observables must be a mapping of functions, or a function, got {observables!r}")
    each = [(name, _of_both(f"observables[{name!r}]", function)) for name, function in observables.items()]
    return _Each(tuple(each))


def _of_both(name, function):
    if not callable(function):
        raise ValueError(f"{name} must be a function, got {function!r}")
    try:
        signature = inspect.signature(function)
    except ValueError:  # of some built-in functions nothing is known
        return _OfMoments(function)
    # optional arguments, such as the axis of a mean, are not for the drive
    for arguments in (("moments",), ("moments", "drive")):
        try:
            signature.bind(*arguments)
        except TypeError:
            continue
        both = len(arguments) == 2 or "drive" in signature.parameters
        return function if both else _OfMoments(function)
    raise ValueError(f"{name} must take the moments, or the moments and the drive")


# modules compare equal where their functions do, so that a second call does not retrace
class _OfMoments(eqx.Module):
    function: Callable

    def __call__(self, moments, drive):
        return self.function(moments)


class _Each(eqx.Module):
    functions: tuple[tuple[str, Callable], ...]

    def __call__(self, moments, drive):
        return {name: function(moments, drive) for name, function in self.functions}
