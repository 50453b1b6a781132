"""The papers recomputed: files are whole, the report complete, and the numbers follow the parameters."""

import dataclasses
import functools
import json

import jax.numpy as jnp
import numpy as np
import pytest

from scmag_jax import cli, plot, reproduce
from scmag_jax.flake import Flake
from scmag_jax.reproduce import lu2023, vakili2026, xiang2023, xiang2023_runs

REGISTERED = dict(reproduce.PAPERS)
SMALL = {
    "lu2023": lu2023.Sizes(curve=24, pair_angles=13, grid=8, angles=4, temperatures=4, searched=2, radius=24),
    "vakili2026": vakili2026.Sizes(
        curve=5,
        exchanges=3,
        angles=8,
        mesh=24,
        order=4,
        resolution=6.0,
        cutoff=3.0,
        materials=2,
        material_cutoff=3.0,
        real_angles=4,
        polar=4,
        positions=4,
        wall_angles=8,
    ),
    "xiang2023": xiang2023_runs.Sizes(spacing=5.0, bias_step=50.0, field_steps=7, screened_steps=2, pulse_steps=2),
}
# Parameters that make a run cheap: fewer circles, a material whose gap takes few momenta.
CHEAP = {
    "lu2023": {"cutoffs": (10.0, 50.0)},
    "vakili2026": {"material_gap": "10 meV"},
    "xiang2023": {"temperatures": (3.0, 4.0, 5.0, 7.0)},
}
PANELS = {
    "lu2023": {"figure_2a", "figure_2b", "figure_2c", "figure_3ab", "figure_3c", "figure_3d"},
    "vakili2026": {
        *("figure_1c", "figure_1d", "figure_2a", "figure_2b", "figure_2cd", "figure_3ab", "figure_3c", "figure_3d"),
        *("supercurrent", "material"),
    },
    "xiang2023": {"figure_2dl", "figure_3ab", "figure_3cd", "figure_3f", "figure_4ab", "opposite_leads"},
}


def paper_with(name, **parameters):
    paper = REGISTERED[name]()
    chosen = dataclasses.replace(paper.parameters, **(CHEAP[name] | parameters))
    return dataclasses.replace(paper, quick=SMALL[name], parameters=chosen)


@pytest.fixture(scope="module")
def folder_of(tmp_path_factory):
    """The output of a paper in small sizes, made when first asked for."""

    @functools.cache
    def make(name):
        with pytest.MonkeyPatch.context() as patch:
            patch.setitem(reproduce.PAPERS, name, lambda: paper_with(name))
            return reproduce.run([name], tmp_path_factory.mktemp(name), progress=False).parent

    return make


@pytest.mark.slow
@pytest.mark.timeout(400)
@pytest.mark.parametrize("name", SMALL)
def test_every_figure_has_a_picture_and_its_data(name, folder_of):
    names = {figure.name for figure in paper_with(name).figures}
    assert names >= PANELS[name]
    folder = folder_of(name) / name
    files = {path.name for path in folder.iterdir()}
    assert files == {f"{figure}.{suffix}" for figure in names for suffix in ("png", "npz")}, (
        "a file is missing or half done"
    )
    for figure in names:
        assert (folder / f"{figure}.png").read_bytes().startswith(b"\x89PNG")
        with np.load(folder / f"{figure}.npz") as data:
            assert len(data.files) > 1


@pytest.mark.slow
@pytest.mark.timeout(400)
@pytest.mark.parametrize("name", SMALL)
def test_the_report_holds_every_claim_with_its_verdict(name, folder_of):
    folder = folder_of(name)
    report = (folder / "report.md").read_text()
    claims = json.loads((folder / "claims.json").read_text())
    assert len(claims) >= 20
    assert len({key(claim) for claim in claims}) == len(claims)
    for claim in claims:
        assert np.isfinite(claim["ours"]) and claim["verdict"] in ("reproduced", "not reproduced")
        assert claim["criterion"] and claim["why"], claim["statement"]
        assert claim["statement"].replace("|", r"\|") in report
    assert "default (not --full)" in report


