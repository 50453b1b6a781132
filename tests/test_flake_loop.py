"""The flake of the experiment on a grid of 2.5 um: thresholds, signs, remanence, symmetry, warming, loops in field."""

import equinox as eqx
import jax.numpy as jnp
import numpy as np
import pytest

import scmag_jax as sm
from scmag_jax.flake import bias_loop, cool, field_loop, run, write_and_warm

pytestmark = [pytest.mark.slow, pytest.mark.timeout(400)]
SPACING = 2.5


@pytest.fixture(scope="module")
def loop():
    return run(sm.Flake.weak(spacing=SPACING), bias_loop(200.0, step=10.0))


def at(data, branch, bias):
    return data.isel(step=int(np.flatnonzero((data.branch == branch) & (data.bias == bias))[0]))


def crossing(virgin):
    """Where the virgin flux comes back through zero."""
    flux, bias = virgin.parked.values, virgin.bias.values
    after = np.flatnonzero((flux[:-1] < 0) & (flux[1:] >= 0))[-1]
    return bias[after] - flux[after] * (bias[after + 1] - bias[after]) / (flux[after + 1] - flux[after])


def test_energy_never_rises_and_every_step_is_at_rest(loop):
    assert loop.converged.all() and float(loop.residual.max()) <= 1e-6
    # by the work against friction at least, up to the rounding of an energy of some 10^4
    assert (loop.start_energy - loop.energy >= loop.dissipated - 1e-9).all()
    assert float(loop.dissipated.sum()) > 1e3
    assert float(np.sqrt((loop.moments**2).sum("component")).max()) <= 1 + 1e-15


def test_virgin_flux_is_linear_as_long_as_no_moment_yields(loop):
    virgin = loop.isel(step=(loop.branch == 0) & (loop.bias > 0))
    still = (virgin.moments == 0).all(("x", "y", "component"))
    assert int(still.sum()) >= 5 and not still.all()
    slopes = (virgin.parked / virgin.bias)[still.values]
    np.testing.assert_allclose(slopes, slopes[0], rtol=1e-9)
    assert float(slopes[0]) < 0


def test_thresholds_signs_and_remanence(loop):
    virgin = loop.isel(step=loop.branch == 0)
    assert 110 <= float(virgin.bias[int(virgin.parked.argmin())]) <= 140
    assert 135 <= crossing(virgin) <= 160
    largest = int(np.diff(virgin.edge).argmax())
    assert 130 <= virgin.bias[largest] and virgin.bias[largest + 1] <= 165
    after, before = at(loop, 1, 0.0), at(loop, 2, 0.0)
    # edge with the last bias, bulk against it
    assert 11 <= float(after.edge) <= 15 and -3.3 <= float(after.bulk) <= -2.0
    assert float(after.parked) > 10 and float(before.parked) < -10
    assert float(at(loop, 2, 200.0).parked) == pytest.approx(float(at(loop, 0, 200.0).parked), rel=0.06)


def test_loops_are_antisymmetric_with_one_pinning_map(loop):
    turned = run(sm.Flake.weak(spacing=SPACING), sm.schedules.sweep(0.0, -200.0, 0.0, step=10.0, name="bias"))
    for name in ("moments", "parked", "edge", "image"):
        np.testing.assert_array_equal(turned[name].values, -loop[name].values[: len(turned.step)])


@pytest.mark.parametrize("seed", [1, 2])
def test_thresholds_and_signs_hold_for_other_samples(seed):
    data = run(sm.Flake.weak(spacing=SPACING, seed=seed), sm.schedules.sweep(0.0, 200.0, 0.0, step=10.0, name="bias"))
    virgin = data.isel(step=data.branch == 0)
    assert 110 <= float(virgin.bias[int(virgin.parked.argmin())]) <= 140 and 135 <= crossing(virgin) <= 160
    assert 11 <= float(data.edge[-1]) <= 15 and float(data.bulk[-1]) < -1.5 and float(data.parked[-1]) > 10


