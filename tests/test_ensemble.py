"""Free energy of moments at any positions: samples, Ewald, routes, derivatives, symmetries, refusals."""

import json
from pathlib import Path

import equinox as eqx
import jax
import jax.numpy as jnp
import jaxtyping
import numpy as np
import pytest
from scipy.special import erfc

from scmag_jax.energy import field
from scmag_jax.impurities import ensemble as module
from scmag_jax.impurities.coupling import PearlCoupling
from scmag_jax.impurities.ensemble import Ensemble
from scmag_jax.impurities.lattice import BravaisLattice

SAMPLES = json.loads((Path(__file__).parent / "data" / "reference_impurities.json").read_text())["ensemble"]
C = PearlCoupling(pearl_length=1.0)
BOX = (1.3, 0.9)
N = 7


def unit(angles):
    return jnp.stack([jnp.cos(angles), jnp.sin(angles)], axis=-1)


@eqx.filter_jit
def energy_and_gradient(energy, angles):
    return jax.value_and_grad(lambda a: energy(unit(a)))(angles)


@eqx.filter_jit
def evaluate(energy, moments):
    return energy(moments)


def slope(f, x, step):
    """Sixth-order central difference."""
    values = [float(f(x + k * step)) - float(f(x - k * step)) for k in (1, 2, 3)]
    return (45 * values[0] - 9 * values[1] + values[2]) / (60 * step)


@pytest.fixture(scope="module", params=SAMPLES, ids=lambda s: f"d={s['spacing']}")
def sample(request):
    s = dict(request.param)
    s["positions"] = jnp.asarray(s["positions"])
    s["phi_test"], s["phi_best"] = jnp.asarray(s["phi_test"]), jnp.asarray(s["phi_best"])
    s["energy"] = Ensemble(s["positions"], C, box=tuple(s["box"]))
    return s


@pytest.fixture(scope="module")
def few():
    """Seven moments, apart by at least 0.1, with signed weights."""
    rng = np.random.default_rng(11)
    positions = []
    while len(positions) < N:
        new = rng.uniform(0, 1, 2) * BOX
        d = np.array(positions).reshape(-1, 2) - new
        d -= np.round(d / BOX) * BOX
        if not len(d) or np.hypot(*d.T).min() > 0.1:
            positions.append(new)
    weights = rng.choice([-1.0, 1.0], N) * rng.uniform(0.5, 2.0, N)
    return jnp.asarray(np.array(positions)), jnp.asarray(rng.uniform(0, 2 * np.pi, N)), jnp.asarray(weights)


def test_samples(sample):
    # 200 moments in a box; the samples were summed with an accuracy of about 1e-12, asked for are 1e-8
    value, gradient = energy_and_gradient(sample["energy"], sample["phi_test"])
    np.testing.assert_allclose(value, sample["E_test"], rtol=1e-10)
    size = float(np.abs(sample["grad_test"]).max())
    np.testing.assert_allclose(gradient, sample["grad_test"], rtol=1e-9, atol=1e-12 * size)
    for angles, name in ((jnp.zeros(200), "x"), (jnp.full(200, np.pi / 2), "y")):
        np.testing.assert_allclose(
            energy_and_gradient(sample["energy"], angles)[0], sample[f"E_uniform_{name}"], rtol=1e-11
        )
    best, flat = energy_and_gradient(sample["energy"], sample["phi_best"])
    np.testing.assert_allclose(best, sample["E_best"], rtol=1e-11)
    # the lowest state known is stationary, as well as its record says
    assert float(jnp.abs(flat).max()) < 1e-5 * size


def test_gradient_agrees_with_differences(sample):
    # fields to 1e-7: sixth-order differences of an energy of 200 terms, relative to the largest
    angles = sample["phi_test"]
    gradient = energy_and_gradient(sample["energy"], angles)[1]
    size = float(jnp.abs(gradient).max())
    for i in (0, 57, 113, 199):
        turn = jnp.zeros(200).at[i].set(1.0)
        along = slope(lambda a, turn=turn: energy_and_gradient(sample["energy"], angles + a * turn)[0], 0.0, 0.02)
        assert abs(float(gradient[i]) - along) < 1e-7 * min(size, 10 * abs(along))


