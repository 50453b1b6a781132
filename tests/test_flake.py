"""The flake: its field against the written-out formula, knobs, temperature, and disorder that knows no grid."""

import jax
import jax.numpy as jnp
import jaxtyping
import numpy as np
import pytest
from scipy.optimize import brentq
from scipy.special import ive

import scmag_jax as sm
from scmag_jax.flake import Flake, correlated_normal, remaining_weight, saturation

WARMING = {1.5: 0.95, 3.0: 0.87, 4.0: 0.48, 4.5: 0.15, 5.0: 0.014}  # mean m_s of Tc = 5.0 +- 0.5 K


@pytest.fixture(scope="module")
def flake():
    return Flake(spacing=5.0)


def random_moments(flake, seed=0):
    m = np.random.default_rng(seed).uniform(-0.7, 0.7, (*flake.shape, 2))
    return jnp.asarray(np.where(np.asarray(flake.active)[..., None], m, 0.0))


def rim_of_rectangle(flake, width):
    h = float(flake.spacing)
    x, y = (h * (np.arange(n) + 0.5) for n in flake.shape)
    inside = np.minimum(np.minimum(x, 100 - x)[:, None], np.minimum(y, 50 - y)[None])
    return np.clip(inside / width, 0.0, 1.0)


@pytest.mark.parametrize("spacing", [5.0, 2.5])
@pytest.mark.parametrize(
    ("preset", "below", "above"), [(Flake.weak, 200.0, 400.0), (Flake.screened, 3.3, 10.0)], ids=["weak", "screened"]
)
def test_the_field_is_the_written_out_one(spacing, preset, below, above):
    flake = preset(spacing=spacing)
    drive = {"bias": 137.0, "field": -0.3, "temperature": 4.2}
    m = random_moments(flake)
    found = np.asarray(sm.field(flake.energy(drive), m))

    gamma = rim_of_rectangle(flake, 7.5)
    active = gamma > 0
    np.testing.assert_array_equal(flake.active, active)
    y = spacing * (np.arange(flake.shape[1]) + 0.5)
    colder = (1 - (1.5 / 6) ** 4) / (1 - (4.2 / 6) ** 4)  # Lam is given at base temperature
    kap = 20.0 * below / (np.where(y < 35.0, below, above) * colder)
    K = np.asarray(flake.state(drive, m).current)
    n = np.asarray(m)
    b = gamma[..., None] * np.stack([-K[..., 1], K[..., 0]], axis=-1)
    b += 0.08 * (kap[None] * gamma**2)[..., None] * n
    for i, j in np.argwhere(active):
        for k, l in ((i + 1, j), (i - 1, j), (i, j + 1), (i, j - 1)):
            if 0 <= k < active.shape[0] and 0 <= l < active.shape[1] and active[k, l]:
                b[i, j] += 12.5 / spacing**2 * (n[k, l] - n[i, j])
    b[..., 0] -= 5.0 * n[..., 0]
    # both are solved to 1e-10 of the right-hand side
    np.testing.assert_allclose(found[active], b[active], atol=1e-8 * np.abs(b).max())
    np.testing.assert_array_equal(found[~active], 0.0)


def test_virgin_flux_is_linear_in_the_bias(flake):
    one = flake.state({"bias": 1.0}).bz(1.0)
    for bias in (-200.0, 40.0, 123.0):
        found = flake.state({"bias": bias}).bz(1.0)
        np.testing.assert_allclose(found, bias * one, atol=1e-12 * abs(bias) * float(jnp.abs(one).max()))


def test_everything_reversed_costs_the_same(flake):
    m = random_moments(flake, 1)
    energy = lambda sign: flake.energy({"bias": sign * 150.0, "field": sign * 0.4})(sign * m)
    np.testing.assert_allclose(energy(1.0), energy(-1.0), rtol=1e-12)
    assert abs(float(energy(1.0)) - float(flake.energy({"bias": 150.0, "field": -0.4})(m))) > 1.0


