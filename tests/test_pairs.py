"""Couplings of two moments: identities, energies, symmetries, ground state, units, refusals."""

import json
from pathlib import Path

import equinox as eqx
import jax
import jax.numpy as jnp
import jaxtyping
import numpy as np
import pytest
from scipy.integrate import quad

from scmag_jax.energy import field
from scmag_jax.impurities.coupling import ElementaryCoupling, PearlCoupling, keldysh

PAIRS = json.loads((Path(__file__).parent / "data" / "reference_impurities.json").read_text())["pair"]
C = PearlCoupling(pearl_length=1.0)


def unit(*degrees):
    radians = np.deg2rad(np.array(degrees))
    return jnp.asarray(np.stack([np.cos(radians), np.sin(radians)], axis=-1))


@eqx.filter_jit
def ground_state(coupling, r):
    return coupling.pair_ground_state(r)


@eqx.filter_jit
def pair_energy(coupling, m1, m2, separation):
    return coupling.pair_energy(m1, m2, separation)


def slope(f, x, step):
    """Sixth-order central difference."""
    values = [float(f(x + k * step)) - float(f(x - k * step)) for k in (1, 2, 3)]
    return (45 * values[0] - 9 * values[1] + values[2]) / (60 * step)


@pytest.fixture(scope="module")
def random_pairs():
    rng = np.random.default_rng(7)
    moments = unit(*rng.uniform(0, 360, 40))
    return moments[:20], moments[20:], jnp.asarray(rng.normal(size=(20, 2)))


@pytest.mark.parametrize("row", PAIRS, ids=lambda row: f"r={row['r_over_r0']}")
def test_reference(row):
    # the samples were differentiated in double precision: 15 digits of energies, 1e-12 of the small stiffness
    r = row["r_over_r0"]
    along, across = unit(0, 90)
    separation = jnp.array([r, 0.0])
    np.testing.assert_allclose(pair_energy(C, along, along, separation), row["E_ground"], rtol=1e-12)
    np.testing.assert_allclose(pair_energy(C, across, across, separation), row["E_parallel_perp"], rtol=1e-12)
    np.testing.assert_allclose(pair_energy(C, *unit(30, 75), separation), row["E_at_30_75deg"], rtol=1e-12)
    state = ground_state(C, jnp.asarray(r))
    np.testing.assert_allclose(state.energy, row["E_ground"], rtol=1e-12)
    np.testing.assert_allclose(state.stiffness, row["hessian_at_ground"], rtol=1e-10)


def test_the_two_couplings_are_one_function():
    # T2. Rounding only: relative to J_par, of the size of every term
    r = jnp.geomspace(1e-5, 1e4, 1001)
    flank = jax.vmap(jax.grad(lambda r: r * C.perpendicular(r)))(r)
    np.testing.assert_allclose(-flank, C.parallel(r), rtol=1e-13)
    difference = C.parallel(r) - C.perpendicular(r)
    assert bool(jnp.all(difference > 0))
    # 1/r - V cancels far away, so there it holds relative to 1/r
    error = jnp.abs(difference - (1 / r - keldysh(r))) / jnp.maximum(C.parallel(r), 1 / r)
    assert float(error.max()) < 1e-13
    # d(r^2 J_perp)/dr = r (J_perp - J_par), the identity behind the depolarisation of a disc
    flank = jax.vmap(jax.grad(lambda r: r**2 * C.perpendicular(r)))(r)
    np.testing.assert_allclose(flank / r, -difference, atol=0, rtol=1e-9)


@pytest.mark.parametrize("r", [0.05, 1.0, 7.0])
def test_integral_of_the_parallel_coupling(r):
    # T2: int_r^inf J_par = r J_perp(r); 1e-11 is what the quadrature is asked for
    value = sum(
        quad(lambda u: float(C.parallel(r / u)) * r / u**2, a, b, epsabs=0, epsrel=1e-12)[0]
        for a, b in ((1e-12, 0.1), (0.1, 1.0))
    )
    np.testing.assert_allclose(value, r * C.perpendicular(r), rtol=1e-11)