def test_torque_is_the_cross_product_with_the_field(sample):
    # T6: dE/dphi_i = (h_i x m_i)_z, rounding only
    m = unit(sample["phi_test"])
    h = eqx.filter_jit(field)(sample["energy"], m)
    across = h[:, 0] * m[:, 1] - h[:, 1] * m[:, 0]
    gradient = energy_and_gradient(sample["energy"], sample["phi_test"])[1]
    np.testing.assert_allclose(across, gradient, atol=1e-12 * float(jnp.abs(gradient).max()))


@pytest.mark.parametrize("split", [0.5, 0.75])
def test_independent_of_the_split(sample, split):
    # T9: 1e-12 of the sum of the absolute pair energies, here of the lowest energy
    other = Ensemble(sample["positions"], C, box=tuple(sample["box"]), split=split)
    scale = abs(sample["E_best"])
    for angles in (sample["phi_test"], sample["phi_best"]):
        value, gradient = energy_and_gradient(other, angles)
        expected, slopes = energy_and_gradient(sample["energy"], angles)
        np.testing.assert_allclose(value, expected, rtol=0, atol=1e-12 * scale)
        np.testing.assert_allclose(
            gradient, slopes, rtol=0, atol=1e-12 * float(jnp.abs(slopes).max()) + 1e-12 * scale / 200
        )


@pytest.mark.parametrize("box", [None, BOX], ids=["open", "box"])
def test_blocks_agree_with_the_matrix(few, box, monkeypatch):
    # the route of large ensembles, in blocks of one and of several rows; rounding only
    positions, angles, weights = few
    whole = Ensemble(positions, C, box=box, weights=weights)
    value, gradient = energy_and_gradient(whole, angles)
    assert whole.matrix is not None
    for limit in (6, 2):
        monkeypatch.setattr(module, "MATRIX_LIMIT", limit)
        blocks = Ensemble(positions, C, box=box, weights=weights)
        assert blocks.matrix is None
        # a fresh jit: the limit is no argument of the compiled function
        ours = jax.jit(jax.value_and_grad(lambda a, e=blocks: e(unit(a))))(angles)
        np.testing.assert_allclose(ours[0], value, rtol=1e-12)
        np.testing.assert_allclose(ours[1], gradient, atol=1e-12 * float(jnp.abs(gradient).max()))


@pytest.mark.slow
def test_blocks_agree_with_the_matrix_for_the_samples(sample, monkeypatch):
    monkeypatch.setattr(module, "MATRIX_LIMIT", 64)
    blocks = Ensemble(sample["positions"], C, box=tuple(sample["box"]))
    value, gradient = jax.jit(jax.value_and_grad(lambda a: blocks(unit(a))))(sample["phi_test"])
    np.testing.assert_allclose(value, sample["E_test"], rtol=1e-10)
    np.testing.assert_allclose(gradient, sample["grad_test"], rtol=1e-8, atol=1e-12 * np.abs(sample["grad_test"]).max())


@pytest.mark.parametrize("pearl_length", [0.2, 1.0, jnp.inf])
def test_open_plane_is_the_sum_over_pairs(few, pearl_length):
    # rounding of 21 terms
    positions, angles, weights = few
    c = PearlCoupling(pearl_length, strength=1.9)
    m = weights[:, None] * unit(angles)
    i, j = np.triu_indices(N, 1)
    expected = jnp.sum(c.pair_energy(m[i], m[j], positions[j] - positions[i]))
    value = evaluate(Ensemble(positions, c, weights=weights), unit(angles))
    np.testing.assert_allclose(value, expected, rtol=1e-12)