def test_drives_may_be_traced_and_missing_knobs_are_at_rest(flake):
    m = random_moments(flake, 2)
    values = {"bias": 120.0, "field": 0.2, "temperature": 3.3}
    energy = jax.jit(lambda drive: flake.energy(drive)(m))
    np.testing.assert_allclose(energy(values), flake.energy(values)(m), rtol=1e-9)
    at_rest = {"bias": 0.0, "field": 0.0, "temperature": 1.5}
    for drive in (None, {}, {"bias": 0}, at_rest):
        np.testing.assert_allclose(flake.energy(drive)(m), energy(at_rest), rtol=1e-9)
    radius = jax.jit(lambda temperature: flake.radius({"temperature": temperature}))
    np.testing.assert_allclose(radius(3.3), flake.radius(values), atol=1e-14)
    stream = jax.vmap(lambda bias: flake.state({"bias": bias}, m).stream)(jnp.array([0.0, 120.0]))
    np.testing.assert_allclose(stream[1], flake.state({"bias": 120.0}, m).stream, atol=1e-8)


def test_applied_fields_are_in_gauss(flake):
    state = flake.state({"field": 1.0})
    np.testing.assert_allclose(state.applied_field * flake.units.field, 1e-4, rtol=1e-14)
    assert float(state.bz(1.0)[10, 5]) < 0  # diamagnetic


@pytest.mark.parametrize("preset", [Flake.weak, Flake.screened], ids=["weak", "screened"])
def test_a_warm_film_is_that_of_its_own_pearl_length_and_takes_few_steps(preset):
    flake = preset(spacing=5.0)
    m = random_moments(flake, 3)
    for temperature in (0.0, 4.0, 5.9, 6.0, 20.0):
        ratio = remaining_weight(1.5, 6.0) / remaining_weight(temperature, 6.0)
        anew = flake.film.replace(pearl_length=flake.film.pearl_length * ratio)  # prepares its solver anew
        drive = {"bias": 100.0, "field": 0.5, "temperature": temperature}
        found, wanted = flake.state(drive, m), anew.solve(0.5e-4 / sm.units.MU0, [100.0, -100.0], moments=m)
        np.testing.assert_allclose(found.stream, wanted.stream, atol=1e-8 * float(jnp.abs(wanted.stream).max()))
        assert int(found.stats["steps"]) <= 14
    assert float(ratio) > 900  # the floor of the superfluid weight, above Tc


def length_of_moments(t, order_ratio=0.85, d=lambda u: 1 - u**4):
    """Root of m = I1/I0(2 c d m / t) by bisection."""
    slope = 2 * order_ratio / d(order_ratio) * d(t) / t
    ratio = lambda x: ive(1, x) / ive(0, x)
    return 0.0 if t >= order_ratio else brentq(lambda m: ratio(slope * m) - m, 1e-7, 1.0, xtol=1e-15)


def test_length_of_ordered_moments():
    t = np.array([0.05, 0.3, 0.5, 0.7, 0.8, 0.84, 0.8499, 0.85, 0.86, 1.0, 2.0])
    wanted = [length_of_moments(value) for value in t]
    np.testing.assert_allclose(saturation(t, 0.85), wanted, atol=1e-12)
    np.testing.assert_array_equal(saturation(t[t >= 0.85], 0.85), 0.0)
    np.testing.assert_allclose(saturation(0.0, 0.85), 1.0, rtol=1e-12)
    for law, d in (("clean", sm.superfluid_weight), ("dirty", sm.materials.superfluid_weight_dirty)):
        wanted = length_of_moments(0.6, d=lambda u, d=d: float(d(u)))
        np.testing.assert_allclose(saturation(0.6, 0.85, law), wanted, atol=1e-12)
    slope = jax.grad(lambda t: saturation(t, 0.85))(0.7)
    difference = (length_of_moments(0.7 + 1e-5) - length_of_moments(0.7 - 1e-5)) / 2e-5
    np.testing.assert_allclose(slope, difference, rtol=1e-7)
    assert bool(jnp.isfinite(jax.grad(lambda t: saturation(t, 0.85))(0.9)))


