"""Keldysh potential against independent definitions, its equation and limits; the elementary couplings."""

import json
from pathlib import Path

import jax
import jax.numpy as jnp
import jaxtyping
import mpmath as mp
import numpy as np
import pytest

from scmag_jax.impurities.coupling import ElementaryCoupling, PearlCoupling, keldysh

KERNEL = json.loads((Path(__file__).parent / "data" / "reference_impurities.json").read_text())["kernel"]
# ten decades, and both sides of x = 4, where the evaluation changes from one series to the other
GRID = np.sort(np.concatenate([np.geomspace(1e-6, 1e4, 31), [4.0 * (1 - 1e-12), 4.0, 4.0 * (1 + 1e-12), 0.5, 20.0]]))


def struve_derivatives(x):
    """V, V', V'', V''' from Struve and Bessel functions; 80 digits cover what the differences cancel."""
    with mp.workdps(80):
        x = mp.mpf(float(x))
        v = mp.pi / 2 * (mp.struveh(0, x) - mp.bessely(0, x))
        first = 1 - mp.pi / 2 * (mp.struveh(1, x) - mp.bessely(1, x))
        second = 1 / x - v - first / x
        third = -1 / x**2 - first - second / x + first / x**2
        return [float(value) for value in (v, first, second, third)]


@pytest.fixture(scope="module")
def truth():
    return np.array([struve_derivatives(x) for x in GRID]).T


def derivatives(transform):
    functions = [keldysh]
    for _ in range(3):
        functions.append(transform(functions[-1]))
    return jax.jit(lambda x: jnp.stack([jax.vmap(f)(x) for f in functions]))


forward, reverse = derivatives(jax.jacfwd), derivatives(jax.jacrev)


@pytest.mark.parametrize("mode", [forward, reverse], ids=["forward", "reverse"])
def test_values_and_three_derivatives(truth, mode):
    # the accuracy promised: 1e-12 relative over 1e-6 <= x <= 1e4, all derivatives included
    np.testing.assert_allclose(mode(jnp.asarray(GRID)), truth, rtol=1e-12, atol=0)


def test_shapes_and_python_numbers(truth):
    # same series in any shape: what may differ is the order of a fused multiply and add
    np.testing.assert_allclose(keldysh(jnp.asarray(GRID).reshape(2, -1)).reshape(-1), truth[0], rtol=1e-12)
    assert keldysh(1.0).shape == () and keldysh(1.0).dtype == jnp.float64
    assert np.isposinf(keldysh(0.0))


@pytest.mark.parametrize("row", KERNEL, ids=lambda row: f"x={row['r_over_r0']}")
def test_reference(row):
    # the samples carry 16 digits; those at x = 0.001 and x = 2 were computed with about 1e-15 of rounding
    c, rough = PearlCoupling(pearl_length=1.0), ElementaryCoupling(pearl_length=1.0)
    x = row["r_over_r0"]
    np.testing.assert_allclose(keldysh(x), row["V"], rtol=1e-12)
    np.testing.assert_allclose(c.perpendicular(x), row["J_perp"], rtol=1e-12)
    np.testing.assert_allclose(c.parallel(x), row["J_par"], rtol=1e-12)
    np.testing.assert_allclose(rough.perpendicular(x), row["J_perp_eq10"], rtol=1e-14)
    np.testing.assert_allclose(rough.parallel(x), row["J_par_eq10"], rtol=1e-14)


@pytest.mark.parametrize("x", [0.03, 0.7, 3.9, 4.1, 35.0])
def test_integral_of_decaying_exponentials(x):
    # mpmath at 30 digits, two of the integrals behind the potential; 1e-12 is the promise
    with mp.workdps(30):
        moments = [
            mp.quad(lambda u, k=k: u**k * mp.exp(-x * u) / mp.sqrt(1 + u * u), [0, 1, 4, 16, 64, 256, mp.inf])
            for k in range(3)
        ]
        laplace = mp.quad(lambda s: mp.exp(-s) / mp.sqrt(s * s + x * x), [0, x / 2, x, 4 * x, 16 * x, 256 * x, mp.inf])
    c = PearlCoupling(pearl_length=1.0)
    np.testing.assert_allclose(keldysh(x), float(laplace), rtol=1e-12)
    ours = [keldysh(x), x * c.perpendicular(x), c.parallel(x)]
    np.testing.assert_allclose(jnp.stack(ours), [float(value) for value in moments], rtol=1e-12)