def test_thresholds_follow_the_pinning(loop):
    weaker = run(sm.Flake.weak(spacing=SPACING, pinning=2.2), sm.schedules.sweep(0.0, 200.0, step=10.0, name="bias"))
    # 2.2 / 2.5 = 0.88 if nothing but the pinning had a scale
    assert crossing(weaker) / crossing(loop.isel(step=loop.branch == 0)) == pytest.approx(0.88, abs=0.03)


def test_without_a_rim_there_is_no_sign_change_and_with_little_pinning_no_threshold(loop):
    quick = sm.schedules.sweep(0.0, 200.0, step=20.0, name="bias")
    bare = run(sm.Flake.weak(spacing=SPACING, rim_width=0.0), quick)
    assert (bare.parked[1:] < 0).all() and float(bare.edge[-1]) < 0.5 * float(at(loop, 0, 200.0).edge)
    soft = run(sm.Flake.weak(spacing=SPACING, pinning=2.5 / 20), quick)
    assert float(abs(soft.moments[1]).max()) > 0.1


def test_warming_takes_what_the_moments_cannot_be_and_cooling_from_above_all(loop):
    flake = sm.Flake.weak(spacing=SPACING)
    schedule = write_and_warm(flake, -200.0, [3.0, 4.0, 5.0], step=20.0) + cool(flake)
    data = run(flake, schedule)
    cold = data.isel(step=((data.temperature == 1.5) & (data.bias == 0.0) & (data.branch > 0)).values)
    kept = cold.moment[:, 1] / cold.moment[0, 1]
    # 0.87, 0.48 and 0 of the moments at zero temperature, 0.95 of which are there at base
    np.testing.assert_allclose(kept[1:4], [0.87 / 0.95, 0.48 / 0.95, 0.0], atol=0.05)
    assert abs(float(kept[3])) < 0.03
    np.testing.assert_array_equal(cold.moments[-1], 0.0)
    np.testing.assert_array_equal(cold.image[-1], 0.0)


def test_the_loop_in_field_is_diamagnetic_then_paramagnetic_and_closed():
    data = run(sm.Flake.weak(spacing=SPACING), field_loop(1.5, step=0.25))
    half = data.isel(step=(data.field == 0.5).values)
    lower, upper = half.lower.values, half.upper.values
    assert lower[0] < -10 and upper[0] < 0 and lower[1] > lower[0] + 10 and upper[1] > upper[0]
    zero = data.isel(step=((data.field == 0.0) & (data.branch > 0)).values)
    np.testing.assert_allclose([zero.lower[0], zero.upper[0]], [9.0, 3.0], rtol=0.3)
    ends = data.isel(step=(data.field == 1.5).values)
    np.testing.assert_allclose(ends.lower[1], ends.lower[0], atol=0.1)
    np.testing.assert_allclose(ends.upper[1], ends.upper[0], atol=0.1)
    # the lower domain gives way first
    slope = data.lower[1] / data.field[1], data.upper[1] / data.field[1]
    at_one = data.isel(step=int(np.flatnonzero(data.field == 1.0)[0]))
    assert float(at_one.lower / slope[0]) < 0.9 and float(at_one.upper / slope[1]) > 0.97


def test_a_small_field_sees_the_same_superfluid_in_both_remanent_states(loop):
    flake = sm.Flake.weak(spacing=SPACING)
    image = eqx.filter_jit(lambda flake, field, moments: flake.state({"field": field}, moments).bz(1.0))
    response = []
    for state in (at(loop, 1, 0.0), at(loop, 2, 0.0)):
        moments = jnp.asarray(state.moments.values)
        response.append(np.asarray(image(flake, 0.01, moments) - image(flake, 0.0, moments)))
    np.testing.assert_allclose(response[0], response[1], atol=1e-8 * np.abs(response[0]).max())