def test_remanence_that_is_left_after_warming():
    nodes = np.linspace(-6.0, 6.0, 241)  # standard deviations of Tc
    weights = np.exp(-(nodes**2) / 2)
    wide = Flake(spacing=5.0, size=(400.0, 200.0), correlation_length=0.0)
    places = np.asarray(wide.active)
    for temperature, wanted in WARMING.items():
        mean = np.sum(weights * [length_of_moments(temperature / (5.0 + 0.5 * u)) for u in nodes]) / weights.sum()
        np.testing.assert_allclose(mean, wanted, atol=0.02)  # as given, to two digits
        # 3200 cells: three standard deviations of the mean are 0.02
        np.testing.assert_allclose(np.asarray(wide.saturation(temperature))[places].mean(), mean, atol=0.02)
    gone = 0.85 * float(wide.critical_temperatures.max())
    np.testing.assert_array_equal(wide.radius({"temperature": gone}), 0.0)


def test_radius_is_one_at_base_temperature_and_zero_without_moments(flake):
    np.testing.assert_array_equal(flake.radius(), np.where(flake.active, 1.0, 0.0))
    np.testing.assert_array_equal(flake.radius({"temperature": 0.0}), flake.radius())
    warm = np.asarray(flake.radius({"temperature": 4.0}))
    ratio = np.asarray(flake.saturation(4.0) / flake.saturation(1.5))
    np.testing.assert_allclose(warm, np.where(flake.active, ratio, 0.0), rtol=1e-14)
    assert np.all(warm[~np.asarray(flake.active)] == 0) and 0 < warm.max() < 1
    places_without_order = Flake(spacing=5.0, local_critical_temperature=(1.5, 1.5))
    assert bool(jnp.isfinite(places_without_order.radius({"temperature": 1.0})).all())


def test_one_sample_on_every_grid(flake):
    finer = Flake(spacing=5 / 3)
    other = Flake(spacing=5.0, seed=1)
    for name in ("pinning", "critical_temperatures"):
        coarse, fine = (np.asarray(getattr(f, name)) for f in (flake, finer))
        np.testing.assert_allclose(fine[1::3, 1::3], coarse, rtol=1e-12)  # the centres that they share
        assert np.abs(np.asarray(getattr(other, name)) - coarse).max() > 0.1
    x, y = 1.25 * np.arange(-8, 40), 1.25 * np.arange(20)
    key = jax.random.key(3)
    large = correlated_normal(x, y, 2.5, key)
    np.testing.assert_allclose(correlated_normal(x[8::2], y[::2], 2.5, key), large[8::2, ::2], atol=1e-13)
    pinned, places = np.log(np.asarray(flake.pinning)[:, :10] / 2.5), np.asarray(flake.critical_temperatures)[:, :10]
    assert abs(np.corrcoef(pinned.ravel(), places.ravel())[0, 1]) < 0.25  # streams of their own: 200 cells


def test_variance_and_correlation_of_disorder():
    h, length = 2.5, 5.0
    x = h * np.arange(400)
    w = np.asarray(correlated_normal(x, x, length, jax.random.key(0)))
    # some 10^6 / (pi 5^2) = 13000 independent patches
    np.testing.assert_allclose([w.mean(), w.std()], [0.0, 1.0], atol=0.03)
    for lag in (1, 2, 3, 6):
        wanted = np.exp(-((lag * h) ** 2) / length**2)
        for pair in (w[lag:] * w[:-lag], w[:, lag:] * w[:, :-lag]):
            np.testing.assert_allclose(pair.mean(), wanted, atol=0.03)
    free = np.asarray(correlated_normal(x, x, 0.0, jax.random.key(0)))
    np.testing.assert_allclose([free.mean(), free.std(), (free[1:] * free[:-1]).mean()], [0, 1, 0], atol=0.01)


