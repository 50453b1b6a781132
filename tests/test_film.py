"""Finite films: recorded grid values, exact integral equations, invariants, derivatives, refusals."""

import json
from pathlib import Path

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest

import scmag_jax as sm
from scmag_jax.film.functional import Stiffness, quadratic, quadratic_of_links
from scmag_jax.film.preconditioner import Multigrid, Sines
from scmag_jax.numerics.multigrid import project

DATA = json.loads((Path(__file__).parent / "data" / "reference_film.json").read_text())
MU0 = 4e-7 * np.pi  # as in the recorded SI numbers
TESLA = 0.795774715459477e3  # 1 mT over mu0 in A/m
MILLITESLA = MU0 * 1e3  # of 1 A/m
FLUX_QUANTUM = 2.067833848e-15 / (MU0 * 1e-12)  # in uA um, mu0 = 1


def square(n, stiffness, **more):
    return sm.Film(np.ones((n, n), bool), 1 / n, 2 * stiffness, **more)


def holed(n, seed=0, **more):
    """A square with a hole, a notch and a random Pearl length."""
    mask = np.ones((n, n), bool)
    mask[n // 4 : n // 2, n // 3 : n // 2] = False
    mask[-3:, -4:] = False
    pearl_length = np.random.default_rng(seed).uniform(0.05, 0.5, (n, n))
    return sm.Film(mask, 1 / n, pearl_length, **more)


def random_moments(shape, seed=1):
    return jnp.asarray(np.random.default_rng(seed).uniform(-0.7, 0.7, (*shape, 2)))


def strip(n, stiffness, length=16, lead="open", profile=None):
    """A strip of half width 1, current along x, n cells across."""
    h = 2 / n
    ends = {"in": (-h / 4, h / 4), "out": (length - h / 4, length + h / 4)}
    terminals = {
        name: sm.Terminal([(a, -1), (b, -1), (b, 3), (a, 3)], lead=lead, profile=profile)
        for name, (a, b) in ends.items()
    }
    return sm.Film(np.ones((n * length // 2, n), bool), h, 2 * stiffness, terminals=terminals)


def round_film(n, stiffness, radius=1.0, inner=None):
    """A disk or a ring with cut links, n cells across, its centre at the origin and at a node."""
    h, cells = 2 * radius / n, n + 4
    r = np.hypot(*np.meshgrid(*2 * [(np.arange(cells + 1) - cells / 2) * h], indexing="ij"))
    distance = r - radius if inner is None else np.maximum(r - radius, inner - r)
    return sm.Film(None, h, 2 * stiffness, outline=distance, origin=(-cells * h / 2, -cells * h / 2))


def on_axis(cells):
    """Mean of the four cells around the middle."""
    i, j = (n // 2 for n in cells.shape)
    return float(jnp.mean(cells[i - 1 : i + 1, j - 1 : j + 1]))


# --- recorded grids


@pytest.mark.parametrize("n", [64, 128, 256])
@pytest.mark.parametrize("stiffness", ["5.0", "0.5", "0.05", "0.005"])
def test_square(stiffness, n):
    recorded = DATA["square_L1_H1"][stiffness]["grids"][str(n)]
    state = square(n, float(stiffness)).solve(1.0)
    found = {
        "m": state.magnetic_moment,
        "g_centre": state.stream[n // 2, n // 2],
        "g_eighth": state.stream[n // 8, n // 2],
        "K_edge_link": state.link_currents[1][0, n // 2],
        "B_centre": state.normal_field[n // 2, n // 2],
    }
    for name, value in found.items():
        assert float(value) == pytest.approx(recorded[name], rel=1e-8), name
    # sines: the steps do not grow with the grid
    assert state.stats["steps"] <= 12
    assert float(state.energy) == pytest.approx(-float(state.magnetic_moment) / 2, rel=1e-12)


@pytest.mark.parametrize("stiffness", ["5.0", "0.5", "0.05", "0.005"])
def test_second_order_on_rectangles(stiffness):
    recorded = DATA["square_L1_H1"][stiffness]
    moments = np.array([float(square(n, float(stiffness)).solve(1.0).magnetic_moment) for n in (64, 128, 256)])
    order = np.log2((moments[1] - moments[0]) / (moments[2] - moments[1]))
    coarse = stiffness == "0.005"  # Lam is below the coarsest spacing
    assert order > (1.7 if coarse else 1.95)
    extrapolated = moments[2] + (moments[2] - moments[1]) / (2**order - 1)
    assert extrapolated == pytest.approx(recorded["richardson"]["m"], rel=5e-5 if coarse else 1e-6)


@pytest.mark.parametrize("n", [64, 128])
def test_square_with_a_hole(n):
    recorded = DATA["square_hole_side_quarter_Lam0.05"]["grids"][str(n)]
    mask = np.ones((n, n), bool)
    mask[3 * n // 8 : 5 * n // 8, 3 * n // 8 : 5 * n // 8] = False
    film = sm.Film(mask, 1 / n, 0.1)
    cooled, trapped = film.solve(1.0), film.solve(fluxoids=[1.0])
    assert float(cooled.magnetic_moment) == pytest.approx(recorded["m_ZFC"], rel=1e-8)
    assert float(cooled.hole_currents[0]) == pytest.approx(recorded["g_hole_ZFC"], rel=1e-8)
    assert float(trapped.hole_currents[0]) == pytest.approx(recorded["g_hole_per_fluxoid"], rel=1e-8)
    # reciprocity: moment per fluxoid = -g of the hole per field
    assert float(trapped.magnetic_moment) == pytest.approx(recorded["moment_per_fluxoid"], rel=1e-8)
    assert float(trapped.magnetic_moment) == pytest.approx(-float(cooled.hole_currents[0]), rel=1e-8)
    assert float(film.inductance()[0, 0]) == pytest.approx(1 / recorded["g_hole_per_fluxoid"], rel=1e-8)


@pytest.mark.parametrize("n", [64, 128])
def test_magnetised_square_with_a_dead_rim(n):
    recorded = DATA["square_magnetised_dead_edge_w0.125_Lam0.05"]["grids"][str(n)]
    mask = np.ones((n, n), bool)
    film = sm.Film(mask, 1 / n, 0.1, anomalous=sm.rim(mask, 1 / n, 1 / 8))
    along_x = jnp.zeros((n, n, 2)).at[..., 1].set(1.0)  # a = (m_y, -m_x)
    state = film.solve(moments=along_x)
    profile = state.link_currents[0][n // 2]
    assert float(state.energy) == pytest.approx(recorded["E"], rel=1e-8)
    assert float(profile[0]) == pytest.approx(recorded["Kx_edge_link"], rel=1e-8)
    step = n // 64
    count = len(recorded["Kx_profile"])
    np.testing.assert_allclose(profile[: step * count : step], recorded["Kx_profile"], rtol=1e-7, atol=1e-8)
    # the edge runs with a, the inside against it
    assert profile[0] > 0 > profile[n // 2]


@pytest.mark.parametrize("n", [32, 64])
@pytest.mark.parametrize("stiffness", ["1.0", "0.1", "0.01"])
def test_strip_with_current(stiffness, n):
    recorded = DATA["through_bias_strip_asp8"][stiffness][str(n)]
    state = strip(n, float(stiffness)).solve(terminal_currents={"in": 1.0, "out": -1.0})
    g, h = state.stream[4 * n], 2 / n
    for name, j in (("K0", n // 2), ("K_half", n // 4)):
        assert float(g[j + 1] - g[j - 1]) / (2 * h) == pytest.approx(recorded[name], rel=1e-8)
    for i in (0, 1, n, 5 * n, 8 * n):
        assert float(state.current_through((i, n), (i, 0))) == pytest.approx(1.0, abs=1e-10)


# --- exact solutions


@pytest.mark.parametrize(("stiffness", "length", "error"), [(1.0, 16, 5e-4), (0.1, 32, 1e-3)])
def test_strip_against_the_infinite_one(stiffness, length, error):
    state = strip(64, stiffness, length).solve(terminal_currents=[1.0, -1.0])
    g, h = state.stream[state.stream.shape[0] // 2], 2 / 64
    exact = DATA["strip_1d_a1"][str(stiffness)]
    assert float(g[33] - g[31]) / (2 * h) == pytest.approx(exact["I_K0"], rel=error)
    assert float(g[17] - g[15]) / (2 * h) == pytest.approx(exact["I_K_half"], rel=error)


@pytest.mark.parametrize("stiffness", ["1.0", "0.1"])
def test_strip_in_a_field(stiffness):
    # in the middle of 16 half widths; its ends are felt by 4e-3 where it screens strongly
    exact = DATA["strip_1d_a1"][stiffness]
    n, h = 64, 2 / 64
    state = sm.Film(np.ones((8 * n, n), bool), h, 2 * float(stiffness)).solve(1.0)
    g = state.stream[4 * n]
    assert h * float(g.sum()) == pytest.approx(exact["H_m_per_len"], rel=5e-3)
    assert abs(float(g[17] - g[15]) / (2 * h)) == pytest.approx(exact["H_K_half"], rel=5e-3)


@pytest.mark.parametrize("stiffness", [1.0, 10.0])
def test_square_in_the_units_of_an_experiment(stiffness):
    # 10 um, 1 mT; exact from another discretisation, extrapolated
    exact = DATA["SI_examples"][f"square_a10_L{stiffness}_1mT"]["extrapolated"]
    found = []
    for n in (64, 128):
        state = sm.Film(np.ones((n, n), bool), 10 / n, 2 * stiffness).solve(TESLA)
        middle = float(state.normal_field[n // 2, n // 2]) * MILLITESLA
        found.append([float(state.magnetic_moment), middle, on_axis(state.bz(0.5, total=True)) * MILLITESLA])
    extrapolated = (4 * np.array(found[1]) - np.array(found[0])) / 3
    expected = [exact["moment"], exact["B_centre_mT"], exact["B_axis_z0.5_mT"]]
    np.testing.assert_allclose(extrapolated, expected, rtol=1e-4)


def test_straight_leads_make_a_strip_longer():
    # a strip of 4 widths with straight leads is closer to the infinite one than with its circuit open
    exact = DATA["strip_1d_a1"]["1.0"]["I_K0"]
    middle = {}
    for lead in ("open", "straight"):
        state = strip(32, 1.0, length=8, lead=lead).solve(terminal_currents=[1.0, -1.0])
        g = state.stream[64]
        middle[lead] = abs(float(g[17] - g[15]) / (4 / 32) / exact - 1)
    assert middle["straight"] < 2e-4 < 5e-4 < middle["open"]
    # far above a long straight wire the field is mu0 I / 2 pi r, half-infinite leads included
    state = strip(8, 1.0, length=8, lead="straight").solve(terminal_currents=[1.0, -1.0])
    field = state.magnetic_field(40.0)[16, 3:5].mean(axis=0)
    assert float(field[1]) == pytest.approx(-1 / (2 * np.pi * 40), rel=2e-3)  # current along x
    assert abs(float(field[0])) < 1e-6


@pytest.mark.parametrize("stiffness", ["1.0", "0.1", "0.01"])
def test_disk_with_cut_links(stiffness):
    moments = [float(round_film(n, float(stiffness)).solve(1.0).magnetic_moment) for n in (64, 128, 256)]
    exact = DATA["disk_1d_R1_H1"][stiffness]["m"]
    errors = np.abs(np.array(moments) / exact - 1)
    assert errors[2] < {"1.0": 1e-4, "0.1": 4e-4, "0.01": 1.5e-3}[stiffness]
    assert (np.log2(errors[:-1] / errors[1:]) > 1.4).all()


def test_disk_in_the_units_of_an_experiment():
    # R = 5 um, lambda^2/d = 1 um, 1 mT; A/m and um
    exact = DATA["SI_examples"]["disk_R5_L1.0_1mT"]
    state = round_film(256, 1.0, radius=5.0).solve(TESLA)
    assert float(state.magnetic_moment) == pytest.approx(exact["moment"], rel=5e-4)
    middle = state.stream.shape[0] // 2
    assert float(state.normal_field[middle, middle]) * MILLITESLA == pytest.approx(exact["B_axis_mT"]["0.0"], rel=5e-4)
    for height in ("0.5", "1.0", "2.0"):
        assert on_axis(state.bz(float(height), total=True)) * MILLITESLA == pytest.approx(
            exact["B_axis_mT"][height], rel=5e-4
        )


def test_disk_with_a_varying_pearl_length():
    # Lam = 0.5 + 1.5 (r / 5)^2 um: the field in the middle is positive; peers that put Lam outside of the divergence
    # find -0.042 mT
    film = round_film(128, 1.0, radius=5.0)
    r = jnp.linalg.norm(film.cell_positions, axis=-1)
    state = film.replace(pearl_length=1.0 + 3.0 * (r / 5) ** 2).solve(TESLA)
    assert float(state.normal_field[66, 66]) * MILLITESLA == pytest.approx(0.337, rel=5e-3)


@pytest.mark.parametrize(("stiffness", "exact"), [(1.0, 15.464710626178746), (10.0, 93.16256), (0.1, 7.28118)])
def test_ring(stiffness, exact):
    film = round_film(128, stiffness, radius=5.0, inner=2.0)
    found = float(film.inductance()[0, 0]) * MU0 * 1e-6 * 1e12  # pH
    assert found == pytest.approx(exact, rel=3e-3)
    if stiffness == 1.0:
        rows = DATA["SI_examples"]
        cooled, trapped = film.solve(TESLA), film.solve(fluxoids=[FLUX_QUANTUM])
        assert float(cooled.magnetic_moment) == pytest.approx(rows["ring_R2_R5_L1.0_fluxoid0_1mT"]["moment"], rel=1e-3)
        one = rows["ring_R2_R5_L1.0_fluxoid1_0mT"]
        assert float(trapped.magnetic_moment) == pytest.approx(one["moment"], rel=1e-3)
        assert float(trapped.hole_currents[0]) == pytest.approx(one["current"], rel=1e-3)
        assert on_axis(trapped.bz(1.0)) * MILLITESLA == pytest.approx(one["B_axis_mT"]["1.0"], rel=1e-3)


def test_vortex_in_a_disk():
    exact = DATA["SI_examples"]["disk_R5_L1.0_vortex"]
    film = round_film(128, 1.0, radius=5.0)
    state = film.solve(vortices=[[0.0, 0.0, FLUX_QUANTUM]])
    assert float(state.magnetic_moment) == pytest.approx(exact["moment"], rel=1e-3)
    assert on_axis(state.bz(2.0)) * MILLITESLA == pytest.approx(exact["B_axis_mT"]["2.0"], rel=2e-3)


def test_derivative_by_the_position_of_a_vortex():
    # between the nodes the vortex is shared by them, so that the moment is linear in its position there
    film = holed(14)
    pinned = lambda x: jnp.array([[0.0, 0.55, 1.0]]) + x * jnp.array([[1.0, 0.0, 0.0]])
    moment = jax.jit(lambda x: film.solve(vortices=pinned(x), tolerance=1e-13).magnetic_moment)
    assert float(jax.grad(moment)(0.75)) == pytest.approx(float(moment(0.77) - moment(0.73)) / 0.04, rel=1e-8)


def test_limits_of_disks_and_strips():
    # weak screening: K = -H r / 2 Lam and m = -pi R^4 H / 8 Lam
    state = round_film(64, 1e3).solve(1.0)
    assert float(state.magnetic_moment) == pytest.approx(-np.pi / 8e3, rel=2e-3)
    # strong screening: m = -8 R^3 H / 3
    state = round_film(128, 1e-3).solve(1.0)
    assert float(state.magnetic_moment) == pytest.approx(-8 / 3, rel=0.02)


def test_impurity_in_a_large_film():
    # four cells of moments along x in a film of 40 Pearl lengths: g and Bz of a point on an infinite film, r0 = 1
    n, h = 400, 0.1
    film = sm.Film(np.ones((n, n), bool), h, 1.0)
    m = jnp.zeros((n, n, 2)).at[n // 2 - 1 : n // 2 + 1, n // 2 - 1 : n // 2 + 1, 0].set(1 / (4 * h**2))
    state = film.solve(moments=m, tolerance=1e-8)
    exact = DATA["pearl_impurity_r0_1_unit_Gm_x"]
    for r, error in (("0.5", 5e-3), ("1.0", 2e-3), ("2.0", 2e-3)):
        i = n // 2 + round(float(r) / h)
        assert float(state.stream[i, n // 2]) == pytest.approx(exact[r]["g"], rel=error)
    bz = state.bz(0.5)
    for r in ("1.0", "2.0"):
        i = n // 2 + round(float(r) / h)
        assert float(bz[i - 1 : i + 1, n // 2 - 1 : n // 2 + 1].mean()) == pytest.approx(exact[r]["Bz_z0.5"], rel=6e-3)
    # the same sign and size as the impurity of `Ensemble`
    coupling = sm.PearlCoupling(pearl_length=1.0, strength=1.0)
    moments = sm.Ensemble(jnp.zeros((1, 2)), coupling, box=None)
    theirs = moments.bz(jnp.array([[1.0, 0.0]]), jnp.array([[1.0, 0.0]]), 0.5)[0]
    ratio = float(theirs) / exact["1.0"]["Bz_z0.5"]  # g = Gamma r0 / 2 with Gamma = sqrt(4 pi strength / r0)
    assert ratio == pytest.approx(np.sqrt(4 * np.pi) / 2, rel=1e-8)


# --- invariants


def test_operator_is_symmetric_and_positive():
    film = holed(14)
    stiffness = film._stiffness()
    unit = jnp.eye(15 * 15).reshape(-1, 15, 15)
    both = jax.vmap(lambda u: project(film.nodes, stiffness(project(film.nodes, u))).ravel())
    matrix = np.asarray(both(unit))
    np.testing.assert_allclose(matrix, matrix.T, rtol=0, atol=1e-15)
    levels = np.linalg.eigvalsh(matrix)
    unknowns = int(film.nodes.free.sum()) + film.holes
    assert (levels > 1e-6).sum() == unknowns and levels.min() > -1e-14
    # the preconditioner as well, and one V-cycle leaves little of the whole
    inverse = np.asarray(jax.vmap(lambda u: project(film.nodes, film.inverse(project(film.nodes, u))).ravel())(unit))
    np.testing.assert_allclose(inverse, inverse.T, rtol=0, atol=1e-13 * np.abs(inverse).max())
    np.testing.assert_allclose(inverse, np.linalg.pinv(matrix, 1e-9), rtol=0, atol=1e-9)  # the grid is its bottom


@pytest.mark.parametrize("shape", [(96, 80), (130, 40)])
def test_multigrid_is_symmetric_and_positive(shape):
    rng = np.random.default_rng(3)
    mask = np.ones(shape, bool)
    mask[20:41, 10:17] = mask[60:66, 20:30] = False
    mask[:9, :13] = False
    film = sm.Film(mask, 0.1, rng.uniform(0.2, 1.0, shape))
    assert isinstance(film.inverse, Multigrid) and len(film.inverse.levels) >= 1
    vectors = [project(film.nodes, jnp.asarray(rng.normal(size=film.nodes.free.shape))) for _ in range(3)]
    images = [project(film.nodes, film.inverse(v)) for v in vectors]
    products = np.array([[float(jnp.sum(a * b)) for a in images] for b in vectors])
    np.testing.assert_allclose(products, products.T, rtol=1e-12)
    assert np.linalg.eigvalsh(products).min() > 0


def test_steps_do_not_grow_with_the_grid():
    steps = {}
    for n in (64, 128, 256):
        mask = np.zeros((n + 4, n + 4), bool)
        c = (np.arange(n + 4) + 0.5 - n / 2 - 2) * 2 / n
        x, y = np.meshgrid(c, c, indexing="ij")
        mask[np.hypot(x, y) < 1] = True
        mask[(np.abs(x - 0.3) < 0.2) & (np.abs(y) < 0.2)] = False
        blocks = np.where((np.floor(4 * x) + np.floor(4 * y)) % 2 == 0, 0.1, 0.5)
        steps[n] = int(sm.Film(mask, 2 / n, blocks).solve(1.0, tolerance=1e-8).stats["steps"])
    assert max(steps.values()) <= 20
    assert steps[256] <= steps[64] + 6


def test_closed_currents_have_the_same_energy_by_links_and_by_nodes():
    film = holed(14)
    stiffness, g = film._stiffness(), film.solve(1.0, moments=random_moments((14, 14))).stream
    x, y = film._links(g)
    one, two = quadratic(stiffness, g), quadratic_of_links(stiffness, film.spacing, x, y)
    assert float(one) == pytest.approx(float(two), rel=1e-13)
    # free space: a grid with an empty margin changes nothing
    wide = sm.Film(np.pad(np.asarray(film.mask), 8), 1 / 14, np.pad(np.asarray(film.pearl_length), 8, mode="edge"))
    m = jnp.pad(random_moments((14, 14)), ((8, 8), (8, 8), (0, 0)))
    np.testing.assert_allclose(wide.solve(1.0, moments=m).stream[8:-8, 8:-8], g, rtol=0, atol=1e-11)


def test_energy_superposition_and_scaling():
    film, m = holed(14), random_moments((14, 14))
    by_moments, by_field = film.solve(moments=m), film.solve(1.0)
    both = film.solve(0.7, moments=2 * m)
    np.testing.assert_allclose(both.stream, 2 * by_moments.stream + 0.7 * by_field.stream, rtol=0, atol=1e-11)
    # E = -1/2 int K.a >= 0 where nothing else drives
    a = jnp.where(film.mask, 1.0, 0.0)[..., None] * jnp.stack([m[..., 1], -m[..., 0]], axis=-1)
    x, y = by_moments.link_currents
    cells = jnp.stack([(x[1:] + x[:-1]) / 2, (y[:, 1:] + y[:, :-1]) / 2], axis=-1)
    assert float(by_moments.energy) == pytest.approx(-0.5 * float(jnp.sum(cells * a)) / 14**2, rel=1e-10)
    assert by_moments.energy > 0 < by_field.energy and by_field.magnetic_moment < 0
    # m(L, Lam) = L^3 f(Lam / L)
    large = sm.Film(film.mask, 3 / 14, 3 * film.pearl_length).solve(1.0)
    assert float(large.magnetic_moment) == pytest.approx(27 * float(by_field.magnetic_moment), rel=1e-10)


def test_uniform_moments_to_the_edge_make_no_current():
    film = holed(14)
    m = jnp.broadcast_to(jnp.array([0.6, -0.8]), (14, 14, 2))
    state = film.solve(moments=m)
    assert float(jnp.abs(state.stream).max()) < 1e-14
    # nor does the gradient of any potential of the cells, taken between their centres: a jump of the Pearl length alone
    # neither
    halves = sm.Film(np.ones((14, 14), bool), 1 / 14, np.where(np.arange(14)[:, None] < 7, 0.1, 0.5) + np.zeros(14))
    assert float(jnp.abs(halves.solve(moments=m).stream).max()) < 1e-14
    # a dead rim turns currents on
    dead = sm.Film(np.ones((14, 14), bool), 1 / 14, 0.2, anomalous=sm.rim(np.ones((14, 14), bool), 1 / 14, 0.2))
    assert float(jnp.abs(dead.solve(moments=m).stream).max()) > 1e-3


def test_fluxoid_is_kept():
    # int B + oint Lam K around a loop is the fluxoid inside, whatever field and moments do
    n = 32
    film = holed(n)
    m = random_moments((n, n))
    m = m.at[5:19, 7:19].set(0.0)  # no anomalous potential on the loop
    for fluxoid in (0.0, 1.7):
        state = film.solve(0.8, fluxoids=[fluxoid], moments=m)
        i, k, j, l = 7, 17, 9, 17  # nodes from (i, j) to (k, l) are inside the loop
        flux = float(jnp.sum(state.normal_field[i : k + 1, j : l + 1])) / n**2
        stiffness = film._stiffness()
        x, y = state.link_currents
        below, above = (
            stiffness.along_y[i : k + 1, j - 1] * x[i : k + 1, j - 1],
            stiffness.along_y[i : k + 1, l] * x[i : k + 1, l],
        )
        left, right = (
            stiffness.along_x[i - 1, j : l + 1] * y[i - 1, j : l + 1],
            stiffness.along_x[k, j : l + 1] * y[k, j : l + 1],
        )
        london = float(below.sum() - above.sum() + right.sum() - left.sum()) / n
        assert flux + london == pytest.approx(fluxoid, abs=1e-8)


def test_infinite_pearl_length_is_a_hole():
    mask = np.ones((16, 16), bool)
    mask[5:9, 6:10] = False
    normal = np.where(mask, 0.3, np.inf)
    one, two = sm.Film(mask, 1 / 16, 0.3), sm.Film(np.ones((16, 16), bool), 1 / 16, normal)
    np.testing.assert_allclose(one.solve(1.0).stream, two.solve(1.0).stream, rtol=0, atol=1e-12)


def test_field_of_the_boxes_is_that_of_biot_and_savart():
    film = holed(14)
    state = film.solve(1.0)
    x, y = state.link_currents
    h, z = 1 / 14, 0.07
    nodes, weights = np.polynomial.legendre.leggauss(12)
    field = np.zeros(3)
    i, j = 4, 7
    point = h * np.array([i + 0.5, j + 0.5])
    for links, axis, centre in ((x, 0, (0.0, 0.5)), (y, 1, (0.5, 0.0))):
        for k, l in np.ndindex(*links.shape):
            u = h * (k + centre[0] + nodes[:, None] / 2)
            v = h * (l + centre[1] + nodes[None, :] / 2)
            away = np.stack(np.broadcast_arrays(point[0] - u, point[1] - v, z), axis=-1)
            current = np.eye(3)[axis] * float(links[k, l])
            density = np.cross(current, away) / np.linalg.norm(away, axis=-1)[..., None] ** 3
            field += (h / 2) ** 2 / (4 * np.pi) * np.einsum("i,j,ijk->k", weights, weights, density)
    np.testing.assert_allclose(state.magnetic_field(z)[i, j], field, rtol=0, atol=1e-7 * np.abs(field).max())
    # below the film components in the plane turn round
    np.testing.assert_allclose(
        state.magnetic_field(-z), state.magnetic_field(z) * np.array([[[-1.0, -1.0, 1.0]]]), rtol=0, atol=1e-12
    )
    # means over points away from the centres, beyond the grid as well
    shifted = state.bz(z, offsets=jnp.array([[h, 0.0], [0.0, -2 * h]]), weights=jnp.array([2.0, 1.0]))
    plain = state.bz(z)
    np.testing.assert_allclose(shifted[:-1, 2:], 2 * plain[1:, 2:] + plain[:-1, :-2], rtol=0, atol=1e-12)


def test_flux_through_polygons():
    # all of the field of a closed current that goes up through a large plane comes down again: of a vortex in a film,
    # the flux close above it is the fluxoid less what has spread out
    film = round_film(64, 0.3)
    state = film.solve(vortices=[[0.0, 0.0, 1.0]])
    circle = lambda r: (
        r
        * np.stack(
            [np.cos(np.linspace(0, 2 * np.pi, 200, False)), np.sin(np.linspace(0, 2 * np.pi, 200, False))], axis=1
        )
    )
    r = np.linalg.norm(np.asarray(film.cell_positions), axis=-1)
    field = np.asarray(state.bz(0.1))
    for radius in (0.5, 0.9):
        exact = field[r < radius].sum() / 32**2
        assert float(state.flux(circle(radius), 0.1)) == pytest.approx(exact, rel=0.02)
    square = 0.5 * np.array([[-1, -1], [1, -1], [1, 1], [-1, 1]])
    aligned = (np.abs(np.asarray(film.cell_positions)) < 0.5).all(axis=-1)
    assert float(state.flux(square, 0.1)) == pytest.approx(field[aligned].sum() / 32**2, rel=1e-3)
    uniform = film.solve(1e-9, tolerance=1e-3)
    assert float(uniform.flux(square, 3.0, total=True)) == pytest.approx(1e-9, rel=0.02)
    with pytest.raises(ValueError, match="polygon must lie above the grid"):
        state.flux(3 * square, 0.1)


# --- derivatives: a hole and a random Pearl length, against differences


def slope(f, x, direction, step):
    """Fourth-order central difference along a direction."""
    value = lambda s: float(f(x + s * direction))
    return (8 * (value(step) - value(-step)) - value(2 * step) + value(-2 * step)) / (12 * step)


DERIVATIVES = {
    "pearl_length": lambda film: film.pearl_length,
    "moments": lambda film: random_moments(film.shape),
    "applied_field": lambda film: jnp.asarray(np.random.default_rng(5).normal(size=film.nodes.free.shape)),
    "anomalous": lambda film: jnp.asarray(np.random.default_rng(6).uniform(0.2, 1.0, film.shape)),
    "fluxoids": lambda film: jnp.array([0.4]),
    "height": lambda film: jnp.array(0.11),
}


def measured(film, name, value):
    """An observable of everything: field at a point, and energy."""
    given = {key: make(film) for key, make in DERIVATIVES.items()} | {name: value}
    film = film.replace(pearl_length=given["pearl_length"], anomalous=given["anomalous"])
    sources = {key: given[key] for key in ("moments", "applied_field", "fluxoids")}
    state = film.solve(**sources, tolerance=1e-13)
    weights = jnp.asarray(np.random.default_rng(8).normal(size=film.shape))
    return jnp.sum(weights * state.bz(given["height"])), state.energy


@pytest.mark.parametrize("name", DERIVATIVES)
@pytest.mark.parametrize("which", [0, 1])
def test_derivatives(name, which):
    film = holed(14)
    if name == "height" and which == 1:
        return  # the energy knows no height
    x = DERIVATIVES[name](film)
    direction = jnp.asarray(np.random.default_rng(7).normal(size=x.shape))
    f = jax.jit(lambda value: measured(film, name, value)[which])
    found = float(jnp.sum(jax.jit(jax.grad(f))(x) * direction))
    scale = {"pearl_length": 1e-3, "height": 1e-3}.get(name, 1e-2)
    assert found == pytest.approx(slope(f, x, direction, scale), rel=1e-6)


def test_derivatives_by_terminal_currents_and_outline():
    n = 16
    h = 1 / n
    mask = np.ones((2 * n, n), bool)
    mask[10:14, 5:9] = False
    terminals = {
        "a": sm.Terminal([(-h / 4, 0), (h / 4, 0), (h / 4, 1), (-h / 4, 1)], lead="straight"),
        "b": sm.Terminal([(2 - h / 4, 0), (2 + h / 4, 0), (2 + h / 4, 0.5), (2 - h / 4, 0.5)], lead="open"),
        "c": sm.Terminal([(2 - h / 4, 0.5), (2 + h / 4, 0.5), (2 + h / 4, 1), (2 - h / 4, 1)], lead="open"),
    }
    film = sm.Film(mask, h, np.random.default_rng(2).uniform(0.1, 0.6, mask.shape), terminals=terminals)
    m = random_moments(mask.shape)

    @jax.jit
    def observed(current):
        currents = jnp.array([1.0, -0.3, -0.7]) + current * jnp.array([0.0, 1.0, -1.0])
        state = film.solve(0.3, terminal_currents=currents, moments=m, tolerance=1e-13)
        return state.bz(0.1)[5, 7], state.energy

    for f in (lambda s: observed(s)[0], lambda s: observed(s)[1]):
        assert float(jax.grad(f)(0.2)) == pytest.approx(slope(f, jnp.array(0.2), jnp.array(1.0), 1e-2), rel=1e-6)

    ring = round_film(16, 0.3, inner=0.4)
    ring = ring.replace(pearl_length=np.random.default_rng(1).uniform(0.2, 0.9, ring.shape))
    shape = jnp.asarray(np.random.default_rng(3).normal(size=ring.outline.shape)) * 0.01
    moment = jax.jit(
        lambda s: ring.replace(outline=ring.outline + s * shape).solve(1.0, tolerance=1e-13).magnetic_moment
    )
    assert float(jax.grad(moment)(0.0)) == pytest.approx(slope(moment, jnp.array(0.0), jnp.array(1.0), 1e-4), rel=1e-6)


def test_film_energy():
    film = holed(14, anomalous=1.3)
    F = sm.FilmEnergy(film, applied_field=0.4, fluxoids=[0.2], lorentz=0.3)
    m = random_moments((14, 14))
    field = sm.field(F, m)
    direction = random_moments((14, 14), 9)
    assert -float(jnp.sum(field * direction)) == pytest.approx(slope(F, m, direction, 1e-2), rel=1e-8)
    # -dE/dm = Gamma z x K + lorentz Gamma^2 m / Lam per area, links averaged on the cells
    state = film.solve(0.4, fluxoids=[0.2], moments=m)
    x, y = state.link_currents
    kx, ky = (x[1:] + x[:-1]) / 2, (y[:, 1:] + y[:, :-1]) / 2
    local = 0.3 * 1.3**2 * m / (film.pearl_length / 2)[..., None]
    expected = jnp.where(film.mask[..., None], 1.3 * jnp.stack([-ky, kx], axis=-1) + local, 0.0) / 14**2
    np.testing.assert_allclose(field, expected, rtol=0, atol=1e-10)
    # second derivatives contain the response of the currents: E is quadratic
    turn = lambda u: jax.jvp(jax.grad(F), (m,), (u,))[1]
    product = float(jnp.sum(direction * turn(direction)))
    second = float(F(m + direction) - 2 * F(m) + F(m - direction))
    assert product == pytest.approx(second, rel=1e-7)
    # relaxation in a ball
    found = sm.relax(F, m, constraint="ball", tolerance=1e-2, max_steps=100, throw=False)
    assert F(found.moments) < F(m) and float(jnp.linalg.norm(found.moments, axis=-1).max()) <= 1 + 1e-12


def test_batches_share_the_program():
    film = holed(14)
    fields, fluxoids = jnp.array([0.0, 1.0, -2.0]), jnp.array([[1.0], [0.0], [0.5]])
    states = jax.vmap(lambda field, flux: film.solve(field, fluxoids=flux))(fields, fluxoids)
    for k in range(3):
        alone = film.solve(fields[k], fluxoids=fluxoids[k])
        np.testing.assert_allclose(states.stream[k], alone.stream, rtol=0, atol=1e-11)
    lengths = jnp.array([0.1, 1.0])
    moments = jax.vmap(lambda r0: sm.Film(film.mask, 1 / 14, r0).solve(1.0).magnetic_moment)(lengths)
    for r0, found in zip(lengths, moments, strict=True):
        expected = sm.Film(film.mask, 1 / 14, float(r0)).solve(1.0).magnetic_moment
        assert float(found) == pytest.approx(float(expected), rel=1e-9)


@pytest.mark.parametrize("n", [14, 40])
def test_films_are_made_inside_jit(n):
    mask = np.ones((n, n), bool)
    mask[5:9, 4:8] = False
    expected = sm.Film(mask, 0.1, 0.3).solve(1.0)
    made = jax.jit(lambda r0: sm.Film(mask, 0.1, r0).solve(1.0).magnetic_moment)
    assert float(made(0.3)) == pytest.approx(float(expected.magnetic_moment), rel=1e-9)
    # moments scale with the cube of all lengths, so that dm/dh h + dm/dr0 r0 = 3 m
    moment = lambda h, r0: sm.Film(mask, h, r0).solve(1.0, tolerance=1e-12).magnetic_moment
    by_h, by_r0 = jax.grad(moment, argnums=(0, 1))(0.1, 0.3)
    assert float(0.1 * by_h + 0.3 * by_r0) == pytest.approx(3 * float(moment(0.1, 0.3)), rel=1e-9)
    # what is known stays known
    distance = np.asarray(round_film(12, 1.0).outline)
    constant = jax.jit(lambda H: sm.Film(None, 0.1, 0.3, outline=distance).solve(H).magnetic_moment)(1.0)
    assert float(constant) == pytest.approx(float(sm.Film(None, 0.1, 0.3, outline=distance).solve(1.0).magnetic_moment))


def test_batched_states_say_so():
    states = jax.vmap(holed(14).solve)(jnp.array([1.0, 2.0]))
    for read in (lambda s: s.magnetic_moment, lambda s: s.current, lambda s: s.hole_currents, lambda s: s.bz(0.1)):
        with pytest.raises(ValueError, match=r"a batch of states, of shape \(2,\), has arrays only"):
            read(states)


def test_residual_is_the_true_one():
    film = holed(40)
    film = film.replace(pearl_length=10 ** np.random.default_rng(0).uniform(-4, 0, film.shape))
    state = film.solve(1.0, tolerance=1e-18, max_steps=300, throw=False)
    assert not state.converged and 1e-18 < state.stats["residual"] < 1e-9


def test_film_is_where_mask_and_outline_say_so():
    n = 24
    square = [(0.2, 0.2), (2.2, 0.2), (2.2, 2.2), (0.2, 2.2)]
    mask = np.ones((n, n), bool)
    mask[10:14, 10:14] = False
    by_mask = sm.Film(mask, 0.1, 0.5, outline=[square])
    by_polygon = sm.Film(np.ones((n, n), bool), 0.1, 0.5, outline=[square, [(1, 1), (1.4, 1), (1.4, 1.4), (1, 1.4)]])
    assert by_mask.holes == by_polygon.holes == 1
    one, two = by_mask.solve(1.0), by_polygon.solve(1.0)
    assert float(one.magnetic_moment) == pytest.approx(float(two.magnetic_moment), rel=1e-9)
    labels = by_mask.hole_labels
    assert labels.max() == 0 and labels[12, 12] == 0 and labels[5, 5] == -1


def test_field_at_the_rim_of_the_grid():
    inner = sm.Film(np.ones((16, 16), bool), 1.0, 1.0).solve(1.0).normal_field
    wide = sm.Film(np.pad(np.ones((16, 16), bool), 3), 1.0, 1.0).solve(1.0).normal_field
    np.testing.assert_allclose(inner, wide[3:-3, 3:-3], rtol=0, atol=1e-9)
    assert float(inner[0, 8]) > 1.5


def test_total_field_of_a_source():
    film = holed(14)
    loop = sm.CurrentLoop(0.3, 0.4, centre=(0.5, 0.5))
    state = film.solve(loop)
    points = jnp.concatenate([film.cell_positions, jnp.full((14, 14, 1), 0.2)], axis=-1)
    np.testing.assert_allclose(
        state.magnetic_field(0.2, total=True), state.magnetic_field(0.2) + loop.field(points), rtol=0, atol=1e-12
    )
    with pytest.raises(ValueError, match="total=True needs an applied field"):
        film.solve(jnp.ones((15, 15))).bz(0.1, total=True)


def test_maps_without_film_do_not_matter():
    mask = np.ones((14, 14), bool)
    mask[5:9, 4:8] = False
    plain = sm.Film(mask, 0.1, 0.3)
    for outside in (np.nan, np.inf, -1.0):
        values = np.where(mask, 0.3, outside)
        for film in (
            sm.Film(mask, 0.1, values, anomalous=np.where(mask, 1.0, outside)),
            plain.replace(pearl_length=values),
        ):
            np.testing.assert_allclose(film.solve(1.0).stream, plain.solve(1.0).stream, rtol=0, atol=1e-12)
    # a ring of one cell around a hole has one unknown
    ring = np.pad(np.zeros((3, 3), bool), 1, constant_values=True)
    assert float(sm.Film(ring, 1.0, 1.0).inductance()[0, 0]) > 0


# --- terminals


def test_currents_that_add_up_in_decimals_only_are_taken():
    # 0.1 + 0.2 - 0.3 is 5.6e-17; a terminal without current is none
    h = 1 / 8
    corner = lambda x, y: [(x - h / 4, y), (x + h / 4, y), (x + h / 4, y + 0.4), (x - h / 4, y + 0.4)]
    terminals = {"a": corner(0, 0), "b": corner(0, 0.6), "c": corner(2, 0.2), "d": corner(2, 0.61)}
    given = {name: sm.Terminal(region, lead="open") for name, region in terminals.items()}
    film = sm.Film(np.ones((16, 8), bool), h, 0.4, terminals=given)
    state = film.solve(terminal_currents={"a": 0.1, "b": 0.2, "c": -0.3, "d": 0.0})
    assert bool(jnp.isfinite(state.stream).all())
    assert float(state.current_through((8, 8), (8, 0))) == pytest.approx(0.3, abs=1e-12)
    assert not film.solve().stream.any()


def test_profile_of_injection():
    n = 16
    film = strip(n, 0.5, length=4, profile=[0.0, 1.0])
    state = film.solve(terminal_currents=[1.0, -1.0])
    entering = np.asarray(state.link_currents[0][0])
    # counterclockwise around the film the end at x = 0 runs down
    expected = ((np.arange(n) + 0.5) / n)[::-1]
    np.testing.assert_allclose(entering, expected / expected.sum() / (2 / n), rtol=1e-12)


def test_narrow_profiles_are_integrated():
    entering = strip(8, 0.5, length=4, profile=np.exp(-((np.linspace(-1, 1, 101) / 0.05) ** 2)))
    shares = np.asarray(entering.solve(terminal_currents=[1.0, -1.0]).link_currents[0][0]) / 4
    np.testing.assert_allclose(shares, [0, 0, 0, 0.5, 0.5, 0, 0, 0], atol=1e-6)
    one_end = strip(8, 0.5, length=4, profile=[1] + 30 * [0])
    shares = np.asarray(one_end.solve(terminal_currents=[1.0, -1.0]).link_currents[0][0]) / 4
    np.testing.assert_allclose(shares, [0, 0, 0, 0, 0, 0, 0, 1], atol=1e-12)


def test_what_open_currents_do_not_have():
    state = strip(8, 1.0, length=4).solve(terminal_currents=[1.0, -1.0])
    for read in (lambda s: s.magnetic_moment, lambda s: s.hole_currents, lambda s: s.normal_field):
        with pytest.raises(ValueError, match="needs closed currents"):
            read(state)
    with pytest.raises(ValueError, match="start and end must be nodes"):
        state.current_through((99, 4), (0, 0))
    # a bias costs -L I^2 / 2 of the energy, the source having done L I^2
    assert state.energy < 0


def test_terminals_inside_the_grid_need_no_lead():
    mask = np.zeros((20, 12), bool)
    mask[4:16, 3:9] = True
    film = sm.Film(
        mask,
        1.0,
        5.0,
        terminals={"a": [(3, 2), (5, 2), (5, 10), (3, 10)], "b": [(15.5, 2), (17, 2), (17, 10), (15.5, 10)]},
    )
    state = film.solve(terminal_currents=[2.0, -2.0])
    assert float(state.current_through((10, 12), (10, 0))) == pytest.approx(2.0, abs=1e-10)
    np.testing.assert_allclose(state.current.sum(axis=1)[5:15, 0], 2.0, rtol=1e-9)


# --- refusals


CELLS = np.ones((8, 8), bool)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"mask": np.zeros((8, 8), bool)}, "mask must contain film"),
        ({"mask": np.eye(8, dtype=bool)}, "mask must contain a square of at least 2 x 2"),
        ({"mask": np.ones(8, bool)}, "mask must have shape"),
        ({"mask": 2 * np.ones((8, 8))}, "mask must be boolean"),
        ({"mask": None}, "mask must be given"),
        ({"pearl_length": np.full((8, 8), np.nan)}, "pearl_length must be finite"),
        ({"pearl_length": 0.0}, "pearl_length must be positive"),
        ({"pearl_length": np.ones((8, 7))}, "pearl_length must have shape"),
        ({"anomalous": np.full((8, 8), np.nan)}, "anomalous must be finite"),
        ({"spacing": -1.0}, "spacing must be positive"),
        ({"outline": -np.ones((9, 9))}, "outline must leave the nodes at the rim"),
        ({"outline": np.ones((9, 8))}, "outline must have shape"),
        ({"terminals": {"far": [(20, 20), (21, 20), (21, 21)]}}, "terminal 'far' must contain a piece"),
        ({"terminals": {"cut": [(-1, 0), (1, 0), (1, 5), (-1, 5)]}}, "terminal 'cut' cuts a lead open at the rim"),
        ({"terminals": {"bad": [(0, 0), (1, 1)]}}, "region must be a polygon"),
    ],
)
def test_refused(arguments, message):
    given = {"mask": CELLS, "spacing": 1.0, "pearl_length": 1.0} | arguments
    with pytest.raises(ValueError, match=message):
        sm.Film(**given)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"applied_field": np.ones((8, 8))}, "applied_field must have shape"),
        ({"applied_field": np.nan}, "applied_field must be finite"),
        ({"moments": np.ones((8, 8, 3))}, "moments must have shape"),
        ({"fluxoids": [1.0]}, "fluxoids must have shape"),
        ({"vortices": [[20.0, 0.0, 1.0]]}, "vortices must lie in the film"),
        ({"vortices": [[0.5, 4.0, 1.0]]}, "vortices must lie in the film"),
        ({"terminal_currents": [1.0, -1.0]}, "terminal_currents need a film with terminals"),
        ({"tolerance": -1.0}, "tolerance must be positive"),
    ],
)
def test_refused_by_solve(arguments, message):
    with pytest.raises(ValueError, match=message):
        sm.Film(CELLS, 1.0, 1.0).solve(**arguments)


def test_other_refusals():
    film = strip(8, 1.0, length=4)
    for currents, message in (
        ([1.0, -0.5], "add up to zero"),
        ({"in": 1.0}, "add up to zero"),
        ({"inn": 1.0, "out": -1.0}, "got 'inn'"),
        ([1.0], "must have shape"),
    ):
        with pytest.raises(ValueError, match=message):
            film.solve(terminal_currents=currents)
    with pytest.raises(eqx.EquinoxRuntimeError, match="add up to zero"):
        jax.block_until_ready(eqx.filter_jit(lambda i: film.solve(terminal_currents=i).stream)(jnp.array([1.0, -0.5])))
    with pytest.raises(ValueError, match="inductance needs a film with holes"):
        film.inductance()
    with pytest.raises(eqx.EquinoxRuntimeError, match="maximum number of steps"):
        holed(40).solve(1.0, max_steps=2)
    assert not holed(40).solve(1.0, max_steps=2, throw=False).converged
    mask = np.zeros((16, 10), bool)
    mask[:8, :5] = mask[8:, 5:] = True
    ends = {"a": [(-0.2, 0), (0.2, 0), (0.2, 5), (-0.2, 5)], "b": [(0, -0.2), (7.9, -0.2), (7.9, 0.2), (0, 0.2)]}
    with pytest.raises(ValueError, match="mask must not touch itself by a corner"):
        sm.Film(mask, 1.0, 1.0, terminals={name: sm.Terminal(region, lead="open") for name, region in ends.items()})
    disk = round_film(16, 0.3)
    with pytest.raises(ValueError, match="outline must leave every node on its side"):
        disk.replace(outline=disk.outline - 0.2)
    for bad in (1.5, 0, "a"):
        with pytest.raises(ValueError, match="max_steps must be an integer from 1"):
            holed(14).solve(max_steps=bad)
    with pytest.raises(ValueError, match="terminals must be a mapping"):
        sm.Film(CELLS, 1.0, 1.0, terminals=[1])
    with pytest.raises(ValueError, match="mask must have shape"):
        sm.rim(np.ones(8, bool), 1.0, 1.0)
    with pytest.raises(ValueError, match="outline must be finite"):
        sm.signed_distance([[(0, 0), (1, np.nan), (1, 1)]], [(0.0, 0.0)])
    with pytest.raises(ValueError, match="outline can only be replaced"):
        film.replace(outline=np.zeros((9, 9)))
    with pytest.raises(ValueError, match="double precision"), jax.enable_x64(False):
        sm.Film(CELLS, 1.0, 1.0)
    assert isinstance(sm.Film(CELLS, 1.0, 1.0).inverse, Sines)
    assert Stiffness is type(film._stiffness())
