"""The NumPy reference of the flake against its own energy, and the package against it: fields, rest states, flow."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import scmag_jax as sm
from benchmarks.reference import flake as reference
from scmag_jax.flake import Flake, bias_loop, run
from scmag_jax.spins.friction import Friction

SPACING = 5.0
LOOP = bias_loop(200.0, step=50.0).drives["bias"]
UP_AND_DOWN = sm.schedules.sweep(0.0, 200.0, 0.0, step=20.0).drives["drive"]  # as many steps
SECTION, PARKED = 50.0, (75.0, 5.0, 1.0)


@pytest.fixture(scope="module")
def flake():
    # leads that end at the grid: their field at the film changes b by 0.01 A/m, and is tested by itself
    return Flake(spacing=SPACING, lead_ends="open")


@pytest.fixture(scope="module")
def plain(flake):
    return reference.Flake.like(flake)


@pytest.fixture(scope="module")
def energy(flake):
    return lambda bias: flake.energy({"bias": bias}, tolerance=1e-12)


@pytest.fixture(scope="module")
def follow(flake, energy):
    """Incremental minima of the package, far better than a run needs them."""

    def call(drives):
        start = jnp.zeros((*flake.shape, 2))
        options = {"pinning": flake.pinning, "radius": flake.radius(), "tolerance": 1e-9}
        return sm.quasistatic(energy, start, jnp.asarray(drives), **options)

    return call


@pytest.fixture(scope="module")
def loop(follow):
    return follow(LOOP)


def _random(flake, seed):
    m = np.random.default_rng(seed).uniform(-0.7, 0.7, (*flake.shape, 2))
    return np.where(np.asarray(flake.active)[..., None], m, 0.0)


def _branch(step, drives, shape):
    moments, found = np.zeros((*shape, 2)), []
    for bias in drives:
        moments = step(moments, bias).moments
        found.append(moments)
    return np.stack(found)


def _measured(plain, moments, drives):
    """Edge current in A/m and flux in mG, step by step."""
    streams = [plain.stream(m, bias) for m, bias in zip(moments, drives, strict=True)]
    return np.array([(plain.edge_current(g, SECTION), plain.flux(g, PARKED)) for g in streams]).T


def test_the_reference_field_is_the_gradient_of_its_energy(flake, plain):
    m, way = _random(flake, 0), _random(flake, 1)
    energy = lambda t: plain.energy(m + t * way, 130.0, 20.0)
    slope = (energy(1e-3) - energy(-1e-3)) / 2e-3  # quadratic: exact but for rounding
    assert -np.sum(plain.field(m, 130.0, 20.0) * way) == pytest.approx(slope, rel=1e-8)


def test_a_step_with_friction_is_the_best_one():
    random = np.random.default_rng(2)
    before = random.uniform(-0.6, 0.6, (50, 2))
    before[:20] /= np.linalg.norm(before[:20], axis=1)[:, None]  # on the sphere
    centre, pinning, step = before + random.normal(size=(50, 2)), random.uniform(0, 3, 50), 0.3

    def cost(m):
        return pinning * np.linalg.norm(m - before, axis=-1) + np.sum((m - centre) ** 2, axis=-1) / (2 * step)

    found = reference._nearest(centre, before, step, pinning, 1.0)
    assert np.linalg.norm(found, axis=-1).max() <= 1 + 1e-14
    for scale in (0.3, 0.01, 1e-4):
        others = found + scale * random.normal(size=(300, 50, 2))
        others /= np.maximum(np.linalg.norm(others, axis=-1), 1.0)[..., None]
        assert (cost(others) >= cost(found) - 1e-13).all()
    friction = Friction(jnp.asarray(pinning[:, None]), jnp.ones((50, 1)))
    ours = friction.proximal_step(jnp.asarray(centre), jnp.asarray(before), jnp.asarray(step))
    np.testing.assert_allclose(ours, found, atol=1e-12)


def test_fields_and_energies_agree():
    # with leads from infinity, whose field the reference sums over half-lines
    flake = Flake(spacing=SPACING)
    plain = reference.Flake.like(flake, straight=True)
    drive, applied = {"bias": 137.0, "field": -0.3}, -0.3e-4 / sm.units.MU0
    energy_and_slope = jax.jit(jax.value_and_grad(flake.energy(drive, tolerance=1e-13)))
    scale = abs(plain.energy(np.zeros((*flake.shape, 2)), 137.0, applied))  # of the bias alone
    for m in (_random(flake, 3), np.zeros((*flake.shape, 2))):
        energy, slope = energy_and_slope(jnp.asarray(m))
        expected = plain.field(m, 137.0, applied)
        # inductances differ by 1e-11, at pairs of boxes far apart
        assert np.abs(slope + expected).max() < 1e-10 * np.abs(expected).max()
        assert float(energy) == pytest.approx(plain.energy(m, 137.0, applied), abs=1e-10 * scale)


def test_rest_states_along_a_loop_agree(flake, plain, loop):
    moments = _branch(lambda m, bias: plain.increment(m, bias, tolerance=1e-8), LOOP, flake.shape)
    # 4e-7, as far as the reference is converged where the film turns over
    assert np.abs(np.asarray(loop.moments) - moments).max() < 5e-6
    # what a run gives at its own tolerance, and what it measures
    data = run(flake, bias_loop(200.0, step=50.0))
    assert np.abs(data.moments.values - moments).max() < 2e-4
    edge, flux = _measured(plain, moments, LOOP)
    np.testing.assert_allclose(data.edge, edge, atol=1e-3)
    np.testing.assert_allclose(data.parked, flux, atol=3e-3)
    assert edge[4] > 10 and flux[8] > 20


def test_energies_fall_in_every_step(plain, loop):
    moments = np.asarray(loop.moments)
    for bias, before, after in zip(LOOP[1:], moments[:-1], moments[1:], strict=True):
        start, end = plain.energy(before, bias), plain.incremental_energy(after, before, bias)
        assert end <= start + 1e-9 * abs(start)


def test_reversing_the_bias_reverses_all_exactly(follow, loop):
    reversed_loop = follow(-LOOP)
    np.testing.assert_array_equal(reversed_loop.moments, -loop.moments)
    np.testing.assert_array_equal(reversed_loop.energy, loop.energy)


def test_pinned_motion_is_the_viscous_flow(flake, plain, energy):
    bias, duration = 150.0, 4.0
    F, start = energy(bias), jnp.zeros((*flake.shape, 2))
    errors = []
    for count in (100, 400):
        options = {"pinning": flake.pinning, "damping": 1.0, "step": duration / count}
        found = sm.evolve(F, start, [0.0, duration], dynamics="pinned", **options)
        moments = np.zeros(start.shape)
        for _ in range(count):
            moments = plain.advance(moments, bias, duration / count)[0]
        errors.append(np.abs(np.asarray(found.moments[-1]) - moments).max())
        assert int(found.stats["steps"]) == count
    length = np.linalg.norm(moments, axis=-1)
    assert length.max() == pytest.approx(1.0) and (length > 1e-3).sum() > 40  # some are on the sphere, none at rest
    # they differ in how the ball stops a moment, to the order of a step
    assert errors[1] < 3e-3 and errors[1] < errors[0] / 2


def test_how_far_flow_and_increments_are_apart(flake, plain, follow):
    flow = _measured(plain, _branch(plain.flow, UP_AND_DOWN, flake.shape), UP_AND_DOWN)
    increments = _measured(plain, np.asarray(follow(UP_AND_DOWN).moments), UP_AND_DOWN)
    apart = np.abs(flow - increments).max(axis=1)
    largest = np.abs(flow).max(axis=1)
    # two rules for the same friction: jumps end elsewhere, here by 0.41 of 11.5 A/m and 1.8 of 31 mG
    np.testing.assert_allclose(apart, [0.41, 1.8], rtol=0.1)
    assert (apart < 0.06 * largest).all()
    virgin = UP_AND_DOWN[:6] <= 100.0
    assert np.abs(flow - increments)[:, :6][:, virgin].max() < 0.05  # before it turns over