def test_pinning_is_log_normal():
    flake = Flake(spacing=5.0, size=(400.0, 200.0), pinning=3.0, pinning_spread=0.2)
    logarithm = np.log(np.asarray(flake.pinning)[np.asarray(flake.active)] / 3.0)
    np.testing.assert_allclose([logarithm.mean(), logarithm.std()], [0.0, 0.2], atol=0.01)
    np.testing.assert_array_equal(np.asarray(flake.pinning)[~np.asarray(flake.active)], 0.0)
    assert not np.asarray(flake.active)[:, 40:].any()  # leads


def test_contacts_at_the_ends_drive_straight():
    flake = Flake(spacing=5.0, leads="ends")
    assert flake.shape == (20, 10)
    state = flake.state({"bias": 100.0})
    for i in (0, 3, 10, 20):
        np.testing.assert_allclose(state.current_through((i, 10), (i, 0)), 100.0, rtol=1e-12)
    b = np.asarray(sm.field(flake.energy({"bias": 100.0}), jnp.zeros((*flake.shape, 2))))[3:-3, 2:-2]
    assert (b[..., 1] > 1).all() and np.abs(b[..., 0]).max() < 0.1 * b[..., 1].max()


def test_current_goes_from_the_first_lead_to_the_second(flake):
    turned = Flake(spacing=5.0, leads=((80.0, 90.0), (10.0, 20.0)))
    for f, sign in ((flake, 1.0), (turned, -1.0)):
        state = f.state({"bias": 100.0})
        np.testing.assert_allclose(state.current_through((10, 10), (10, 0)), sign * 100.0, rtol=1e-12)
        assert sign * float(state.current[10, 3, 0]) > 1.0
        assert sign * float(state.current[2, 12, 1]) < -5.0  # down the left lead: 100 uA over 10 um
    open_ended = Flake(spacing=5.0, lead_ends="open").state({"bias": 100.0})
    assert float(jnp.abs(open_ended.bz(1.0) - flake.state({"bias": 100.0}).bz(1.0)).max()) > 0.01


def test_presets_differ_in_the_pearl_length_alone():
    weak, screened = Flake.weak(spacing=5.0), Flake.screened(spacing=5.0)
    for f, two in ((weak, [400.0, 800.0]), (screened, [6.6, 20.0])):
        np.testing.assert_array_equal(np.unique(f.film.pearl_length[:, :10]), two)
        # the local anomalous current of the lower domain is the same
        np.testing.assert_allclose((2 * f.film.anomalous / f.film.pearl_length)[10, 5], 20.0)
        np.testing.assert_array_equal(f.pinning, weak.pinning)
    np.testing.assert_array_equal(Flake.screened(spacing=5.0, pearl_length=9.0).film.pearl_length[:, :10], 9.0)
    assert float(Flake.weak(spacing=5.0, anisotropy=1.0).anisotropy) == 1.0