def test_box_is_the_sum_over_images(few):
    # all images out to a smooth window, plus the integral of the isotropic rest (by parts: the mean of r^2 J_perp over
    # the rim of the window): no Ewald. 1e5 terms, 1e-10 of the energy of the nearest pair
    positions, angles, weights = few
    centre, width = 12 * 1.3, 2 * 1.3
    i, j = np.meshgrid(np.arange(-40, 41), np.arange(-40, 41), indexing="ij")
    images = np.stack([i.ravel(), j.ravel()], axis=-1) * np.array(BOX)
    images = images[np.linalg.norm(images, axis=-1) < centre + 6.2 * width + 2]
    separations = np.asarray(positions)[:, None, None] - np.asarray(positions)[None, :, None] + images[None, None]
    r = np.linalg.norm(separations, axis=-1)
    itself = r == 0
    safe = jnp.asarray(np.where(itself[..., None], [1.0, 0.0], separations))
    window = np.where(itself, 0.0, erfc((r - centre) / width) / 2)
    tensor = np.einsum("ijn,ijnab->ijab", window, np.asarray(C.tensor(safe)))
    nodes, weight = np.polynomial.hermite.hermgauss(20)
    rim = jnp.asarray(centre + width * nodes)
    tail = -np.sum(weight * np.asarray(rim**2 * C.perpendicular(rim))) / np.sqrt(np.pi)
    tensor = tensor + np.pi / (BOX[0] * BOX[1]) * tail * np.eye(2)
    m = np.asarray(weights[:, None] * unit(angles))
    expected = 0.5 * np.einsum("ia,ijab,jb->", m, tensor, m)
    value = evaluate(Ensemble(positions, C, box=BOX, weights=weights), unit(angles))
    assert abs(float(value) - expected) < 1e-10 * np.abs(tensor).max()


@pytest.mark.parametrize("angle", [60.0, 90.0])
def test_box_of_a_lattice_is_the_lattice(angle):
    # T9: any wavevector that fits the box; energies per moment to rounding
    d, rows, columns = 0.5, 4, 4
    lattice = BravaisLattice.rhombic(d, angle)
    i, j = np.meshgrid(np.arange(columns), np.arange(rows), indexing="ij")
    box = (columns * d, rows * d * np.sin(np.deg2rad(angle)))
    shear = (j % 2) / 2 if angle == 60 else 0 * j
    sites = np.stack([(i + shear).ravel() * d, j.ravel() * box[1] / rows], axis=-1)
    energy = Ensemble(jnp.asarray(sites), C, box=box)
    for order in ((0, 0), (2, 0), (0, 2), (1, 1), (1, 2)):
        k = 2 * np.pi * np.array(order) / np.array(box)
        amplitude = np.array([0.6, 0.8])
        wave = np.cos(sites @ k)
        value = evaluate(energy, jnp.asarray(wave[:, None] * amplitude[None]))
        j_k = np.asarray(lattice.interaction(C, jnp.asarray(k)))
        expected = 0.5 * amplitude @ j_k @ amplitude * np.sum(wave**2)
        np.testing.assert_allclose(d**2 * value, d**2 * expected, atol=1e-12 * len(sites))


@pytest.mark.parametrize("box", [None, BOX], ids=["open", "box"])
def test_symmetries(few, box):
    # T6: translation (also across the seam), time reversal, exchange of sign between weight and moment; rounding
    positions, angles, weights = few
    base = float(evaluate(Ensemble(positions, C, box=box, weights=weights), unit(angles)))
    moved = Ensemble(positions + jnp.array([[0.83, -1.71]]), C, box=box, weights=weights)
    np.testing.assert_allclose(evaluate(moved, unit(angles)), base, rtol=1e-11)
    reordered = Ensemble(positions[::-1], C, box=box, weights=weights[::-1])
    np.testing.assert_allclose(evaluate(reordered, unit(angles)[::-1]), base, rtol=1e-12)
    energy = Ensemble(positions, C, box=box, weights=weights)
    np.testing.assert_allclose(evaluate(energy, -unit(angles)), base, rtol=1e-14)
    reversed_weights = Ensemble(positions, C, box=box, weights=-weights)
    np.testing.assert_allclose(evaluate(reversed_weights, -unit(angles)), base, rtol=1e-14)
    plain = Ensemble(positions, C, box=box)
    np.testing.assert_allclose(evaluate(plain, weights[:, None] * unit(angles)), base, rtol=1e-13)


