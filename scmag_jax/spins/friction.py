r"""Rest states of moments in a ball under dry friction: pinning that only a field above a threshold overcomes.

A moment m in the field `b = -dF/dm` moves along b once |b| exceeds its threshold K, and stops where it falls below. The
state that is reached from an anchor a at fixed drive is the minimum of

    J(m) = F(m) + sum_i K_i |m_i - a_i|,    |m_i| <= R_i

downhill from it: the incremental energy of a rate-independent system (Mielke, Handb. Differ. Equ. 2, 461 (2005)).
"""

from collections.abc import Callable
from typing import Any, NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float

from .._checks import broadcast_to_moments

ROOT_STEPS = 16  # of a safeguarded Newton iteration on the force of the ball, which converges quadratically
FIRST_MOVE = 0.01  # of the largest radius: how far the first step goes
MOST_CURVATURE = 1.9  # over the inverse step along a step; below 2 the incremental energy falls
CYCLE, CAREFUL = 30, 200  # evaluations without progress, and how many after them take steps that cannot cycle
PATIENCE = 1000  # evaluations without a lower energy or residual after which a run is called stalled
ON_SPHERE = 1e-12  # of the radius


class Friction(NamedTuple):
    """What holds the moments.

    Attributes:
        pinning: threshold K of every moment, in the unit of the field; `(..., 1)`.
        radius: largest length R of every moment, `(..., 1)`.
    """

    pinning: Float[Array, "*s 1"]
    radius: Float[Array, "*s 1"]

    def project(self, m: Float[Array, "*s d"]) -> Float[Array, "*s d"]:
        """The nearest moments inside the ball.

        Example:
            >>> print(Friction(jnp.zeros((1, 1)), jnp.ones((1, 1))).project(jnp.array([[3.0, 4.0]])))
            [[0.6 0.8]]
        """
        length = _length(m)
        # what rounding has left beyond the sphere is on it, and stays as it is
        beyond = length > self.radius * (1 + 4 * jnp.finfo(m.dtype).eps)
        return jnp.where(beyond, m * (self.radius / jnp.where(beyond, length, 1.0)), m)

    def proximal_step(
        self, centre: Float[Array, "*s d"], anchor: Float[Array, "*s d"], step: Float[Array, ""]
    ) -> Float[Array, "*s d"]:
        r"""`argmin_m K |m - anchor| + |m - centre|^2 / (2 step)` in the ball, every moment by itself.

        Moments that the threshold holds stay at their anchor to the last bit. With the multiplier s >= 0 of the ball
        and `c = (centre - anchor) / step - s anchor` the answer is `anchor + (|c| - K)_+ / (1 / step + s) c / |c|`,
        whose length falls with s.

        Args:
            centre: where the moments would go without friction.
            anchor: where they come from, in the ball.
            step: of time.

        Example:
            >>> held = Friction(jnp.full((2, 1), 0.5), jnp.ones((2, 1)))
            >>> print(held.proximal_step(jnp.array([[0.4, 0.0], [0.9, 0.0]]), jnp.zeros((2, 2)), jnp.ones(())))
            [[0.  0. ]
             [0.4 0. ]]
        """
        threshold, radius = self
        pull = (centre - anchor) / step
        square = jnp.sum(anchor**2, axis=-1, keepdims=True)
        known = jnp.where(square > 0, square, 1.0)

        def with_multiplier(s):
            c = pull - s * anchor
            size = _length(c)
            excess = jnp.where(size > threshold, 1 - threshold / jnp.where(size > 0, size, 1.0), 0.0)
            return anchor + excess * c / (1 / step + s)

        def length_and_slope(s):
            m, rate = jax.jvp(with_multiplier, (s,), (jnp.ones_like(s),))
            length = _length(m)
            return length, jnp.sum(m * rate, axis=-1, keepdims=True) / jnp.where(length > 0, length, 1.0)

        def refine(_, bracket):
            low, high, s = bracket
            length, slope = length_and_slope(s)
            low, high = jnp.where(length > radius, s, low), jnp.where(length > radius, high, s)
            # Newton for 1 / length = 1 / radius, which is nearly linear in s
            falls = slope < 0
            better = s + (length / filled - 1) * length / jnp.where(falls, -slope, 1.0)
            inside = falls & (better > low) & (better < high)
            return low, high, jnp.where(inside, better, (low + high) / 2)

        free = with_multiplier(jnp.zeros_like(threshold))
        outside = _length(free) > radius * (1 + ON_SPHERE)
        filled = jnp.where(radius > 0, radius, 1.0)
        bound = jnp.maximum((_length(centre) / step + threshold) / filled - 1 / step, 0.0)
        outward = jnp.maximum(jnp.sum(pull * anchor, axis=-1, keepdims=True), 0.0) / known
        # what holds a moment that slides a little from an anchor on the sphere; the length is flat around it
        bracket = jnp.zeros_like(bound), bound, jnp.minimum(outward, bound)
        s = jax.lax.fori_loop(0, ROOT_STEPS, refine, bracket)[2]
        m = with_multiplier(s)
        m = jnp.where(outside, m * (filled / jnp.where(outside, _length(m), 1.0)), free)
        # on the sphere a whole range of multipliers holds a moment: which of them is found must not move it
        on_sphere = jnp.sqrt(square) >= radius * (1 - ON_SPHERE)
        held = on_sphere & (_length(pull - outward * anchor) <= threshold)
        return jnp.where(radius > 0, jnp.where(held, anchor, m), 0.0)

    def unbalanced(
        self, m: Float[Array, "*s d"], b: Float[Array, "*s d"], anchor: Float[Array, "*s d"]
    ) -> Float[Array, "*s"]:
        """Force on every moment that neither friction nor the ball takes up; zero everywhere at rest.

        Args:
            m: the moments.
            b: their field, -dF/dm.
            anchor: where they came from: friction points back to it.

        Example:
            >>> held = Friction(jnp.full((1, 1), 0.5), jnp.ones((1, 1)))
            >>> print(held.unbalanced(jnp.zeros((1, 2)), jnp.array([[0.0, 0.7]]), jnp.zeros((1, 2))))
            [0.2]
        """
        way = m - anchor
        distance = _length(way)
        moved = distance > 0
        force = b - jnp.where(moved, self.pinning / jnp.where(moved, distance, 1.0), 0.0) * way
        square = jnp.sum(m**2, axis=-1, keepdims=True)
        outward = jnp.sum(force * m, axis=-1, keepdims=True) / jnp.where(square > 0, square, 1.0)
        on_sphere = jnp.sqrt(square) >= self.radius * (1 - ON_SPHERE)
        size = _length(force - jnp.where(on_sphere, jnp.maximum(outward, 0.0), 0.0) * m)
        beyond = jnp.where(moved, size, jnp.maximum(size - self.pinning, 0.0))
        return jnp.where(self.radius > 0, beyond, 0.0)[..., 0]

    def dissipated(self, way: Float[Array, "*s d"]) -> Float[Array, ""]:
        """Work against friction along straight ways, `sum K |way|`."""
        return jnp.sum(self.pinning * _length(way))


