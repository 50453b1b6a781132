"""Poles of tanh: the independent table, error bounds, order and sign, derivatives, traced windows, refusals."""

import json
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from scmag_jax.numerics import poles as module
from scmag_jax.numerics.poles import error_bound, matsubara_poles, poles_needed, tanh_poles

DATA = json.loads((Path(__file__).parent / "data" / "reference_bdg.json").read_text())
# from windows that a few poles fill to the largest there is; (1.5, 16) stands for a wider one
WINDOWS = [(3.0, 4), (1.5, 16), (12.0, 6), (400.0, 8), (400.0, 16), (400.0, 24), (4000.0, 24), (3e5, 24), (2.0**24, 64)]
ROUNDING = 2e-15  # of tanh: a sum of positive terms, so some units in the last place of 1


def points(window):
    """Arguments across the decades up to the window, dense at both ends."""
    return jnp.concatenate([jnp.geomspace(1e-3 * min(window, 1.0), window, 4001), jnp.linspace(0.0, window, 2001)])


def worst(window, count):
    x = points(window)
    return float(jnp.max(jnp.abs(tanh_poles(window, count).tanh(x) - jnp.tanh(x))))


@pytest.mark.parametrize("count", [16, 20])
def test_the_independent_poles(count, monkeypatch):
    # the same problem in extended precision elsewhere; ours is rounded to doubles at the end. That table is of the
    # window 400 itself, where tanh_poles would round up to 512: a ladder with a rung there, past the cache
    known = DATA[f"poles_X400_n{count}"]
    monkeypatch.setattr(module, "RUNGS", 1 / np.log2(400.0))
    z, r = module._solve.__wrapped__(1, count)
    np.testing.assert_allclose(z, known["z"], rtol=1e-12)
    np.testing.assert_allclose(r, known["r"], rtol=1e-12)


@pytest.mark.parametrize("window, count", WINDOWS)
def test_error_is_within_the_bound(window, count):
    assert worst(window, count) <= error_bound(window, count) + ROUNDING


@pytest.mark.parametrize("count", [1, 2, 3, 4, 5, 6, 8, 11, 14, 17, 24, 32])
def test_every_window_is_solved(count):
    # where the bound says anything about tanh: a root of the denominator that is missed breaks order, sign or bound
    for rung in range(module._lowest_rung(count), module._rung(module.LARGEST_WINDOW) + 1):
        bound = module._rung_bound(rung, count)
        z, r = module._solve(rung, count)
        assert (r > 0).all() and (np.diff(z) > 0).all(), f"window 2^{rung / module.RUNGS}"
        x = np.geomspace(1e-3, 2.0 ** (rung / module.RUNGS), 301)[:, None]
        error = np.abs((2 * r * x / (x**2 + z**2)).sum(-1) - np.tanh(x[:, 0])).max()
        assert bound > 1 or error <= bound + ROUNDING, f"window 2^{rung / module.RUNGS}"


@pytest.mark.parametrize("rung, count", [(16, 8), (18, 16), (24, 24), (48, 40)])
def test_the_bound_is_not_idle(rung, count):
    # on a window that is a rung the bound is twice the modulus of Zolotarev's problem: a factor of 4 is left
    window = 2.0 ** (rung / module.RUNGS)
    assert worst(window, count) >= error_bound(window, count) / 4 > 1e-12


@pytest.mark.parametrize("window, count", WINDOWS)
def test_positive_and_in_order(window, count):
    poles = tanh_poles(window, count)
    assert poles.z.shape == poles.r.shape == (count,)
    assert bool(jnp.all(poles.r > 0) & jnp.all(jnp.diff(poles.z) > 0))
    # the lowest pole is the lowest Matsubara frequency, nearly as well as tanh is met: a factor of 10
    np.testing.assert_allclose([poles.z[0], poles.r[0]], [np.pi / 2, 1.0], rtol=10 * error_bound(window, count) + 1e-15)