@pytest.mark.parametrize("pearl_length", [0.3, 1.0, 50.0])
def test_energy_is_the_second_derivative_of_the_potential(random_pairs, pearl_length):
    # Eq. 9: E = -strength (m1.grad)(m2.grad) V; autodiff twice through the potential costs a few roundings
    c = PearlCoupling(pearl_length=pearl_length, strength=2.5)
    m1, m2, separation = random_pairs

    def potential(r):
        return keldysh(jnp.sqrt(jnp.sum(r**2)) / pearl_length)

    tensor = -2.5 * jax.jit(jax.vmap(jax.hessian(potential)))(separation)
    np.testing.assert_allclose(c.tensor(separation), tensor, rtol=1e-11, atol=1e-12 * float(jnp.abs(tensor).max()))
    expected = jnp.einsum("na,nab,nb->n", m1, tensor, m2)
    size = float(jnp.abs(expected).max())
    np.testing.assert_allclose(pair_energy(c, m1, m2, separation), expected, rtol=1e-11, atol=1e-12 * size)


def test_limits():
    # r << r0: strength/r^2; r >> r0: dipoles. What follows: relative r/r0 (J_perp), (r/r0)^2 ln (J_par); 9 (r0/r)^2
    c = PearlCoupling(pearl_length=2.0, strength=3.0)
    near, far = 2e-7, 2e5
    np.testing.assert_allclose(c.perpendicular(near) * near**2, 3.0, rtol=2e-7)
    np.testing.assert_allclose(c.parallel(near) * near**2, 3.0, rtol=1e-11)
    np.testing.assert_allclose(c.perpendicular(far) * far**3, 3.0 * 2.0, rtol=1e-9)
    np.testing.assert_allclose(c.parallel(far) * far**3, 2 * 3.0 * 2.0, rtol=1e-9)


@pytest.mark.parametrize("kind", [PearlCoupling, ElementaryCoupling])
def test_without_screening(kind):
    # an infinite Pearl length is exact: both couplings strength/r^2 to rounding, at every distance
    c = kind(pearl_length=jnp.inf, strength=1.7)
    r = jnp.geomspace(1e-6, 1e6, 25)
    np.testing.assert_allclose(c.perpendicular(r), 1.7 / r**2, rtol=1e-13)
    np.testing.assert_allclose(c.parallel(r), 1.7 / r**2, rtol=1e-13)
    # and the limit of large ones, of first order in r/r0
    large = kind(pearl_length=1e10, strength=1.7)
    np.testing.assert_allclose(large.perpendicular(1.0), c.perpendicular(1.0), rtol=1e-9)


def test_scaling_and_units():
    # E0 = mu0 Gamma^2/(4 pi r0) and g = Gamma/(e^2 D) = Gamma r0/2 with mu0 = 1; closed forms, rounding only
    c = PearlCoupling(pearl_length=0.7, strength=2.0, sign=-1)
    np.testing.assert_allclose(c.energy_scale, c.gamma**2 / (4 * np.pi * 0.7), rtol=1e-14)
    np.testing.assert_allclose(c.strength, c.gamma**2 * 0.7 / (4 * np.pi), rtol=1e-14)
    np.testing.assert_allclose(c.flux, c.gamma * 0.7 / 2, rtol=1e-14)
    assert float(c.gamma) < 0 and float(PearlCoupling(0.7, 2.0).gamma) > 0
    x = jnp.array([0.01, 1.0, 30.0])
    np.testing.assert_allclose(c.perpendicular(0.7 * x), c.energy_scale * C.perpendicular(x), rtol=1e-13)
    np.testing.assert_allclose(c.parallel(0.7 * x), c.energy_scale * C.parallel(x), rtol=1e-13)
    # pair energies do not know the sign
    plus = PearlCoupling(pearl_length=0.7, strength=2.0)
    m1, m2 = unit(10, 200)
    assert float(pair_energy(plus, m1, m2, m1)) == float(pair_energy(c, m1, m2, m1))