@pytest.mark.slow
@pytest.mark.timeout(400)
@pytest.mark.parametrize("name", SMALL)
def test_a_picture_is_drawn_again_from_its_data(name, folder_of):
    for figure in paper_with(name).figures:
        with np.load(folder_of(name) / name / f"{figure.name}.npz") as data:
            picture = figure.draw(**data, title="again")
        words = [picture.get_suptitle(), *(axes.get_title() for axes in picture.axes)]
        assert any("again" in text for text in words), figure.name
        assert all(axes.get_xlabel() or axes.get_ylabel() for axes in picture.axes), f"{figure.name}: unnamed axes"


@pytest.mark.slow
@pytest.mark.timeout(400)
def test_the_numbers_of_lu2023_follow_the_parameters(folder_of):
    before = stored_claims(folder_of("lu2023"))
    after = claims_with("lu2023", spacing=0.5, fermi_energy="9 meV")
    assert set(after) == set(before)
    # J = E_F (J0 m)^2/(8 pi^2 v^2 r^2) is linear in the Fermi energy
    words = "coupling in Fe(Se,Te) at 2 nm"
    assert only(after, words) / only(before, words) == pytest.approx(2, rel=1e-6)
    # independent numbers of the reference: 79.1693205 degrees at d = r0/2, 79.1366716 at r0/50
    words = "one transition between the two"
    assert only(after, words) == pytest.approx(79.16932051479546, abs=1e-8)
    assert only(before, words) == pytest.approx(79.13667163168877, abs=1e-8)


@pytest.mark.slow
@pytest.mark.timeout(400)
def test_the_numbers_of_vakili2026_follow_the_parameters(folder_of):
    before = stored_claims(folder_of("vakili2026"))
    after = claims_with("vakili2026", shape=(10, 8), rashba=-0.2, sublattice_moment="1.4 bohr_magneton")
    assert set(after) == set(before)
    # self-consistent gaps and energies of dense diagonalisation in real space, tabulated to 1e-10: 30 x 25 and 10 x 8
    # sites, one turn of the phase; none of them depends on the numbers of points
    words = "describe one state"
    assert only(before, words) == pytest.approx(0.4547405474, abs=2e-10)
    assert only(after, words) == pytest.approx(0.3941906523, abs=2e-10)
    assert only(before, "amplitude of the x-y sweep") == pytest.approx(-3.9556826762 + 3.9555386837, abs=3e-10)
    assert only(before, "amplitude of the z-x sweep") == pytest.approx(-3.9555426357 + 3.9555386837, abs=3e-10)
    # the other sign of the spin-orbit coupling: 3.892180e-5 over -3.912441e-5, tabulated to seven digits
    words = "Eq. 10 as printed"
    assert only(before, words) == pytest.approx(-3.892180 / 3.912441, abs=1e-6)
    assert only(after, words) == pytest.approx(-3.912441 / 3.892180, abs=1e-6)
    # the gap of a lattice in real space, whatever its size, is that of its momenta
    words = "benchmarks that in momentum space"
    assert max(only(before, words), only(after, words)) < 1e-11
    # F1 is odd in the spin-orbit coupling, which the material has its own of, and B = a^2 F1/(2 m_s)
    energy, field = "|F1| ~ 1e-7", "with B from h"
    assert only(after, energy) == pytest.approx(only(before, energy), rel=1e-9)
    assert only(after, field) == pytest.approx(only(before, field) / 2, rel=1e-9)


