"""Relaxation: minima, constraints, flags, no retracing."""

import json
from pathlib import Path

import equinox as eqx
import jax
import jax.numpy as jnp
import jaxtyping
import numpy as np
import optax
import pytest

import scmag_jax as sm

DATA = json.loads((Path(__file__).parent / "data" / "reference_impurities.json").read_text())


def uniform_starts(count, moments):
    angles = 2 * jnp.pi * jnp.arange(count, dtype=float) / count
    one = jnp.stack([jnp.cos(angles), jnp.sin(angles)], axis=-1)
    return jnp.broadcast_to(one[:, None, :], (count, moments, 2))


def quadratic(n, seed=0, pull=1.5):
    rng = np.random.default_rng(seed)
    matrix = rng.normal(size=(2 * n, 2 * n))
    matrix = jnp.asarray(matrix @ matrix.T / (2 * n))
    linear = jnp.asarray(pull * rng.normal(size=2 * n))
    return lambda m: 0.5 * m.reshape(-1) @ (matrix @ m.reshape(-1)) - linear @ m.reshape(-1)


@pytest.mark.parametrize("sample", DATA["ensemble"], ids=lambda s: f"d={s['spacing']}")
def test_best_of_a_batch_is_not_above_the_reference_minimum(sample):
    spacing = sample["spacing"]
    energy = sm.Ensemble(jnp.asarray(sample["positions"]), sm.PearlCoupling(1.0), box=tuple(sample["box"]))
    starts = uniform_starts(16, 200)
    found = eqx.filter_jit(lambda e, s: jax.vmap(lambda m: sm.relax(e, m, throw=False))(s))(energy, starts)
    per_moment = np.asarray(found.energy) * spacing**2 / 200
    assert bool(jnp.all(found.result == sm.RESULTS.successful))
    # the reference minima carry 16 digits and the relaxation stops at 1e-8 of the field: energies to 1e-12
    assert per_moment.min() <= sample["lowest_relaxed_from_uniform_per_moment"] + 1e-12
    # what is returned is stationary and on the constraint, by an independent look at the field
    lengths = jnp.linalg.norm(found.moments, axis=-1)
    np.testing.assert_allclose(lengths, 1.0, atol=4e-16, rtol=0)
    best = found.moments[int(np.argmin(per_moment))]
    h = sm.field(energy, best)
    across = h[:, 0] * best[:, 1] - h[:, 1] * best[:, 0]
    assert float(jnp.abs(across).max()) <= 1.01e-8 * float(jnp.linalg.norm(h, axis=-1).max())


def test_two_moments_relax_head_to_tail():
    c = sm.PearlCoupling(pearl_length=1.0)
    energy = sm.Ensemble(jnp.array([[0.0, 0.0], [0.5, 0.0]]), c)
    found = sm.relax(energy, jnp.array([[0.3, 0.9], [0.8, -0.2]]))
    np.testing.assert_allclose(found.energy, -c.parallel(0.5), rtol=1e-14)
    np.testing.assert_allclose(jnp.abs(found.moments[:, 0]), 1.0, atol=1e-14)


def test_ball_agrees_with_plain_projected_gradient():
    F = quadratic(20)
    found = sm.relax(F, jnp.zeros((20, 2)), constraint="ball")
    x = np.zeros((20, 2))
    slope = jax.jit(jax.grad(F))
    for _ in range(4000):
        x = x - 0.2 * np.asarray(slope(jnp.asarray(x)))
        x = x / np.maximum(1, np.linalg.norm(x, axis=-1, keepdims=True))
    inside = np.linalg.norm(x, axis=-1) < 1 - 1e-6
    assert inside.any() and not inside.all(), "the case must have moments inside and on the boundary"
    np.testing.assert_allclose(found.moments, x, atol=1e-7)
    assert float(jnp.linalg.norm(found.moments, axis=-1).max()) <= 1 + 1e-15


