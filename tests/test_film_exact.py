"""Finite films: recorded grid values, exact integral equations, limits."""

import jax.numpy as jnp
import numpy as np
import pytest
from film_cases import DATA, FLUX_QUANTUM, MILLITESLA, MU0, TESLA, on_axis, round_film, square, strip

import scmag_jax as sm

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
    field = state.magnetic_field(40.0)[64, 15:17].mean(axis=0)
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
