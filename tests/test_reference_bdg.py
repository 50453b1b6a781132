"""The NumPy reference of the superconductor with an altermagnet against independent numbers and the package."""

import json
import os
import subprocess
import sys
from pathlib import Path

import jax.numpy as jnp
import numpy as np
import pytest

import scmag_jax as sm
from benchmarks import bdg as benchmark
from benchmarks.reference import bdg as reference

ROOT = Path(__file__).parents[1]
DATA = json.loads((ROOT / "tests" / "data" / "reference_bdg.json").read_text())
PARAMETERS = DATA["params"]
T, GAP = PARAMETERS["T"], PARAMETERS["Delta"]
NORMAL = {"chemical_potential": PARAMETERS["mu"], "rashba": PARAMETERS["tso"], "altermagnet": PARAMETERS["tm"]}
LATTICE, CONTINUUM = reference.Model(**NORMAL), reference.Model(**NORMAL, dispersion="continuum")
UNIFORM = DATA["uniform"]["runs"]


@pytest.mark.parametrize("mesh", ["lattice200", "continuum_pi"])
@pytest.mark.parametrize("row", DATA["F_and_h"], ids=lambda row: f"q={row['q']}")
def test_tabulated_point(row, mesh):
    momenta, model = {
        "lattice200": (reference.lattice_mesh((200, 200)), LATTICE),
        "continuum_pi": (reference.continuum_mesh(120, np.pi), CONTINUUM),
    }[mesh]
    expected, at = row[mesh], (row["q"], row["n"], GAP, T, model)
    energy, field, of_q = reference.gradient(momenta, *at)
    # The same sums in another order: rounding of terms of order one, of which the fields keep 1e-2 and less.
    assert energy == pytest.approx(expected["F"], rel=2e-15)
    np.testing.assert_allclose(field, expected["h"], rtol=0, atol=1e-16)
    assert of_q[0] == pytest.approx(expected["dFdqx"], abs=2e-14)
    assert reference.pair_amplitude(momenta, *at) == pytest.approx(expected["S"], abs=4e-15)


@pytest.mark.parametrize("guess", [None, 0.46], ids=["Brent", "secant"])
@pytest.mark.parametrize("run", UNIFORM, ids=lambda run: f"{run['Lx']}x{run['Ly']},{run['winding']}")
def test_self_consistent_lattice(run, guess):
    mesh = reference.lattice_mesh((run["Lx"], run["Ly"]), (-run["winding"] / 2, 0.0))
    gap, energy, field, current = reference.solve(mesh, [run["q"], 0.0], run["nvec"], 5.0, T, LATTICE, guess)
    # The samples' gaps satisfy their equation to 2e-15; its slope turns that into a few times as much.
    assert gap == pytest.approx(run["Delta"], abs=4e-14)
    assert energy == pytest.approx(run["F_site"], rel=4e-15)
    np.testing.assert_allclose(field, run["h"], rtol=0, atol=1e-15)
    assert current[0] == pytest.approx(run["I_per_width"], abs=1e-14)


def test_gap_that_collapses():
    # Twice the critical temperature of the attraction 5.
    mesh = reference.lattice_mesh((12, 12))
    assert reference.self_consistent_gap(mesh, [0.0, 0.0], [1.0, 0.0, 0.0], 5.0, 0.52, LATTICE) == 0.0


def test_expectation_values_are_derivatives():
    mesh, model = reference.lattice_mesh((5, 7), (0.2, -0.4)), reference.Model(0.3, 0.4, 0.3, hopping=0.8)
    point = np.array([0.13, -0.4, 0.5, -0.3, 0.7, 0.35])  # q, n, gap

    def free_energy(x):
        return reference.free_energy(mesh, x[:2], x[2:5], x[5], 0.2, model)

    def difference(i, step=1e-4):
        e = step * np.eye(6)[i]
        near, far = (free_energy(point + s * e) - free_energy(point - s * e) for s in (1, 2))
        return (8.0 * near - far) / (12.0 * step)

    numerical = np.array([difference(i) for i in range(6)])
    at = (mesh, point[:2], point[2:5], point[5], 0.2, model)
    energy, field, of_q = reference.gradient(*at)
    # Fourth order in a step of 1e-4: 1e-16 and less, below the rounding of F over the step, 1e-11.
    exact = np.concatenate([of_q, -field, [-2.0 * reference.pair_amplitude(*at)]])
    np.testing.assert_allclose(numerical, exact, rtol=0, atol=3e-11)
    assert np.min(np.abs(exact)) > 1e-4  # nothing vanishes by symmetry
    for mine, other in zip((energy, field), reference.free_energy_and_field(*at), strict=True):
        np.testing.assert_array_equal(mine, other)


def test_blocks_do_not_matter(monkeypatch):
    mesh, at = reference.lattice_mesh((6, 5)), ([0.1, 0.2], [0.6, 0.0, 0.8], 0.3, 0.05, LATTICE)
    whole = reference.gradient(mesh, *at)
    monkeypatch.setattr(reference, "BLOCK", 7)
    for ours, theirs in zip(reference.gradient(mesh, *at), whole, strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=0, atol=1e-14)  # rounding of F = -4


def test_package_agrees_in_the_continuum():
    q, n = np.array([0.13, -0.07]), np.array([0.48, 0.64, 0.6])
    u = sm.UniformBdG(
        sm.Altermagnet(**NORMAL), gap=GAP, temperature=T, mesh=(64, 64), dispersion="continuum", cutoff=3.0
    )
    mesh = reference.continuum_mesh(64, 3.0)
    (energy, _, of_q), (_, _, normal) = (reference.gradient(mesh, q, n, gap, T, CONTINUUM) for gap in (GAP, 0.0))
    # The package's poles: 1e-12 of tanh, less of F.
    assert u.free_energy(jnp.asarray(q), jnp.asarray(n)) == pytest.approx(energy, rel=1e-13)
    current = u.supercurrent(jnp.asarray(q), jnp.asarray(n))
    np.testing.assert_allclose(current, 2.0 * (of_q - normal), rtol=0, atol=1e-11)


@pytest.mark.parametrize("case", [benchmark.free_energy_and_field, benchmark.sweep])
def test_quick_benchmark_agrees(case):
    result = case(quick=True)
    # The benchmarks' own bar; the poles leave 1e-12.
    assert len(result.disagreement) >= 3 and max(result.disagreement.values()) < 1e-10


def test_quick_memory_benchmark():
    case = benchmark.memory(quick=True)
    assert len(case.disagreement) == 2 and max(case.disagreement.values()) < 1e-10
    for bar in case.bars:  # none where the system does not say
        # More than an interpreter with NumPy; on this mesh little more than jax itself.
        assert 0.05 < bar.measured < 1.0 and str(bar).endswith("GB, at most 1 GB required")


def test_unknown_module_is_refused():
    run = subprocess.run(
        [sys.executable, "-m", "benchmarks", "nothing"],
        cwd=ROOT,
        env=os.environ,
        stderr=subprocess.PIPE,
        text=True,
        check=False,
    )
    assert run.returncode == 2 and "no module 'nothing': impurities or bdg" in run.stderr