@pytest.mark.slow
@pytest.mark.timeout(400)
def test_the_numbers_of_walls_are_the_tabulated_ones(folder_of):
    """Self-consistent totals of dense diagonalisation in real space, tabulated to 1e-10."""

    def data(name):
        return np.load(folder_of("vakili2026") / "vakili2026" / f"{name}.npz")

    def check(found, expected):
        np.testing.assert_allclose(found, expected, rtol=0, atol=1e-9)

    with data("figure_3c") as positions:
        check(positions["position"], [10, 20, 30, 40])
        along_x = [-3955.7275042575, -3955.7732509837, -3955.8101556573, -3955.8438470962]
        check(positions["along_x"], along_x)
        check(positions["reversed_x"], along_x[::-1])
        check(positions["along_y"], [-3955.7856197656, -3955.7917832829, -3955.7917832829, -3955.7856197656])
    with data("figure_3d") as angles:
        check(angles["forward"][:3], [-3955.7924986705, -3955.8228849457, -3955.8350833531])
        check(angles["forward"][6], -3955.7472913085)
        check(angles["backward"], angles["forward"][::-1])
        check(angles["other"][[2, 6]], -3955.7916858920)  # closed by winding
    with data("figure_3ab") as currents:
        along_x, along_y, along_z = (currents["current"][where] / 20 for where in ((2, 0), (2, 2), (0, 0)))
        check([along_x, along_y, along_z], [0.00436314196, 0.00299097810, 0.00436946307])
    with data("figure_2cd") as rotations:
        check(rotations["real_energy"], -3.9555386837)
        # F(y) - F(x) and F(z) - F(x), tabulated to seven digits
        np.testing.assert_allclose(rotations["real_space"][[0, 1], [1, 0]], [-1.439925e-4, -3.952007e-6], rtol=2e-6)


@pytest.mark.slow
@pytest.mark.timeout(400)
def test_the_numbers_of_xiang2023_follow_the_parameters(folder_of):
    before = stored_claims(folder_of("xiang2023"))
    after = claims_with("xiang2023", height=2.0, thickness=0.6)
    assert set(after) == set(before)
    # 120 uA over 50 um x 300 nm, and twice the thickness
    words = "density below 1e3"
    assert only(before, words) == pytest.approx(800, rel=1e-12)
    assert only(after, words) == pytest.approx(400, rel=1e-12)
    # where the loop is changes what it sees, and not the currents
    for words in ("the current at the edge jumps", "remains after the bias is removed", "uniform magnetisation"):
        assert only(after, words) == pytest.approx(only(before, words), rel=1e-9)
    words = "increases to a positive value"
    assert 0 < only(after, words) < 0.9 * only(before, words)
    # other disorder: other currents, the same arithmetic
    other = claims_with("xiang2023", seed=1)
    words = "remains after the bias is removed"
    assert only(other, words) != pytest.approx(only(before, words), rel=1e-3)
    assert only(other, "erases the magnetisation") == 0


@pytest.mark.slow
@pytest.mark.timeout(400)
def test_figures_of_xiang2023_share_their_runs():
    parameters, sizes = paper_with("xiang2023").parameters, SMALL["xiang2023"]
    loop = xiang2023.figure_3ab(parameters, sizes)
    misses = xiang2023_runs.bias_run.cache_info().misses
    cuts = xiang2023.figure_3cd(parameters, sizes)
    assert xiang2023_runs.bias_run.cache_info().misses == misses
    np.testing.assert_array_equal(cuts["edge"], loop["edge"][loop["branch"] == 0])
    # no moment has moved: nothing but the line
    np.testing.assert_allclose(loop["induced"][:2], 0.0, atol=1e-12)