@pytest.mark.parametrize("x", [0.2, 1.0, 6.0])
def test_hankel_integral(x):
    # the integrand falls as q^(-3/2) only: mpmath's extrapolation over the zeros of J0 gives 15 digits
    with mp.workdps(20):
        value = mp.quadosc(lambda q: mp.besselj(0, q * x) / (1 + q), [0, mp.inf], omega=x)
    np.testing.assert_allclose(keldysh(x), float(value), rtol=1e-12)


def test_struve_equation():
    # V'' + V'/x + V = 1/x: rounding of each term, so relative to the largest
    # many points in the shape already compiled
    x = np.geomspace(1e-6, 1e4, 100 * len(GRID)).reshape(100, -1)
    v, first, second, third = np.stack([forward(jnp.asarray(row)) for row in x], axis=1)
    terms = np.stack([second, first / x, v, -1 / x])
    assert np.max(np.abs(terms.sum(0)) / np.abs(terms).max(0)) < 1e-13
    # completely monotone: no sign of any derivative changes across the seam of the two series
    assert np.all(v > 0) and np.all(first < 0) and np.all(second > 0) and np.all(third < 0)
    assert np.all(np.diff(v.ravel()) < 0)


def test_small_and_large_distance():
    # next terms of the two expansions: (x^2/4)(1 - ln(x/2) - gamma) and -225/x^7
    small = jnp.geomspace(1e-6, 1e-2, len(GRID))
    leading = -jnp.log(small / 2) - np.euler_gamma + small
    following = -(small**2) / 4 * (1 - np.euler_gamma - jnp.log(small / 2))
    scale = jnp.abs(following)
    # x^3/9 is what follows; beside it the rounding of V of order 10
    assert bool(jnp.all(jnp.abs(forward(small)[0] - leading - following) <= 1.05 * small**3 / 9 + 1e-14))
    assert bool(jnp.all(jnp.abs(forward(small)[0] - leading) <= 1.05 * scale + 1e-14))
    large = jnp.geomspace(30.0, 1e4, len(GRID))
    expansion = 1 / large - 1 / large**3 + 9 / large**5
    assert bool(jnp.all(jnp.abs(forward(large)[0] - expansion) <= 225 / large**7 + 1e-14 / large))


def test_errors_of_the_elementary_approximation():
    # the error table: 9.80 % at 2.9 r0, 10.5 % at 4.5 and 12.1 % at 5.56 (a flat top): half of the last digit
    exact, rough = PearlCoupling(pearl_length=1.0), ElementaryCoupling(pearl_length=1.0)
    x = jnp.geomspace(1e-3, 1e3, 20001)
    pairs = {
        "perpendicular": (exact.perpendicular(x), rough.perpendicular(x), 0.0980, 5e-5, 2.9),
        "parallel": (exact.parallel(x), rough.parallel(x), 0.105, 5e-4, 4.5),
        "difference": (
            exact.parallel(x) - exact.perpendicular(x),
            rough.parallel(x) - rough.perpendicular(x),
            0.121,
            5e-4,
            5.56,
        ),
    }
    for name, (truth, approximation, largest, digits, place) in pairs.items():
        error = jnp.abs(approximation / truth - 1)
        worst = int(jnp.argmax(error))
        assert abs(float(error[worst]) - largest) <= digits, (name, float(error[worst]))
        assert abs(float(x[worst]) - place) <= 0.05, (name, float(x[worst]))
        # it is exact in both limits, to first order in r0/r or r/r0 (x ln x at the near end)
        assert float(error[0]) < 0.01 and float(error[-1]) < 0.01, name


@pytest.fixture
def annotations_unchecked(monkeypatch):
    # what a user meets: the check of annotations, on in the tests only, would refuse some of it first
    monkeypatch.setattr(jaxtyping.config, "jaxtyping_disable", True)


@pytest.mark.parametrize("bad", [-1.0, np.nan, [1.0, -2.0], 1j, "one"])
def test_bad_argument_is_named(bad, annotations_unchecked):
    with pytest.raises(ValueError, match=r"^x must "):
        keldysh(bad if np.ndim(bad) == 0 else jnp.asarray(bad))