def test_rotation(few):
    # T6, open plane: moments and positions together; a box of exchanged sides by 90 degrees
    positions, angles, _ = few
    turn = jnp.array([[np.cos(0.7), -np.sin(0.7)], [np.sin(0.7), np.cos(0.7)]])
    base = evaluate(Ensemble(positions, C), unit(angles))
    np.testing.assert_allclose(evaluate(Ensemble(positions @ turn.T, C), unit(angles + 0.7)), base, rtol=1e-12)
    assert abs(float(evaluate(Ensemble(positions, C), unit(angles + 0.7))) - float(base)) > 1e-3 * abs(float(base))
    quarter = jnp.array([[0.0, -1.0], [1.0, 0.0]])
    base = evaluate(Ensemble(positions, C, box=BOX), unit(angles))
    turned = Ensemble(positions @ quarter.T, C, box=BOX[::-1])
    np.testing.assert_allclose(evaluate(turned, unit(angles + np.pi / 2)), base, rtol=1e-12)


@pytest.mark.parametrize("box", [None, BOX], ids=["open", "box"])
def test_derivatives_by_positions_and_pearl_length(few, box):
    # through the constructor, traced; against sixth-order differences with 1e-10 of truncation and rounding
    positions, angles, weights = few

    @jax.jit
    def energy(positions, pearl_length):
        return Ensemble(positions, PearlCoupling(pearl_length), box=box, weights=weights)(unit(angles))

    by_position, by_length = jax.jit(jax.grad(energy, argnums=(0, 1)))(positions, 1.0)
    np.testing.assert_allclose(
        energy(positions, 1.0), Ensemble(positions, C, box=box, weights=weights)(unit(angles)), rtol=1e-11
    )
    size = float(jnp.abs(by_position).max())
    for i, a in ((0, 0), (2, 1), (5, 0)):
        step = jnp.zeros((N, 2)).at[i, a].set(1.0)
        along = slope(lambda t, step=step: energy(positions + t * step, 1.0), 0.0, 1e-3)
        np.testing.assert_allclose(by_position[i, a], along, rtol=0, atol=1e-8 * size)
    np.testing.assert_allclose(by_length, slope(lambda p: energy(positions, p), 1.0, 0.01), rtol=1e-8)
    # no force on the whole
    np.testing.assert_allclose(by_position.sum(0), 0.0, atol=1e-11 * size)


@pytest.mark.parametrize("box", [None, BOX], ids=["open", "box"])
def test_batches(few, box):
    positions, angles, _ = few
    energy = Ensemble(positions, C, box=box)
    starts = unit(angles[None] + jnp.arange(3.0)[:, None])
    batch = eqx.filter_jit(lambda e, s: jax.vmap(e)(s))(energy, starts)
    np.testing.assert_allclose(batch, [evaluate(energy, s) for s in starts], rtol=1e-12)

    @jax.jit
    @jax.vmap
    def lengths(p):
        return Ensemble(positions, PearlCoupling(p), box=box)(unit(angles))

    single = [evaluate(Ensemble(positions, PearlCoupling(p), box=box), unit(angles)) for p in (0.5, 1.0)]
    np.testing.assert_allclose(lengths(jnp.array([0.5, 1.0])), single, rtol=1e-11)


@pytest.mark.parametrize("sign", [1, -1])
@pytest.mark.parametrize("box", [None, BOX], ids=["open", "box"])
def test_applied_current(few, box, sign):
    # Eq. 15: E_ext = -sum_i g_i m_i.(z x j_ext), a closed form; uniform current and one per moment
    positions, angles, weights = few
    c = PearlCoupling(0.8, strength=1.4, sign=sign)
    m = unit(angles)
    bare = evaluate(Ensemble(positions, c, box=box, weights=weights), m)
    currents = jnp.asarray(np.random.default_rng(5).normal(size=(N, 2)))
    for current in (currents, jnp.array([0.3, -0.7])):
        energy = Ensemble(positions, c, box=box, weights=weights, applied_current=current)
        j = jnp.broadcast_to(current, (N, 2))
        expected = -jnp.sum(c.flux * weights * (m[:, 1] * j[:, 0] - m[:, 0] * j[:, 1]))
        np.testing.assert_allclose(evaluate(energy, m) - bare, expected, atol=1e-13 * abs(float(bare)) + 1e-13)
    # a free moment turns into sign(Gamma) z x j_ext
    lone = Ensemble(jnp.zeros((1, 2)), c, applied_current=jnp.array([1.0, 0.0]))
    h = field(lone, jnp.array([[1.0, 0.0]]))
    np.testing.assert_allclose(h, [[0.0, sign * abs(float(c.flux))]], atol=1e-14)


