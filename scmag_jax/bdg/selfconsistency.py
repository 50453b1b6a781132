"""Self-consistent gap of a lattice: preconditioned Anderson mixing, and derivatives by the implicit function theorem.

The gap D is stationary for `F(D) = F_qp(D) + sum |D|^2 / V` (Vakili 2026, Eqs. 13 and 14):

    dF/dD^* = D / V - S = 0,    S = -dF_qp/dD^*

Near the solution the map `D -> V S` multiplies a change of the modulus of wavenumber k by about `A / (1 + K/2)` and one
of the phase by `1 / (1 + K/2)`, `K = sum 2 - 2 cos k`: the phase is soft, and the uniform phase does not matter at all.
Residuals of both are divided by one minus that, in waves of the lattice.

F_qp is concave in D and lies below its tangent, and V S is the minimum of that tangent with `sum |D|^2 / V`: the plain
step `D -> V S` cannot raise F. An accelerated step that raises F is given up for it.
"""

from collections.abc import Callable
from functools import partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from ..numerics.anderson import Evaluation, anderson
from ..numerics.cg import conjugate_gradients
from ..solution import RESULTS

MODULUS = 0.75  # the multiplier of a uniform change of the modulus, typically
COLLAPSED = 1e-7  # of the attraction: a gap below it counts as none
FLOOR = -40.0  # of the logarithm of a modulus
LONGEST = 1.0  # change of the logarithm of a modulus, or of a phase, in a step
LINEAR_TOLERANCE = 1e-12  # of the linear equations behind implicit derivatives
WORST_LINEAR = 1e-6
LINEAR_STEPS = 500


def waves(count: int, periodic: bool) -> tuple[np.ndarray, np.ndarray]:
    """Orthonormal waves of a side as columns `(count, count)`, and `2 - 2 cos k` of each; open sides have cosines.

    Example:
        >>> q, k = waves(4, True)
        >>> print(k.round(6), np.abs(q.T @ q - np.eye(4)).max() < 1e-15)
        [0. 2. 2. 4.] True
    """
    sites = np.arange(count)
    orders: np.ndarray
    if periodic:
        orders = (sites + 1) // 2
        angle = 2 * np.pi * np.outer(sites, orders) / count
        q = np.where(sites % 2 == 1, np.cos(angle), np.sin(angle))
        q[:, 0] = 1.0
    else:
        orders = sites / 2
        q = np.cos(2 * np.pi * np.outer(sites + 0.5, orders) / count)
    return q / np.linalg.norm(q, axis=0), 2 - 2 * np.cos(2 * np.pi * orders / count)


def preconditioner(shape: tuple[int, ...], periodic: tuple[bool, ...]) -> Callable:
    """Function of residuals of modulus and phase, `(2, nx, ny)`, that undoes the usual multipliers.

    Example:
        >>> modulus, phase = preconditioner((4, 4), (True, True))(jnp.ones((2, 4, 4)))
        >>> print(modulus[0, 0].round(6), bool(abs(phase[0, 0]) < 1e-14))  # the uniform phase is held
        4.0 True
    """
    (qx, kx), (qy, ky) = (waves(count, p) for count, p in zip(shape, periodic, strict=True))
    soft = 1 / (1 + (kx[:, None] + ky) / 2)
    stiff = 1 - soft
    stiff[0, 0] = np.inf
    scale = np.stack([1 / (1 - MODULUS * soft), 1 / stiff])

    def apply(residual):
        x, y, s = (jnp.asarray(a, residual.dtype) for a in (qx, qy, scale))
        return jnp.stack([x @ (each * (x.T @ part @ y)) @ y.T for each, part in zip(s, residual, strict=True)])

    return apply


class SelfConsistent(NamedTuple):
    """The end of the iteration, all of the same evaluation.

    Attributes:
        gap: real and imaginary part of D, `(2, nx, ny)`.
        energy: F.
        amplitude: S, `(2, nx, ny)`.
        observables: what else `measure` gave.
        residual: `max |V S - D| / max |D|`; zero where the gap collapsed.
        steps: evaluations.
    """

    gap: Float[Array, "2 nx ny"]
    energy: Float[Array, ""]
    amplitude: Float[Array, "2 nx ny"]
    observables: Any
    residual: Float[Array, ""]
    steps: Any