def test_symmetries(random_pairs):
    # T6, rounding only
    m1, m2, r = random_pairs
    energy = pair_energy(C, m1, m2, r)
    size = float(jnp.abs(energy).max())
    angle = 0.731
    turn = jnp.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    mirror = jnp.array([[1.0, 0.0], [0.0, -1.0]])
    for o in (turn, mirror):
        np.testing.assert_allclose(pair_energy(C, m1 @ o.T, m2 @ o.T, r @ o.T), energy, rtol=1e-13, atol=1e-13 * size)
    np.testing.assert_array_equal(pair_energy(C, -m1, -m2, r), energy)  # time reversal
    np.testing.assert_allclose(pair_energy(C, m2, m1, -r), energy, rtol=1e-14, atol=1e-15 * size)
    np.testing.assert_allclose(pair_energy(C, -m1, m2, r), -energy, rtol=0, atol=0)
    # rotating the moments only is no symmetry: the interaction knows the line between them
    assert float(jnp.abs(pair_energy(C, m1 @ turn.T, m2 @ turn.T, r) - energy).max()) > 1e-3 * size


def test_pair_energy_broadcasts(random_pairs):
    m1, m2, r = random_pairs
    out = pair_energy(C, m1[:, None], m2[None, :], r[0])
    assert out.shape == (20, 20)
    np.testing.assert_allclose(out[3, 5], pair_energy(C, m1[3], m2[5], r[0]), rtol=1e-14)
    assert C.tensor(r).shape == (20, 2, 2) and C.tensor(r[0]).shape == (2, 2)


@pytest.mark.parametrize("x", [0.02, 1.0, 15.0])
def test_torque_is_the_derivative_by_angle(x):
    # T6: dE/dphi_i = (h_i x m_i)_z; sixth-order differences with step 0.01 carry 1e-12 of truncation and rounding
    separation = jnp.array([0.6 * x, 0.8 * x])

    def energy(m):
        return pair_energy(C, m[0], m[1], separation)

    angles = np.array([0.4, 2.1])
    m = unit(*np.rad2deg(angles))
    h = field(energy, m)
    across = h[:, 0] * m[:, 1] - h[:, 1] * m[:, 0]
    for i in range(2):
        turned = slope(lambda a, i=i: energy(unit(*np.rad2deg(angles + a * np.eye(2)[i]))), 0.0, 0.01)
        np.testing.assert_allclose(across[i], turned, rtol=1e-10)


@pytest.mark.parametrize("x", [0.01, 0.5, 5.0])
def test_ground_state(x):
    # T8: E = -J_par and Hessian eigenvalues J_par -/+ J_perp, closed forms; rounding of J_par
    state = ground_state(C, jnp.asarray(x))
    perpendicular, parallel = float(C.perpendicular(x)), float(C.parallel(x))
    np.testing.assert_allclose(state.energy, -parallel, rtol=1e-14)
    np.testing.assert_allclose(
        state.stiffness, [parallel - perpendicular, parallel + perpendicular], atol=1e-14 * parallel
    )
    np.testing.assert_allclose(jnp.linalg.eigvalsh(state.hessian), state.stiffness, atol=1e-13 * parallel)
    # nothing on a grid of all pairs of angles lies lower
    degrees = np.arange(0, 360, 5.0)
    m = unit(*degrees)
    energies = pair_energy(C, m[:, None], m[None, :], jnp.array([x, 0.0]))
    assert float(energies.min()) >= float(state.energy) * (1 + 1e-14)
    lowest = np.argwhere(np.asarray(energies) <= float(state.energy) * (1 - 1e-12))
    assert {tuple(degrees[i]) for i in lowest} == {(0.0, 0.0), (180.0, 180.0)}


def test_line_of_ground_states_without_screening():
    # T8: E = -J cos(theta1 + theta2); flat along theta1 = -theta2
    c = PearlCoupling(pearl_length=jnp.inf)
    m = unit(*np.arange(0, 360, 7.5))
    angles = np.deg2rad(np.arange(0, 360, 7.5))
    energies = pair_energy(c, m[:, None], m[None, :], jnp.array([0.5, 0.0]))
    np.testing.assert_allclose(energies, -4 * np.cos(angles[:, None] + angles[None, :]), atol=1e-13)
    state = ground_state(c, jnp.asarray(0.5))
    np.testing.assert_allclose(state.energy, -4.0, rtol=1e-14)
    np.testing.assert_allclose(state.stiffness, [0.0, 8.0], atol=1e-13)