def test_images_of_the_flake_are_what_a_loop_sees():
    parameters = xiang2023_runs.Parameters(loop_radius=1e-3)
    flake = Flake.weak(spacing=5.0)
    m = np.random.default_rng(0).uniform(-0.5, 0.5, (*flake.shape, 2)) * np.asarray(flake.active)[..., None]
    drive = {"bias": 100.0, "field": 0.0, "temperature": 1.5}
    state = xiang2023_runs.state_of(flake, drive, m)
    image = xiang2023_runs.images(parameters, [state])[0]
    x, y = xiang2023_runs.image_edges(flake)
    assert image.shape == (len(x) - 1, len(y) - 1) == (24, 18)
    assert (x[0], x[-1], y[0], y[-1]) == (-10.0, 110.0, -10.0, 80.0)
    # 4 pi mG in 1 A/m; a loop of no size sees the field at its middle
    direct = 4 * np.pi * np.asarray(state.bz(1.0))
    np.testing.assert_allclose(image[2:-2, 2:-2], direct, rtol=1e-5, atol=1e-5)
    beside = 4 * np.pi * np.asarray(state.bz(1.0, offsets=np.array([[-10.0, -10.0]])))
    np.testing.assert_allclose(image[:20, :14], beside, rtol=1e-5, atol=1e-5)
    np.testing.assert_array_equal(xiang2023_runs.inside(flake, [image])[0], image[2:22, 2:12])
    found = xiang2023_runs.measure_of(parameters, flake)(jnp.asarray(m), drive)
    assert xiang2023_runs.parked(parameters, [state])[0] == pytest.approx(float(found["parked"]), rel=1e-5)
    along, (cut,) = xiang2023_runs.line_cut(parameters, [state])
    shifted = 4 * np.pi * np.asarray(state.bz(1.0, offsets=np.array([[-2.5, 1.25]])))[10]  # x = 50, 1.25 up
    where = np.searchsorted(along, 2.5 + 1.25)
    assert along[where] == pytest.approx(3.75) and cut[where] == pytest.approx(shifted[0], rel=1e-5)
    # 1 mG through a loop of 1 um is pi 1e-19 Wb
    expected = 1e3 * np.pi * 1e-19 / 2.067833848e-15
    assert xiang2023_runs.loop_flux(xiang2023_runs.Parameters()) == pytest.approx(expected, rel=1e-9)


def test_the_material_follows_its_parameters():
    m = vakili2026.material_in_hoppings(vakili2026.Parameters(material_hopping="0.1 eV", material_spacing="1.98 nm"))
    # by hand: 0.037, 0.0013 and 0.05 over 0.1, and q a = 1e-3 x 19.8
    assert m["altermagnet"] == pytest.approx(0.37, rel=1e-12)
    assert m["rashba"] == pytest.approx(0.013, rel=1e-12)
    assert m["chemical_potential"] == pytest.approx(0.5, rel=1e-12)
    assert m["momentum"] == pytest.approx(0.0198, rel=1e-12)
    assert m["gap"] == pytest.approx(0.01 * np.tanh(1.74 * 3), rel=1e-12)


def test_the_map_over_the_sphere_marks_its_extremes():
    polar, azimuth = np.linspace(0, np.pi, 13), np.linspace(0, 2 * np.pi, 25)
    energy = 7.0 + np.sin(polar)[:, None] * np.cos(azimuth - np.pi / 2)
    across = np.array([[1.0, 0.1, 0.0], [1.0, -0.1, 0.0]]) / np.sqrt(1.01)
    picture = plot.energy_over_sphere(polar=polar, azimuth=azimuth, energy=energy, path=across, title="again")
    axes = picture.axes[0]
    points = {line.get_label(): line.get_xydata() for line in axes.lines}
    np.testing.assert_allclose(points["highest"], [[90.0, 90.0]])  # n along y
    np.testing.assert_allclose(points["lowest"], [[270.0, 90.0]])
    assert np.isnan(points["path"]).any(), "a path across azimuth 0 is drawn through the whole map"
    assert picture.axes[1].get_ylabel().endswith("[$t$]"), "numbers of order one need no power of ten"


def test_bad_requests_name_the_argument(tmp_path):
    with pytest.raises(ValueError, match="names must be a list"):
        reproduce.run(["lu2024"], tmp_path / "out")
    (tmp_path / "file").write_text("")
    with pytest.raises(ValueError, match="output must be a folder"):
        reproduce.run(["lu2023"], tmp_path / "file")
    assert not (tmp_path / "out").exists()


def test_the_command_knows_every_paper():
    assert set(cli.PAPERS) == set(REGISTERED)


def claims_with(name, **parameters):
    paper = paper_with(name, **parameters)
    data = {figure.name: figure.compute(paper.parameters, SMALL[name]) for figure in paper.figures}
    return {claim.statement + claim.source: claim.ours for claim in paper.claims(paper.parameters, data)}


def stored_claims(folder):
    return {key(claim): claim["ours"] for claim in json.loads((folder / "claims.json").read_text())}


def key(claim):
    return claim["statement"] + claim["source"]


def only(values, words):
    (name,) = [name for name in values if words in name]
    return values[name]