@partial(jax.custom_jvp, nondiff_argnums=(0, 1, 2))
def self_consistent(
    measure: Callable,
    periodic: tuple[bool, ...],
    throw: bool,
    attraction: Float[Array, "nx ny"],
    parameters: Any,
    start: Float[Array, "2 nx ny"],
    tolerance: Any,
    max_steps: Any,
) -> SelfConsistent:
    """Solve `D = V S(D)` from a start; the phase of the whole stays as it is.

    Derivatives in `attraction` and `parameters` are those of the implicit function theorem: conjugate gradients with
    second derivatives of F for the gap, nothing of it along the uniform phase, and none of it for the energy, which is
    stationary. They can be differentiated again.

    Args:
        measure: `(gap, attraction, parameters)` -> F, S and other observables; a function that closes over no array.
        periodic: whether the sides are.
        throw: raise if it did not converge, also where only a derivative is used.
        attraction: V of every site; zero where there is no pairing.
        parameters: a pytree of arrays.
        start: first gap, real and imaginary part.
        tolerance: of the residual.
        max_steps: evaluations.
    """
    shape = attraction.shape
    undo = preconditioner(shape, periodic)
    paired = attraction > 0
    # no |S| exceeds 1/2, so that no solution lies above; where nothing is paired the logarithm stays at its floor
    highest = jnp.where(paired, jnp.log(jnp.where(paired, attraction, 1.0) / 2), FLOOR)

    def gap_of(x):
        logarithm, phase = x.reshape(2, *shape)
        modulus = jnp.where(paired, jnp.exp(jnp.minimum(logarithm, highest)), 0.0)
        return modulus[None] * jnp.stack([jnp.cos(phase), jnp.sin(phase)])

    def evaluate(x):
        gap = gap_of(x)
        energy, amplitude, observables = measure(gap, attraction, parameters)
        target, modulus = attraction[None] * amplitude, _modulus(gap)
        largest = jnp.max(modulus)
        residual = jnp.max(_modulus(target - gap)) / jnp.where(largest > 0, largest, 1.0)
        # the logarithm of the modulus and the phase: what is small stays small, and does not run to the root D = 0
        along = gap[0] * target[0] + gap[1] * target[1]
        across = gap[0] * target[1] - gap[1] * target[0]
        ratio = _modulus(target) / jnp.where(modulus > 0, modulus, 1.0)
        grow = jnp.log(jnp.clip(ratio, jnp.exp(-LONGEST), jnp.exp(LONGEST)))
        grow = jnp.where(x.reshape(2, *shape)[0] > highest, jnp.minimum(grow, 0.0), grow)
        turn = jnp.arctan2(across, jnp.where((along == 0) & (across == 0), 1.0, along))
        step = undo(jnp.where(paired[None], jnp.stack([grow, turn]), 0.0))
        step = jnp.where(paired[None], step, 0.0)
        # a gap that is none ends it, a number that is none does not count as that
        residual = jnp.where(largest <= COLLAPSED * jnp.max(attraction), 0.0, residual)
        plain = jnp.where(paired, jnp.stack([jnp.log(jnp.maximum(ratio, jnp.exp(FLOOR))), turn]), 0.0)
        return Evaluation(step.ravel(), residual, (energy, amplitude, observables), energy, plain.ravel())

    modulus = _modulus(start)
    logarithm = jnp.log(jnp.where(paired & (modulus > 0), modulus, jnp.exp(FLOOR)))
    x = jnp.stack([jnp.minimum(logarithm, highest), jnp.arctan2(start[1], start[0])])
    found = anderson(evaluate, x.ravel(), tolerance, max_steps, longest=LONGEST)
    energy, amplitude, observables = found.other
    answer = SelfConsistent(gap_of(found.x), energy, amplitude, observables, found.residual, found.steps)
    if throw:
        result = result_of(answer, attraction, tolerance)
        answer = result.error_if(answer, result != RESULTS.successful)
    return answer