def test_derivatives_by_parameters():
    # against sixth-order differences, truncation and rounding 1e-10
    @jax.jit
    def energy(pearl_length, strength):
        return PearlCoupling(pearl_length, strength).pair_energy(*unit(20, 130), jnp.array([0.4, 0.7]))

    by_length, by_strength = jax.jit(jax.grad(energy, argnums=(0, 1)))(1.3, 0.9)
    np.testing.assert_allclose(by_length, slope(lambda p: energy(p, 0.9), 1.3, 0.01), rtol=1e-9)
    np.testing.assert_allclose(by_strength, energy(1.3, 0.9) / 0.9, rtol=1e-13)
    # the limit of no screening keeps finite derivatives by distance
    curvature = jax.grad(jax.grad(PearlCoupling(jnp.inf).perpendicular))(2.0)
    np.testing.assert_allclose(curvature, 6 / 2.0**4, rtol=1e-12)


def test_batches_of_couplings():
    lengths = jnp.array([0.1, 1.0, 10.0])
    batch = eqx.filter_jit(jax.vmap(lambda p: PearlCoupling(p).parallel(0.5)))(lengths)
    single = jnp.stack([PearlCoupling(p).parallel(0.5) for p in lengths])
    np.testing.assert_allclose(batch, single, rtol=1e-14)
    state = eqx.filter_jit(jax.vmap(lambda p: PearlCoupling(p).pair_ground_state(0.5)))(lengths)
    np.testing.assert_allclose(state.energy, -batch, rtol=1e-14)


@pytest.mark.parametrize("kind", [PearlCoupling, ElementaryCoupling])
@pytest.mark.parametrize(
    "arguments, message",
    [
        ({"pearl_length": 0.0}, "pearl_length must be positive"),
        ({"pearl_length": -1.0}, "pearl_length must be positive"),
        ({"pearl_length": np.nan}, "pearl_length must be positive"),
        ({"pearl_length": "long"}, "pearl_length must be a number"),
        ({"pearl_length": np.ones(2)}, "pearl_length must be a scalar"),
        ({"pearl_length": 1.0, "strength": 0.0}, "strength must be positive"),
        ({"pearl_length": 1.0, "strength": np.inf}, "strength must be positive and finite"),
        ({"pearl_length": 1.0, "sign": 2}, "sign must be"),
        ({"pearl_length": 1.0, "sign": np.nan}, "sign must be"),
    ],
    ids=str,
)
def test_bad_coupling_is_refused(kind, arguments, message):
    with pytest.raises(ValueError, match="^" + message):
        kind(**arguments)


def test_bad_traced_pearl_length_is_refused():
    coupling = eqx.filter_jit(lambda p: PearlCoupling(p).parallel(1.0))
    assert np.isfinite(coupling(jnp.asarray(1.0)))
    for bad in (0.0, -1.0, np.nan):
        with pytest.raises(Exception, match="pearl_length must be positive"):
            coupling(jnp.asarray(bad))


@pytest.fixture
def annotations_unchecked(monkeypatch):
    # what a user meets: the check of annotations, on in the tests only, would refuse some of it first
    monkeypatch.setattr(jaxtyping.config, "jaxtyping_disable", True)


@pytest.mark.parametrize(
    "call, message",
    [
        (lambda m: C.pair_energy(jnp.ones(3), m, m), "m1 must have shape"),
        (lambda m: C.pair_energy(m, jnp.full(2, np.nan), m), "m2 must be finite"),
        (lambda m: C.pair_energy(m, m, jnp.ones((4, 3))), "separation must have shape"),
        (lambda m: C.pair_energy(m, m, jnp.zeros(2)), "separation must not be zero"),
        (lambda m: C.tensor(jnp.zeros((3, 2))), "separation must not be zero"),
        (lambda m: C.pair_energy(jnp.ones((2, 2)), jnp.ones((3, 2)), m), "m1, m2 and separation must broadcast"),
        (lambda m: C.perpendicular(0.0), "r must be positive"),
        (lambda m: C.parallel(jnp.array([1.0, -1.0])), "r must be positive"),
        (lambda m: C.perpendicular(np.nan), "r must be finite"),
        (lambda m: C.pair_ground_state(-0.5), "r must be positive"),
    ],
)
def test_bad_arguments_are_named(call, message, annotations_unchecked):
    with pytest.raises(ValueError, match="^" + message):
        call(jnp.array([1.0, 0.0]))