def test_current_of_one_moment_applied_to_another():
    # T4: with j_ext = j_1(r_2), E_ext of a lone moment is the pair energy
    c = PearlCoupling(0.8, strength=1.4, sign=-1)
    m = unit(jnp.array([0.4, 2.2]))
    places = jnp.array([[0.0, 0.0], [0.5, -0.3]])
    source = Ensemble(places[:1], c, weights=jnp.array([1.5]))
    j = source.current(m[:1], places[1])
    lone = Ensemble(places[1:], c, weights=jnp.array([-0.7]), applied_current=j)
    both = Ensemble(places, c, weights=jnp.array([1.5, -0.7]))
    np.testing.assert_allclose(lone(m[1:]), both(m), rtol=1e-13)


def test_one_and_two_moments():
    # a lone moment has no energy in the plane, and in a box that of a rectangular lattice of its images
    one = jnp.array([[0.3, 0.4]])
    m = unit(jnp.array([0.9, 2.0]))
    assert float(Ensemble(one, C)(m[:1])) == 0.0
    lattice = BravaisLattice(jnp.diag(jnp.array(BOX)))
    expected = 0.5 * m[0] @ lattice.interaction(C, jnp.zeros(2)) @ m[0]
    # waves and self term, 1/4 tau^2 = 180, cancel to 1: 3e-14 of the self term
    np.testing.assert_allclose(Ensemble(one, C, box=BOX)(m[:1]), expected, rtol=0, atol=5e-12)
    two = jnp.array([[0.3, 0.4], [0.5, 0.1]])
    np.testing.assert_allclose(Ensemble(two, C)(m), C.pair_energy(m[0], m[1], two[1] - two[0]), rtol=1e-13)
    # halfway along the box the two are a lattice of half the period
    pair = Ensemble(jnp.array([[0.0, 0.0], [BOX[0] / 2, 0.0]]), C, box=BOX)
    finer = BravaisLattice(jnp.diag(jnp.array([BOX[0] / 2, BOX[1]])))
    for k, sign in ((0.0, 1.0), (2 * np.pi / BOX[0], -1.0)):
        expected = m[0] @ finer.interaction(C, jnp.array([k, 0.0])) @ m[0]
        np.testing.assert_allclose(pair(jnp.stack([m[0], sign * m[0]])), expected, rtol=0, atol=5e-12)


def test_close_pair_in_a_box():
    # two moments 1e-6 apart: the near part is that of the open plane, to the rounding of their separation
    places = jnp.array([[0.4, 0.3], [0.4 + 1e-6, 0.3]])
    m = jnp.array([[1.0, 0.0], [1.0, 0.0]])
    separation = float(places[1, 0] - places[0, 0])
    np.testing.assert_allclose(Ensemble(places, C, box=BOX)(m), -C.parallel(separation), rtol=1e-10)


def test_close_traced_pair_in_a_box():
    # positions are resolved to 1e-8 of the mean spacing, here 0.76; below it the answer is NaN, with its derivative.
    # The energy goes as r^-2, and r is rounded at 1e-16/r
    energy = jax.jit(jax.value_and_grad(lambda p: Ensemble(p, C, box=BOX)(jnp.array([[1.0, 0.0], [1.0, 0.0]]))))
    for distance in (1e-4, 1e-6, 2e-8):
        places = jnp.array([[0.4, 0.3], [0.4 + distance, 0.3]])
        separation = float(places[1, 0] - places[0, 0])
        value, slope = energy(places)
        np.testing.assert_allclose(value, -C.parallel(separation), rtol=1e-6)
        np.testing.assert_allclose(slope[1, 0], 2 * C.parallel(separation) / separation, rtol=1e-3)
    for distance in (1e-9, 0.0):
        value, slope = energy(jnp.array([[0.4, 0.3], [0.4 + distance, 0.3]]))
        assert np.isnan(value) and np.isnan(slope[:, 0]).all()