def test_parameters_may_be_traced(flake):
    m = random_moments(flake, 4)

    def cost(anomalous_current, pearl_length, pinning):
        f = Flake(spacing=5.0, anomalous_current=anomalous_current, pearl_length=pearl_length, pinning=pinning)
        return f.energy({"bias": 100.0, "temperature": 2.0})(m) + f.pinning.sum()

    at = (20.0, jnp.array([400.0, 800.0]), 2.5)
    slopes = jax.grad(cost, argnums=(0, 1, 2))(*at)
    for k, step in ((0, 1e-3), (2, 1e-3)):
        moved = [cost(*(a + sign * step if i == k else a for i, a in enumerate(at))) for sign in (1, -1)]
        np.testing.assert_allclose(slopes[k], (moved[0] - moved[1]) / (2 * step), rtol=1e-6)
    shift = jnp.array([0.1, 0.0])
    moved = [cost(at[0], at[1] + sign * shift, at[2]) for sign in (1, -1)]
    np.testing.assert_allclose(slopes[1][0], (moved[0] - moved[1]) / 0.2, rtol=1e-5)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"spacing": 3.0}, "spacing must divide the lengths of size, got 3 for 100"),
        ({"spacing": 2.5, "divide": 34.0}, "spacing must divide the lengths of divide"),
        ({"spacing": 2.5, "leads": ((11.0, 20.0), (80.0, 90.0))}, "spacing must divide the lengths of leads"),
        ({"spacing": 0.0}, "spacing must be positive"),
        ({"spacing": np.ones(2)}, "spacing must be a concrete number"),
        ({"size": 100.0}, "size must be two positive lengths"),
        ({"leads": "sides"}, 'leads must be two spans on the top edge or "ends"'),
        ({"leads": ((10.0, 20.0),)}, "leads must be two spans"),
        ({"leads": ((10.0, 20.0), (20.0, 30.0))}, "leads must be two spans of the top edge that do not touch"),
        ({"leads": ((10.0, 20.0), (90.0, 110.0))}, "leads must be two spans of the top edge"),
        ({"lead_length": -5.0}, "lead_length must not be negative"),
        ({"lead_ends": "round"}, 'lead_ends must be "straight" or "open"'),
        ({"pearl_length": (400.0, -800.0)}, "pearl_length must be positive"),
        ({"pearl_length": (1.0, 2.0, 3.0)}, "pearl_length must be a number, or two"),
        ({"anomalous_current": 0.0}, "anomalous_current must be positive"),
        ({"rim_width": -1.0}, "rim_width must not be negative"),
        ({"lorentz": np.nan}, "lorentz must be finite"),
        ({"stiffness": -1.0}, "stiffness must not be negative"),
        ({"pinning": -2.5}, "pinning must not be negative"),
        ({"pinning_spread": -0.1}, "pinning_spread must not be negative"),
        ({"correlation_length": -1.0}, "correlation_length must not be negative"),
        ({"correlation_length": 1e-4}, "correlation_length must be 0 or longer than"),
        ({"seed": 0.5}, "seed must be an integer"),
        ({"temperature": -1.0}, "temperature must not be negative"),
        ({"temperature": 7.0}, "temperature must be below critical_temperature"),
        ({"local_critical_temperature": 5.0}, "local_critical_temperature must have shape"),
        ({"local_critical_temperature": (5.0, -1.0)}, "local_critical_temperature must not have a negative spread"),
        ({"order_ratio": 1.2}, "order_ratio must be below 1"),
        ({"law": "bcs"}, "law must be one of two-fluid, clean, dirty, got 'bcs'"),
    ],
    ids=str,
)
def test_bad_parameters_are_named(changes, message, monkeypatch):
    monkeypatch.setattr(jaxtyping.config, "jaxtyping_disable", True)
    with pytest.raises(ValueError, match="^" + message):
        Flake(**{"spacing": 5.0, **changes})


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda f: f.energy({"Bias": 1.0}), "drive has no 'Bias', only bias, field, temperature; did you mean 'bias'"),
        (lambda f: f.state({"temprature": 1.0}), "drive has no 'temprature'.*did you mean 'temperature'"),
        (lambda f: f.energy([100.0]), "drive must be a mapping of bias, field, temperature, got a list"),
        (lambda f: f.energy({"bias": "100 uA"}), r"drive\['bias'\] must be a number"),
        (lambda f: f.energy({"bias": np.ones(3)}), r"drive\['bias'\] must have shape \(\)"),
        (lambda f: f.state({"field": np.nan}), r"drive\['field'\] must be finite"),
        (lambda f: f.radius({"temperature": -1.0}), r"drive\['temperature'\] must not be negative"),
        (lambda f: f.state({}, np.ones((3, 3, 2))), "moments must have shape"),
        (lambda f: f.saturation(-1.0), "temperature must not be negative"),
        (lambda f: saturation(-0.1, 0.85), "t must not be negative"),
        (lambda f: correlated_normal(1.0, np.ones(2), 1.0, jax.random.key(0)), "x must be known positions"),
    ],
)
def test_bad_calls_are_named(flake, call, message, monkeypatch):
    monkeypatch.setattr(jaxtyping.config, "jaxtyping_disable", True)
    with pytest.raises(ValueError, match="^" + message):
        call(flake)