@self_consistent.defjvp
def _self_consistent_jvp(measure, periodic, throw, primals, tangents):
    found = self_consistent(measure, periodic, throw, *primals)
    attraction, parameters, *_ = primals
    of_attraction, of_parameters = tangents[:2]
    # at sites without pairing D is zero and stays so
    paired = attraction[None] > 0
    pairing = jnp.where(paired, attraction[None], 1.0)
    no_change = jax.tree.map(jnp.zeros_like, of_parameters)

    @jax.jit
    def moved(of_gap, of_attraction, of_parameters):
        at = (found.gap, attraction, parameters)
        return jax.jvp(measure, at, (of_gap, of_attraction, of_parameters))[1]

    def response(of_gap):
        return moved(jnp.where(paired, of_gap, 0.0), jnp.zeros_like(attraction), no_change)

    def hessian(of_gap):
        """Derivative of `D / V - S`; of D itself where there is no pairing."""
        return jnp.where(paired, of_gap / pairing - response(of_gap)[1], of_gap)

    of_energy, of_amplitude, of_observables = moved(jnp.zeros_like(found.gap), of_attraction, of_parameters)
    push = jnp.where(paired, of_amplitude + found.gap * of_attraction[None] / pairing**2, 0.0)
    step = _solve_linear(hessian, push, found.gap, attraction, preconditioner(attraction.shape, periodic))
    _, more_amplitude, more_observables = response(step)
    of_observables = jax.tree.map(jnp.add, of_observables, more_observables)
    # the energy is stationary in the gap
    no_residual, no_steps = jnp.zeros_like(found.residual), np.zeros(found.steps.shape, jax.dtypes.float0)
    of_amplitude = of_amplitude + more_amplitude
    return found, SelfConsistent(step, of_energy, of_amplitude, of_observables, no_residual, no_steps)


def result_of(found: SelfConsistent, attraction: Float[Array, "nx ny"], tolerance: Any) -> Any:
    """How the iteration ended, a member of `RESULTS`."""
    collapsed = jnp.max(_modulus(found.gap)) <= COLLAPSED * jnp.max(attraction)
    result = RESULTS.where(found.residual <= tolerance, RESULTS.successful, RESULTS.max_steps_reached)
    result = RESULTS.where(collapsed, RESULTS.gap_collapsed, result)
    return RESULTS.where(jnp.isfinite(found.residual), result, RESULTS.nonfinite)


def _solve_linear(matrix, right, gap, attraction, undo):
    """x of `matrix(x) = right`, symmetric, with no part along a turn of all phases, whose eigenvalue is zero."""
    turn = jnp.stack([-gap[1], gap[0]])
    square = jnp.sum(turn**2)
    modulus = _modulus(gap)
    there = modulus[None] > 0
    direction = jnp.where(there, gap / jnp.where(there, modulus[None], 1.0), jnp.array([1.0, 0.0])[:, None, None])
    scale = jnp.sqrt(jnp.where(attraction > 0, attraction, 1.0))
    weight = jnp.where(square > 0, modulus / jnp.sqrt(jnp.where(square > 0, square, 1.0) / modulus.size), 1.0)

    def without_turn(x):
        return x - turn * jnp.sum(turn * x) / jnp.where(square > 0, square, 1.0)

    def precondition(x):
        along, across = direction[0] * x[0] + direction[1] * x[1], direction[0] * x[1] - direction[1] * x[0]
        parts = scale[None] * jnp.stack([along, weight * across])
        parts = undo(parts) + jnp.stack([jnp.zeros_like(along), jnp.full_like(along, jnp.mean(parts[1]))])
        along, across = scale * parts[0], scale * weight * parts[1]
        return jnp.stack([direction[0] * along - direction[1] * across, direction[1] * along + direction[0] * across])

    def solve(matrix, right):
        right = without_turn(right)
        found = conjugate_gradients(matrix, right, precondition, LINEAR_TOLERANCE, LINEAR_STEPS)
        # never silently wrong
        return without_turn(jnp.where(found.residual <= WORST_LINEAR, found.x, jnp.nan))

    return jax.lax.custom_linear_solve(matrix, right, solve, symmetric=True)


def _modulus(pair):
    square = jnp.sum(pair**2, axis=0)
    return jnp.where(square == 0, 0.0, jnp.sqrt(jnp.where(square == 0, 1.0, square)))  # with a derivative at zero
