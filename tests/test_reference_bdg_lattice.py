"""The dense NumPy reference of the lattice against independent numbers, its own derivatives and conservation laws."""

import json
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np
import pytest

from benchmarks import bdg_lattice as benchmark
from benchmarks import one_core
from benchmarks.reference import bdg_lattice as reference
from benchmarks.reference.bdg import Model

DATA = json.loads((Path(__file__).parent / "data" / "reference_bdg.json").read_text())
PARAMETERS, POINT = DATA["params"], DATA["random_point"]
T = PARAMETERS["T"]
MODEL = Model(chemical_potential=PARAMETERS["mu"], rashba=PARAMETERS["tso"], altermagnet=PARAMETERS["tm"])

# One lattice of each kind of boundary, bond and map; two sites along an axis are joined by two bonds
TWISTED = reference.Lattice(
    (3, 4), MODEL, 0.2, 5.0, winding=(1, -1), twist=(0.13, -0.2), boundary_phase=(0.3, -0.7), bond_average="mean"
)
OPEN = reference.Lattice(
    (4, 2),
    Model(0.3, 0.4, 0.3, hopping=0.8),
    0.15,
    np.linspace(3.0, 6.0, 8).reshape(4, 2),
    twist=(0.1, 0.3),
    boundary_phase=(0.0, 0.4),
    boundary=("open", "periodic"),
    bond_average="site",
    potential=np.cos(np.arange(8.0)).reshape(4, 2),
)
KINDS = pytest.mark.parametrize("lattice", [TWISTED, OPEN], ids=["twisted", "open"])


@pytest.fixture
def random():
    return np.random.default_rng(7)


def _texture(shape, random):
    n = random.normal(size=(*shape, 3))
    return n / np.linalg.norm(n, axis=-1, keepdims=True)


def _gap(shape, random):
    return 0.3 * (random.normal(size=shape) + 1j * random.normal(size=shape))


def test_tabulated_point():
    kw = POINT["kw"]
    lattice = reference.Lattice(
        (POINT["Lx"], POINT["Ly"]),
        MODEL,
        T,
        5.0,
        twist=(kw["twist_q"], 0.0),
        boundary_phase=(kw["bcx"], kw["bcy"]),
    )
    n, gap = np.array(POINT["n"]), np.array(POINT["Delta_re"]) + 1j * np.array(POINT["Delta_im"])
    # Both diagonalise the same matrix: rounding of levels up to 7.5, of which F is the sum of 24.
    levels = np.linalg.eigvalsh(reference.hamiltonian(lattice, gap, n))
    np.testing.assert_allclose(levels, POINT["E"], rtol=0, atol=5e-14)
    found = reference.observables(lattice, gap, n)
    assert found.quasiparticle_energy == pytest.approx(POINT["Fqp"], abs=1e-13)
    assert found.free_energy == pytest.approx(POINT["F"], abs=1e-13)
    assert reference.free_energy(lattice, gap, n) == pytest.approx(POINT["F"], abs=1e-13)
    for mine, name in [
        (found.pair_amplitude.real, "S_re"),
        (found.pair_amplitude.imag, "S_im"),
        (found.neel_field, "h"),
        (found.bond_current[..., 0], "Ix"),
        (found.bond_current[..., 1], "Iy"),
        (found.density, "dens"),
    ]:
        np.testing.assert_allclose(mine, POINT[name], rtol=0, atol=1e-14, err_msg=name)


def test_self_consistent_uniform_lattice():
    run = next(run for run in DATA["uniform"]["runs"] if run["Lx"] == 10)
    lattice = reference.Lattice((run["Lx"], run["Ly"]), MODEL, T, 5.0, winding=(run["winding"], 0))
    n = np.broadcast_to(run["nvec"], (*lattice.shape, 3))
    gap, found, steps = reference.solve(lattice, n, gap=0.4, tolerance=1e-12)
    assert steps <= 10
    # The gap is off by its residual over the slope 0.25 of the gap equation, F by the square of that.
    np.testing.assert_allclose(gap, run["Delta"], rtol=0, atol=5e-12)
    assert found.free_energy / gap.size == pytest.approx(run["F_site"], rel=1e-14)
    np.testing.assert_allclose(found.neel_field, np.broadcast_to(run["h"], n.shape), rtol=0, atol=1e-13)
    assert found.current[0] == pytest.approx(run["I_total"], abs=1e-12)


def test_self_consistent_texture_conserves_current(random):
    lattice = replace(TWISTED, shape=(5, 4), winding=(0, 0), twist=(0.2, 0.0), boundary_phase=(0.0, 0.0), temperature=T)
    gap, found, _ = reference.solve(lattice, _texture(lattice.shape, random), tolerance=1e-10)
    assert np.abs(gap).std() > 1e-3  # the texture tells the sites apart
    assert np.abs(_divergence(found.bond_current)).max() < 1e-9 < np.abs(found.bond_current).max()


def test_solution_that_does_not_come_is_an_error(random):
    with pytest.raises(RuntimeError, match="did not converge in 2 steps"):
        reference.solve(TWISTED, _texture(TWISTED.shape, random), max_steps=2)


@KINDS
def test_continuity(lattice, random):
    gap = _gap(lattice.shape, random)
    found = reference.observables(lattice, gap, _texture(lattice.shape, random))
    source = 4.0 * (gap.conj() * found.pair_amplitude).imag
    # Rounding of currents of order 0.1.
    np.testing.assert_allclose(_divergence(found.bond_current), source, rtol=0, atol=2e-14)
    assert np.abs(source).max() > 1e-2


def _divergence(bond_current):
    return sum(bond_current[..., axis] - np.roll(bond_current[..., axis], 1, axis) for axis in (0, 1))


