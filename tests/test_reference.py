"""The NumPy reference of the benchmarks against numbers of an independent calculation, and the harness."""

import json
from pathlib import Path

import numpy as np
import pytest

from benchmarks import harness
from benchmarks.reference import impurities as reference

DATA = json.loads((Path(__file__).parent / "data" / "reference_impurities.json").read_text())
KERNEL, PAIR, LATTICE, BCS = ({key: np.array([row[key] for row in DATA[name]]) for key in DATA[name][0]}
                              for name in ("kernel", "pair", "lattice", "bcs"))  # fmt: skip


def unit(angle):
    return np.stack([np.cos(angle), np.sin(angle)], -1)


def test_keldysh_potential():
    # Rounding of Struve minus Bessel at x = 10, where both are ten times their difference.
    np.testing.assert_allclose(reference.keldysh(KERNEL["r_over_r0"]), KERNEL["V"], rtol=2e-14)


@pytest.mark.parametrize(
    ("couplings", "tolerance"),
    # Cancellation costs the special functions three digits at x = 10; a sum of positive terms costs none.
    [(reference.couplings, 1e-12), (reference.couplings_by_quadrature, 1e-14)],
)
def test_couplings(couplings, tolerance):
    perpendicular, parallel = couplings(KERNEL["r_over_r0"])
    np.testing.assert_allclose(perpendicular, KERNEL["J_perp"], rtol=tolerance)
    np.testing.assert_allclose(parallel, KERNEL["J_par"], rtol=tolerance)


def test_couplings_agree_beyond_the_struve_functions():
    r = np.geomspace(21.0, 1e4, 50)
    # Two quadratures of different integrals, both of positive terms: rounding only.
    for ours, theirs in zip(reference.couplings(r), reference.couplings_by_quadrature(r), strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=1e-13)


def test_couplings_in_other_units():
    ours = reference.couplings(3.0 * KERNEL["r_over_r0"], pearl_length=3.0, strength=2.0)
    np.testing.assert_allclose(ours[0], 2.0 / 9.0 * KERNEL["J_perp"], rtol=1e-12)
    np.testing.assert_allclose(ours[1], 2.0 / 9.0 * KERNEL["J_par"], rtol=1e-12)


def test_pair_energy():
    separation = np.stack([PAIR["r_over_r0"], np.zeros(4)], -1)
    m1, m2 = (np.broadcast_to(unit(np.deg2rad(angle)), (4, 2)) for angle in (30.0, 75.0))
    # Cancellation of the special functions at x = 10, and of the two couplings in the energy.
    np.testing.assert_allclose(reference.pair_energy(m1, m2, separation), PAIR["E_at_30_75deg"], rtol=1e-11)


@pytest.mark.parametrize("row", DATA["fields"])
def test_current_and_field(row):
    points, moments = np.array([[row["x"], row["y"]]], float), unit(np.deg2rad([row["m_angle_deg"]]))
    gamma = np.sqrt(4.0 * np.pi)  # strength = r0 = 1 with mu0 = 1
    current = reference.current(points, np.zeros((1, 2)), moments)[0] / (gamma / (2.0 * np.pi))
    # The samples have 15 digits.
    np.testing.assert_allclose(current, [row["jx"], row["jy"]], rtol=1e-13, atol=1e-14)
    for height, expected in row["bz_at_height"]:
        bz = reference.bz(points, height, np.zeros((1, 2)), moments)[0] / (gamma / (4.0 * np.pi))
        np.testing.assert_allclose(bz, expected, rtol=1e-12)  # the quadrature's own tolerance


@pytest.mark.parametrize("splitting", [1.0, 1.5])
@pytest.mark.parametrize("row", DATA["lattice"])
def test_lattice_interaction(row, splitting):
    spacing = row["spacing"]
    vectors = reference.rhombic(spacing, row["angle"])
    b1, b2 = reference.reciprocal(vectors)

    def interaction(k):
        return spacing**2 * reference.lattice_interaction(vectors, k, splitting=splitting)

    waves = {"k0": 0.0 * b1, "b1_half": 0.5 * b1, "b2_half": 0.5 * b2, "b1b2_half": 0.5 * (b1 + b2)}
    for name, k in waves.items():
        # Sums are cut at e^-40; rounding of a hundred terms of order one.
        np.testing.assert_allclose(0.5 * np.linalg.eigvalsh(interaction(k)), row[name], atol=1e-12)
    generic = interaction(0.21 * b1 + 0.13 * b2)
    np.testing.assert_allclose(generic, row["J_at_0.21b1_0.13b2"], atol=1e-12)


@pytest.mark.parametrize("row", DATA["critical_angle"])
def test_critical_angle(row):
    # Rounding 1e-13 of the energies over their slope, about 0.005 per degree.
    assert reference.critical_angle(row["spacing"]) == pytest.approx(row["angle"], abs=1e-10)


def test_box_of_a_lattice_is_the_lattice():
    n = np.arange(6.0)
    positions = np.stack(np.meshgrid(n, n, indexing="ij"), -1).reshape(-1, 2)
    interaction = reference.box_interaction(positions, (6.0, 6.0))
    vectors = reference.rhombic(1.0, 90.0)
    rows = np.outer((-1.0) ** positions[:, 0], [0.0, 1.0])
    for moments, expected in (
        (np.tile([1.0, 0.0], (36, 1)), reference.ferromagnetic_energy(vectors)),
        (rows, reference.layered_energy(vectors)),
    ):
        energy, _ = reference.energy_and_gradient(interaction, moments)
        assert energy / 36 == pytest.approx(expected, abs=1e-12)  # two different splits, rounding