def test_any_optax_optimiser_and_no_retrace():
    traces = []

    class Counted(sm.FreeEnergy):
        pull: jax.Array

        def __call__(self, moments):
            traces.append(None)
            return -jnp.sum(moments @ self.pull)

    start = uniform_starts(1, 7)[0] @ jnp.array([[0.6, 0.8], [-0.8, 0.6]])
    first = sm.relax(Counted(jnp.array([0.0, 1.0])), start, optimiser=optax.adam(0.1), tolerance=1e-4)
    count = len(traces)
    assert count > 0
    again = sm.relax(Counted(jnp.array([0.0, 2.0])), start, optimiser=optax.adam(0.1), tolerance=1e-5)
    assert len(traces) == count, "a new optimiser object of the same kind retraced"
    other = sm.relax(Counted(jnp.array([0.0, 2.0])), start, optimiser=optax.sgd(0.05), tolerance=1e-4)
    assert len(traces) > count, "another optimiser must not be taken for the first"
    for found in (first, again, other):
        np.testing.assert_allclose(found.moments[:, 1], 1.0, atol=1e-6)
    changed = sm.relax(Counted(jnp.array([0.0, 2.0])), start, optimiser=optax.adam(0.05), tolerance=1e-4, throw=False)
    assert int(changed.stats["steps"]) != int(again.stats["steps"]), "the learning rate was ignored"


def test_unconverged_is_never_silent():
    F = quadratic(20)
    start = uniform_starts(1, 20)[0]
    with pytest.raises(eqx.EquinoxRuntimeError, match="maximum number of steps"):
        sm.relax(F, start, max_steps=3)
    found = sm.relax(F, start, max_steps=3, throw=False)
    assert found.result == sm.RESULTS.max_steps_reached
    assert float(found.stats["residual"]) > 1e-8
    np.testing.assert_allclose(found.energy, F(found.moments), rtol=1e-14)
    broken = sm.relax(lambda m: jnp.sum(jnp.log(m[:, 0] - 2)), start, throw=False)
    assert broken.result == sm.RESULTS.nonfinite


def test_stall_is_reported():
    # a field that is no gradient: always across the moments, however they turn, and an energy that never falls
    def F(m):
        fixed = jax.lax.stop_gradient(m)
        return jnp.sum(fixed[:, 0] * m[:, 1] - fixed[:, 1] * m[:, 0])

    found = sm.relax(F, uniform_starts(3, 1)[1], optimiser=optax.sgd(1e-3), throw=False)
    assert found.result == sm.RESULTS.stalled


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"m0": jnp.zeros((3, 2))}, "m0 must not contain moments of zero length"),
        ({"m0": jnp.full((3, 2), jnp.nan)}, "m0 must be finite"),
        ({"constraint": "sphere"}, "constraint must be"),
        ({"tolerance": 0.0}, "tolerance must be a positive"),
        ({"m0": jnp.ones((3, 2), jnp.float32)}, "needs double precision"),
        ({"max_steps": -1}, "max_steps must be an integer"),
        ({"max_steps": 3.5}, "max_steps must be an integer"),
        ({"max_steps": "a"}, "max_steps must be an integer"),
        ({"optimiser": "adam"}, "optimiser must be an optax optimiser"),
    ],
)
def test_bad_input_names_the_argument(change, message, monkeypatch):
    # what a user meets: the check of annotations, on in the tests only, would refuse some of it first
    monkeypatch.setattr(jaxtyping.config, "jaxtyping_disable", True)
    arguments = {"m0": jnp.ones((3, 2))} | change
    with pytest.raises(ValueError, match=message):
        sm.relax(quadratic(3), **arguments)


def test_torque_is_of_three_components(monkeypatch):
    monkeypatch.setattr(jaxtyping.config, "jaxtyping_disable", True)
    with pytest.raises(ValueError, match="^n must have shape"):
        sm.torque(quadratic(3), jnp.ones((3, 2)))


def test_single_precision_on_request():
    pull = jnp.array([0.0, 1.0], jnp.float32)
    found = sm.relax(lambda m: -jnp.sum(m @ pull), jnp.ones((3, 2), jnp.float32), tolerance=1e-4)
    assert found.moments.dtype == jnp.float32
    np.testing.assert_allclose(found.moments[:, 1], 1.0, atol=1e-6)