GRID = jnp.asarray(np.random.default_rng(2).uniform(0, 1, (4, 2)))


@pytest.mark.parametrize(
    "change, message",
    [
        ({"positions": np.zeros((3, 100))}, r"positions must have shape \(n, 2\), got \(3, 100\)"),
        ({"positions": np.zeros(2)}, "positions must have shape"),
        ({"positions": np.array([[0.0, 0.0], [np.nan, 1.0]])}, "positions must be finite"),
        ({"positions": np.array([[0.1, 0.2], [0.5, 0.5], [0.1, 0.2]])}, "positions must be distinct"),
        (
            {"positions": np.array([[0.1, 0.2], [0.5, 0.5], [0.1, 0.2]]), "box": (1.0, 1.0)},
            "positions must be distinct",
        ),
        (
            {"positions": np.array([[0.0, 0.2], [0.5, 0.5], [1.0, 0.2]]), "box": (1.0, 1.0)},
            "positions must be distinct",
        ),
        (
            {"positions": np.array([[0.3, -0.9], [0.5, 0.5], [0.3, 1.1]]), "box": (1.0, 1.0)},
            "positions must be distinct",
        ),
        (
            {"positions": np.array([[0.0, 1.0], [0.5, 0.5], [1.0, 0.0]]), "box": (1.0, 1.0)},
            "positions must be distinct",
        ),
        ({"method": "mean field"}, "method must be"),
        ({"method": "ewald"}, 'method "ewald" needs a periodic box'),
        ({"method": "direct", "box": (1.0, 1.0)}, 'method "direct"'),
        ({"box": (1.0, 0.0)}, "box must be two positive sides"),
        ({"box": (1.0, -1.0)}, "box must be two positive sides"),
        ({"box": (1.0, np.nan)}, "box must be finite"),
        ({"box": 1.0}, "box must be two positive sides"),
        ({"box": (1.0, 1.0, 1.0)}, "box must be two positive sides"),
        ({"weights": np.ones(3)}, r"weights must have shape \(4,\)"),
        ({"weights": np.array([1.0, np.nan, 1.0, 1.0])}, "weights must be finite"),
        ({"applied_current": np.ones(3)}, "applied_current must have shape"),
        ({"applied_current": np.ones((3, 2))}, "applied_current must have shape"),
        ({"applied_current": np.array([np.nan, 0.0])}, "applied_current must be finite"),
        ({"split": 0.0}, "split must lie in"),
        ({"split": 1.5}, "split must lie in"),
        ({"split": np.nan}, "split must be finite"),
        ({"split": "a"}, "split must be a number"),
        ({"coupling": 1.0}, "coupling must be a PearlCoupling"),
        ({"positions": np.zeros((0, 2))}, "positions must hold at least one moment"),
        ({"coupling": PearlCoupling(jnp.inf), "applied_current": np.ones(2)}, "pearl_length must be finite"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_bad_ensemble_is_refused(change, message, monkeypatch):
    # what a user meets: the check of annotations, on in the tests only, would refuse some of it first
    monkeypatch.setattr(jaxtyping.config, "jaxtyping_disable", True)
    with pytest.raises(ValueError, match="^" + message):
        Ensemble(**({"positions": GRID, "coupling": C} | change))


@pytest.mark.parametrize("bad", [(5, 2), (4, 3), (4,)])
def test_bad_moments_are_refused(bad, monkeypatch):
    monkeypatch.setattr(jaxtyping.config, "jaxtyping_disable", True)
    energy = Ensemble(GRID, C)
    with pytest.raises(ValueError, match="^moments must have shape"):
        energy(jnp.ones(bad))
    with pytest.raises(ValueError, match="^moments must have shape"):
        energy.bz(jnp.ones(bad), jnp.zeros((1, 2)), 1.0)


def test_bad_traced_box_is_refused():
    with pytest.raises(ValueError, match="^box must be concrete"):
        jax.jit(lambda box: Ensemble(GRID, C, box=box)(GRID))(jnp.ones(2))


def test_nan_in_moments_is_refused():
    # house rule: NaN in input is an error
    with pytest.raises(ValueError, match="^moments must be finite"):
        Ensemble(GRID, C)(jnp.full((4, 2), jnp.nan))