@pytest.mark.parametrize("window, count", [(12.0, 6), (400.0, 8), (400.0, 16)])
def test_log_2cosh_is_the_integral_of_tanh(window, count):
    poles, x = tanh_poles(window, count), points(window)
    # the same poles by construction: rounding of some units in the last place
    np.testing.assert_allclose(jax.vmap(jax.grad(poles.log_2cosh))(x), poles.tanh(x), rtol=1e-13)
    # ln 2cosh itself: exact at 0, and the integral of an oscillating error stays below the error times the way
    exact = jnp.logaddexp(x, -x)
    assert bool(jnp.all(jnp.abs(poles.log_2cosh(x) - exact) <= error_bound(window, count) * x + 4e-15 * exact))
    # some 20 times smaller, relative, far from the origin; a factor of 2 is left
    far = x > window / 4
    relative = float(jnp.max(jnp.where(far, jnp.abs(poles.log_2cosh(x) / exact - 1), 0.0)))
    assert relative < error_bound(window, count) / 10


def test_odd_and_even_at_any_shape():
    poles = tanh_poles(400.0, 16)
    x = points(400.0)[:12].reshape(3, 2, 2)
    np.testing.assert_array_equal(poles.tanh(-x), -poles.tanh(x))
    np.testing.assert_array_equal(poles.log_2cosh(-x), poles.log_2cosh(x))
    assert poles.tanh(x).shape == (3, 2, 2)
    assert float(poles.tanh(jnp.array(0.0))) == 0.0
    assert float(poles.log_2cosh(jnp.array(0.0))) == np.log(2.0)


def test_traced_windows_are_the_concrete_ones():
    # rungs and just beside them, below the lowest rung that is worth it, and the largest
    windows = jnp.array([0.5, 1.0, 2.0, 2.83, 100.0, 128.0, 128.001, 4e5, 2.0**24])
    traced = jax.jit(jax.vmap(lambda window: tanh_poles(window, 16)))(windows)
    for number, window in enumerate(windows):
        poles = tanh_poles(window, 16)
        np.testing.assert_array_equal(traced.z[number], poles.z)
        np.testing.assert_array_equal(traced.r[number], poles.r)


def test_windows_share_poles():
    # a half octave, so that a sweep of temperatures solves few problems; a window just above a rung moves on
    np.testing.assert_array_equal(tanh_poles(400.0, 16).z, tanh_poles(512.0, 16).z)
    assert float(tanh_poles(513.0, 16).z[-1]) > float(tanh_poles(512.0, 16).z[-1])


@pytest.mark.parametrize("window, tolerance", [(400.0, 1e-10), (400.0, 1e-13), (3.0, 1e-6), (1e6, 1e-9)])
def test_poles_needed_is_the_smallest_count(window, tolerance):
    count = poles_needed(window, tolerance)
    assert error_bound(window, count) <= tolerance < error_bound(window, count - 1)


def test_matsubara_sum_converges_slowly():
    # the rest of the sum: 2 x sum_{j >= n} 1 / ((j + 1/2) pi)^2 = 2 x / (pi^2 n), to a relative (x / n)^2
    x = jnp.array([0.1, 1.0, 5.0])
    missing = jnp.tanh(x) - matsubara_poles(5000).tanh(x)
    np.testing.assert_allclose(missing, 2 * x / (np.pi**2 * 5000), rtol=1e-6)
    # 16 poles are better than 5000 frequencies by seven orders, at the end of a band of 400: 2e-2 against 1e-9
    x = jnp.array([400.0])
    assert float(jnp.abs(matsubara_poles(5000).tanh(x) - 1)[0]) > 1e6 * worst(400.0, 16)


def test_single_precision_follows_the_window():
    # poles rounded to floats, and a sum of positive floats: 1e-6 of tanh
    poles = tanh_poles(jnp.float32(400.0), 16)
    x = points(400.0).astype(jnp.float32)
    assert poles.z.dtype == poles.r.dtype == poles.tanh(x).dtype == jnp.float32
    assert float(jnp.max(jnp.abs(poles.tanh(x) - jnp.tanh(x)))) < 1e-6


@pytest.mark.parametrize("window", [0.0, -1.0, np.nan, np.inf, [400.0], "wide", 2.0**25])
def test_windows_that_are_refused(window):
    with pytest.raises(ValueError, match="window must be"):
        tanh_poles(window, 16)


@pytest.mark.parametrize("count", [0, -3, 65])
def test_counts_that_are_refused(count):
    with pytest.raises(ValueError, match="count must be an integer from 1 to 64"):
        tanh_poles(400.0, count)


def test_traced_windows_are_refused_when_they_are_evaluated():
    for window in (2.0**25, -1.0, jnp.nan):
        with pytest.raises(Exception, match="window must be"):
            jax.block_until_ready(jax.jit(lambda window: tanh_poles(window, 16).z)(window))