@pytest.mark.parametrize("k", [0, 1], ids=["k = 0", "k = b1/2"])
def test_circular_cutoff_leaves_the_continuum_tail(k):
    vectors, cutoff = reference.rhombic(1.0, 70.0), 200.0
    wave = k * 0.5 * reference.reciprocal(vectors)[0]
    density = 1.0 / np.linalg.det(vectors)
    truncated = reference.lattice_interaction_with_cutoff(vectors, wave, cutoff, pearl_length=50.0)
    exact = reference.lattice_interaction(vectors, wave, pearl_length=50.0)
    tail = (1 - k) * np.pi * density * cutoff**2 * reference.couplings(np.array([cutoff]), 50.0)[0][0]
    # Beyond the tail, sites at the rim: about (r/d)^(1/2) of them too many or too few, each 1/r^2 d^2.
    np.testing.assert_allclose(truncated - exact, tail * np.eye(2), atol=cutoff**-1.5)


def test_condensate():
    t = BCS["T_over_Tc"]
    gap = np.array([2.0 * np.pi * each * reference.bcs_gap(each) for each in t])
    weight = np.array([reference.superfluid_weight(each) for each in t])
    # The samples' own rounding in sums over ten thousand frequencies.
    np.testing.assert_allclose(gap, BCS["Delta_over_Tc"], rtol=1e-12)
    np.testing.assert_allclose(weight, BCS["D_over_D0_clean"], rtol=1e-12)


def test_phase_diagram_changes_sign_at_the_critical_angle():
    t = BCS["T_over_Tc"]
    for each, angle in zip(t, BCS["theta_c_thermodynamic"], strict=True):
        below, above = reference.phase_diagram([angle - 1e-9, angle + 1e-9], [each], 0.02)[:, 0]
        assert below < 0.0 < above


@pytest.mark.parametrize("sample", DATA["ensemble"], ids=["d = r0/50", "d = r0"])
def test_periodic_box(sample):
    interaction = reference.box_interaction(np.array(sample["positions"]), np.array(sample["box"]))

    def evaluate(phi):
        energy, gradient = reference.energy_and_gradient(interaction, unit(phi))
        return energy, gradient[:, 1] * np.cos(phi) - gradient[:, 0] * np.sin(phi)

    phi = np.array(sample["phi_test"])
    energy, torque = evaluate(phi)
    # Rounding of 40,000 pairs; the test state's energy is a tenth of the sum of its terms.
    assert energy == pytest.approx(sample["E_test"], rel=1e-12)
    np.testing.assert_allclose(torque, sample["grad_test"], atol=1e-12 * np.max(np.abs(torque)))
    assert evaluate(0.0 * phi)[0] == pytest.approx(sample["E_uniform_x"], rel=1e-12)
    assert evaluate(0.0 * phi + 0.5 * np.pi)[0] == pytest.approx(sample["E_uniform_y"], rel=1e-12)
    assert evaluate(np.array(sample["phi_best"]))[0] == pytest.approx(sample["E_best"], rel=1e-12)


def test_open_plane_is_the_sum_over_pairs():
    rng = np.random.default_rng(0)
    positions, moments = rng.uniform(0.0, 3.0, (4, 2)), unit(rng.uniform(0.0, 6.0, 4))
    interaction = reference.plane_interaction(positions, pearl_length=0.7, strength=1.3)
    energy, gradient = reference.energy_and_gradient(interaction, moments)
    pairs = sum(
        reference.pair_energy(moments[i], moments[j], positions[j] - positions[i], 0.7, 1.3)
        for i in range(4)
        for j in range(i)
    )
    assert energy == pytest.approx(pairs, rel=1e-12)  # two formulas for the couplings, rounding
    assert np.sum(gradient * moments) == pytest.approx(2.0 * energy, rel=1e-14)  # Euler: quadratic form


def test_harness_counts_and_judges():
    calls = []
    timings, results = harness.time_together({"project": lambda: calls.append("p") or 1, "peer": lambda: 2}, runs=4)
    assert (len(calls), timings["project"].runs, results) == (5, 4, {"project": 1, "peer": 2})
    assert harness.Bar("speed", 10.0, 9.9, at_least=True).passed is False
    assert harness.Bar("time", 10.0, 9.9, at_least=False).passed is True


def test_record_is_whole_or_absent(tmp_path):
    timing = harness.Timing(2.0, 1.0, 0.9, 1.1, 3)
    case = harness.Case("case", {"project": timing}, bars=[harness.Bar("time", 0.5, 1.0, at_least=False)])
    path = harness.write([case], tmp_path)
    record = json.loads(path.read_text())
    assert record["environment"]["x64"] is True
    assert record["cases"][0]["bars"][0]["passed"] is False
    before = path.read_text()
    case.disagreement["peer"] = object()  # cannot be written
    with pytest.raises(TypeError):
        harness.write([case], tmp_path)
    assert [path] == list(tmp_path.iterdir()) and path.read_text() == before