@KINDS
def test_expectation_values_are_derivatives(lattice, random):
    gap, n = _gap(lattice.shape, random), random.normal(size=(*lattice.shape, 3))  # n need not have unit length
    found = reference.observables(lattice, gap, n)
    towards = random.normal(size=(6, *lattice.shape))
    of_gap, of_n, of_potential = towards[0] + 1j * towards[1], np.moveaxis(towards[2:5], 0, -1), towards[5]

    def moved(x, y):
        return replace(lattice, twist=(lattice.twist[0] + x, lattice.twist[1] + y))

    gap_equation = found.pair_amplitude - gap / lattice.attraction
    for name, along, exact in [
        ("gap", lambda s: (lattice, gap + s * of_gap, n), -2.0 * (gap_equation.conj() * of_gap).real.sum()),
        ("n", lambda s: (lattice, gap, n + s * of_n), -(found.neel_field * of_n).sum()),
        ("twist x", lambda s: (moved(s, 0.0), gap, n), 0.5 * found.bond_current[..., 0].sum()),
        ("twist y", lambda s: (moved(0.0, s), gap, n), 0.5 * found.bond_current[..., 1].sum()),
        (
            "potential",
            lambda s: (replace(lattice, potential=lattice.potential + s * of_potential), gap, n),
            ((found.density - 1.0) * of_potential).sum(),  # half the trace of h is left out of F
        ),
    ]:
        near, far = (
            reference.free_energy(*along(step)) - reference.free_energy(*along(-step)) for step in (1e-3, 2e-3)
        )
        # Fourth order in a step of 1e-3: 1e-11; rounding of F = -50 over the step: 1e-11.
        assert (8.0 * near - far) / 12e-3 == pytest.approx(exact, abs=2e-10), name
        assert abs(exact) > 1e-3, name  # nothing vanishes by symmetry


@KINDS
def test_levels_are_symmetric(lattice, random):
    matrix = reference.hamiltonian(lattice, _gap(lattice.shape, random), _texture(lattice.shape, random))
    np.testing.assert_array_equal(matrix, matrix.conj().T)
    levels = np.linalg.eigvalsh(matrix)
    np.testing.assert_allclose(levels, -levels[::-1], rtol=0, atol=2e-14)  # rounding of levels up to 10


@KINDS
def test_local_density_of_states(lattice, random):
    gap, n, broadening = _gap(lattice.shape, random), _texture(lattice.shape, random), 0.05
    energies = np.linspace(-9.0, 9.0, 7)
    found = reference.local_density_of_states(lattice, gap, n, energies, broadening)
    matrix = reference.hamiltonian(lattice, gap, n)
    for states, energy in zip(found, energies, strict=True):
        green = np.linalg.inv((energy + 1j * broadening) * np.eye(len(matrix)) - matrix)
        expected = -np.diagonal(green).imag[: len(matrix) // 2].reshape(*lattice.shape, 2).sum(-1) / np.pi
        np.testing.assert_allclose(states, expected, rtol=1e-12)


def test_gauge(random):
    lattice, n = TWISTED, _texture(TWISTED.shape, random)
    gap = _gap(lattice.shape, random)
    found = reference.observables(lattice, gap, n)
    # A winding written into the gap instead of into the bonds: the same electrons.
    x = np.arange(lattice.shape[0])[:, None]
    turned = replace(lattice, winding=(0, -1))
    phase = np.exp(2j * np.pi * x / lattice.shape[0])
    other = reference.observables(turned, gap * phase, n)
    assert other.free_energy == pytest.approx(found.free_energy, rel=1e-14)
    np.testing.assert_allclose(other.pair_amplitude, found.pair_amplitude * phase, rtol=0, atol=1e-14)
    np.testing.assert_allclose(other.bond_current, found.bond_current, rtol=0, atol=1e-14)
    np.testing.assert_allclose(other.neel_field, found.neel_field, rtol=0, atol=1e-14)


@pytest.mark.parametrize("driver", benchmark.DRIVERS)
def test_job_on_one_core(driver):
    cost = one_core.run("benchmarks.bdg_lattice:dense_job", {"shape": [4, 3], "driver": driver}, calls=3)
    assert len(cost.seconds) == len(cost.cpu_seconds) == 3 and min(cost.cpu_seconds) > 0.0
    lattice = reference.Lattice((4, 3), MODEL, benchmark.TEMPERATURE, benchmark.ATTRACTION, **benchmark.FLOW)
    expected = reference.observables(lattice, *reference.random_point((4, 3), benchmark.SEED))
    for name in ("free_energy", "pair_amplitude", "neel_field", "bond_current", "density"):
        # Eigenvectors of another algorithm, or with another number of threads.
        np.testing.assert_allclose(cost.results[name], getattr(expected, name), rtol=1e-12, atol=1e-14, err_msg=name)


def test_exponent_is_that_of_the_larger_half():
    sites = [1, 2, 100, 200, 400]
    assert benchmark._exponent(sites, [5.0, 5.0, 1e-4, 4e-4, 16e-4]) == pytest.approx(2.0)


@pytest.mark.slow
@pytest.mark.timeout(600)  # compiles for a minute, several on a busy machine
@pytest.mark.parametrize("case", [partial(benchmark.fields, shape=(6, 5)), benchmark.uniform, benchmark.wall])
def test_quick_benchmark_agrees(case):
    result = case(quick=True)
    # 16 poles: 1e-12 of F, and as much of the fields absolutely, whose largest components are 1e-4 to 1e-1.
    assert len(result.disagreement) >= 2 and max(result.disagreement.values()) < 1e-7
    assert max(error for name, error in result.disagreement.items() if name.endswith(", F")) < 1e-11