def friction_of(m0: Float[Array, "..."], pinning: Any, radius: Any) -> Friction:
    """Friction of moments in a ball from numbers or maps.

    Raises:
        ValueError: negative ones, or maps that do not fit.
    """
    pinning = broadcast_to_moments("pinning", 0.0 if pinning is None else pinning, m0)
    return Friction(pinning, broadcast_to_moments("radius", radius, m0))


class Rest(eqx.Module):
    """Where `settle` ended.

    Attributes:
        moments: in the ball exactly.
        energy: F there.
        start_energy: F at the anchor.
        residual: largest unbalanced force over the largest field.
        evaluations: of F and its field.
        stalled: nothing fell any more.
    """

    moments: Float[Array, "*s d"]
    energy: Float[Array, ""]
    start_energy: Float[Array, ""]
    residual: Float[Array, ""]
    evaluations: Any
    stalled: Bool[Array, ""]


class _State(NamedTuple):
    moments: Any
    energy: Any
    start_energy: Any
    slope: Any
    residual: Any
    trial: Any
    step: Any
    lowest: Any
    steepest: Any
    careful: Any
    evaluations: Any
    progress: Any


def settle(F: Callable, anchor: Float[Array, "*s d"], friction: Friction, tolerance: Any, max_steps: Any) -> Rest:
    """Minimise F and the work against friction from the anchor, downhill, by proximal steps.

    Each step goes along the field and takes friction and the ball exactly; its length is that of Barzilai and Borwein
    (IMA J. Numer. Anal. 8, 141 (1988)), halved until the curvature along it is so low that the incremental energy
    falls; where nothing falls for a while, steps are no longer than the steepest curvature allows. That is judged by
    fields, which rounding spares, and by energies where F is not quadratic.

    Args:
        F: free energy of one configuration.
        anchor: start, in the ball.
        friction: thresholds and radii.
        tolerance: on the residual.
        max_steps: evaluations allowed.
    """
    eps = jnp.finfo(anchor.dtype).eps
    infinite = jnp.full((), jnp.inf, anchor.dtype)
    largest_radius = jnp.max(friction.radius)

    def advance(state):
        energy, slope = jax.value_and_grad(F)(state.trial)
        first = state.evaluations == 0
        moved, bent = state.trial - state.moments, slope - state.slope
        square, curvature = jnp.sum(moved**2), jnp.sum(moved * bent)
        total = energy + friction.dissipated(state.trial - anchor)
        before = state.energy + friction.dissipated(state.moments - anchor)
        noise = 1e3 * eps * (jnp.abs(state.energy) + jnp.abs(before))
        falls = (curvature <= MOST_CURVATURE * square / state.step) & (total <= before + noise)
        accepted = first | falls
        push, largest = jnp.max(friction.unbalanced(state.trial, -slope, anchor)), jnp.max(_length(slope))
        residual = push / jnp.where(largest > 0, largest, 1.0)  # no field at all is a state at rest
        new = (state.trial, energy, slope, residual)
        old = (state.moments, state.energy, state.slope, state.residual)
        # a field that is not finite ends the loop
        accepted = accepted | ~(jnp.isfinite(energy) & jnp.isfinite(residual))
        moments, energy, slope, residual = (jnp.where(accepted, n, o) for n, o in zip(new, old, strict=True))
        begin = FIRST_MOVE * largest_radius / jnp.where(push > 0, push, 1.0)
        # downhill of a hump the next valley is no farther than the steepest curvature says
        beyond = jnp.where(state.steepest > 0, 1 / jnp.where(state.steepest > 0, state.steepest, 1.0), 2 * state.step)
        longer = jnp.where(curvature > 0, square / jnp.where(curvature > 0, curvature, 1.0), beyond)
        count = state.evaluations + 1
        # where a moment is about to yield steps of that length can cycle; those below the steepest curvature cannot
        steepest = jnp.maximum(state.steepest, curvature / jnp.where(square > 0, square, 1.0))
        cycling = count - state.progress > CYCLE
        careful = jnp.where(cycling & (state.careful < count), count + CAREFUL, state.careful)
        longer = jnp.where((careful >= count) & (steepest > 0), jnp.minimum(longer, 1 / steepest), longer)
        step = jnp.where(first, begin, jnp.where(accepted, longer, state.step / 2))
        trial = friction.proximal_step(moments - step * slope, anchor, step)
        better = accepted & ((total < state.lowest[0]) | (residual < state.lowest[1]))
        least = (
            jnp.minimum(jnp.where(accepted, total, infinite), state.lowest[0]),
            jnp.minimum(residual, state.lowest[1]),
        )
        progress = jnp.where(better, count, state.progress)
        begun = jnp.where(first, energy, state.start_energy)
        return _State(moments, energy, begun, slope, residual, trial, step, least, steepest, careful, count, progress)

    def unfinished(state):
        finite = (jnp.isfinite(state.energy) & jnp.isfinite(state.residual)) | (state.evaluations == 0)
        waiting = state.evaluations - state.progress < PATIENCE
        return finite & waiting & (state.residual > tolerance) & (state.evaluations < max_steps)

    zero = jnp.zeros_like(max_steps)
    nothing = jnp.zeros((), anchor.dtype)
    start = _State(
        moments=anchor,
        energy=nothing,
        start_energy=nothing,
        slope=jnp.zeros_like(anchor),
        residual=infinite,
        trial=anchor,
        step=nothing + 1,
        lowest=(infinite, infinite),
        steepest=nothing,
        careful=zero,
        evaluations=zero,
        progress=zero,
    )
    end = jax.lax.while_loop(unfinished, advance, start)
    stalled = end.evaluations - end.progress >= PATIENCE
    return Rest(end.moments, end.energy, end.start_energy, end.residual, end.evaluations, stalled)


def _length(vectors):
    return jnp.sqrt(jnp.sum(vectors**2, axis=-1, keepdims=True))
