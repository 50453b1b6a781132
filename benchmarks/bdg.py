"""Cases of the uniform superconductor with an altermagnet: F and its field, a sweep with its gap, memory."""

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np

import scmag_jax as sm
from benchmarks.harness import Bar, Case, Timing, peak_resident, relative_disagreement, time_together
from benchmarks.reference import bdg as reference

# Fig. 1 of Vakili 2026 at T = 0.1 Tc; with the attraction 5 its self-consistent gap is 0.46
MODEL = {"chemical_potential": 0.05, "rashba": 0.2, "altermagnet": 0.2}
GAP, TEMPERATURE, ATTRACTION = 0.2, 0.01134, 5.0
MOMENTUM, NEEL = np.array([0.1, 0.05]), np.array([0.48, 0.64, 0.6])


def cases(quick: bool = False) -> Iterator[Case]:
    """All cases one after another; `quick` shrinks them and drops the bars."""
    for make in (free_energy_and_field, sweep, memory):
        case = make(quick)
        if quick:
            case.bars = []
        yield case


def free_energy_and_field(quick: bool) -> Case:
    """F and the Neel field, and F alone, at one q and n that no symmetry favours."""
    count = 64 if quick else 512
    u = sm.UniformBdG(sm.Altermagnet(**MODEL), gap=GAP, temperature=TEMPERATURE, mesh=(count, count))
    mesh, model = reference.lattice_mesh((count, count)), reference.Model(**MODEL)
    q, n = jnp.asarray(MOMENTUM), jnp.asarray(NEEL)

    alone = "project, F alone"
    eigenvectors, eigenvalues = "NumPy, F and h", "NumPy, F alone"
    timings, results = time_together(
        {
            "project": lambda: (u.free_energy(q, n), u.neel_field(q, n)),
            alone: lambda: u.free_energy(q, n),
            eigenvectors: lambda: reference.free_energy_and_field(mesh, MOMENTUM, NEEL, GAP, TEMPERATURE, model),
            eigenvalues: lambda: reference.free_energy(mesh, MOMENTUM, NEEL, GAP, TEMPERATURE, model),
        },
        budget=20.0,
    )
    case = Case(f"F and h on a {count}^2 mesh", timings, against={eigenvalues: alone})
    (energy, field), (expected, expected_field) = results["project"], results[eigenvectors]
    case.disagreement = {
        "NumPy, F": relative_disagreement(energy, expected),
        "NumPy, h": relative_disagreement(field, expected_field, scale=np.abs(expected_field).max()),
        "NumPy, F alone": relative_disagreement(results[alone], results[eigenvalues]),
    }
    case.bars = [
        Bar(f"faster than {eigenvectors}", 10.0, case.speedup(eigenvectors), True),
        Bar("F and h", 0.25, timings["project"].median, False),
        Bar("F alone", 0.06, timings[alone].median, False),
    ]
    case.remarks = [
        "the field's disagreement is relative to its largest component",
        "NumPy: batched eigh for F and h, eigvalsh for F alone, in the blocks that suit it best, on one core; "
        "other work on the machine costs the package more",
    ]
    return case


def sweep(quick: bool) -> Case:
    """Gap, F, h and current of many q along x, the gap self-consistent at each."""
    count, points, sampled = (32, 5, [0, 4]) if quick else (256, 101, [0, 50, 100])
    u = sm.UniformBdG(sm.Altermagnet(**MODEL), attraction=ATTRACTION, temperature=TEMPERATURE, mesh=(count, count))
    mesh, model = reference.lattice_mesh((count, count)), reference.Model(**MODEL)
    q = np.stack([np.linspace(-0.3, 0.3, points), np.zeros(points)], -1)
    on_device, n = jnp.asarray(q), jnp.asarray(NEEL)
    guess = reference.self_consistent_gap(mesh, np.zeros(2), NEEL, ATTRACTION, TEMPERATURE, model)

    def some_by_reference():
        solved = [reference.solve(mesh, q[i], NEEL, ATTRACTION, TEMPERATURE, model, guess) for i in sampled]
        return [np.stack(each) for each in zip(*solved, strict=True)]

    timings, results = time_together(
        {"project": lambda: u.solve(on_device, n), "NumPy": some_by_reference}, runs=3, budget=60.0
    )
    scale = points / len(sampled)
    peer = f"NumPy, {len(sampled)} of them, x {scale:.3g}"
    taken = timings.pop("NumPy")
    timings[peer] = Timing(
        scale * taken.first, *(scale * t for t in (taken.median, taken.lower, taken.upper)), taken.runs
    )

    case = Case(f"{points} values of q on a {count}^2 mesh with the self-consistent gap", timings)
    state, expected = results["project"], results["NumPy"]
    ours = (state.gap, state.free_energy, state.neel_field, state.current)
    for name, mine, theirs in zip(("gap", "F", "h", "current"), ours, expected, strict=True):
        case.disagreement[f"NumPy, {name}"] = relative_disagreement(
            np.asarray(mine)[np.array(sampled)], theirs, scale=np.abs(theirs).max()
        )
    case.bars = [Bar("run time", 10.0, timings["project"].median, False)]
    case.remarks = [
        f"NumPy was run at {len(sampled)} values of q only, and its times multiplied by {points}/{len(sampled)}: "
        "every q costs it the same",
        "its secant iterations start from the gap at q = 0, which was found before the clock started",
        "disagreements are relative to the largest of the sampled values",
    ]
    return case


def memory(quick: bool) -> Case:
    """Peak memory of F and h on a mesh too large to hold at once, in a process that did nothing before."""
    count, small = (64, 64) if quick else (4096, 200)
    root = Path(__file__).parents[1]
    command = f"from benchmarks import bdg; bdg.report_memory({count})"
    # the memory in question is the host's, also where this process has an accelerator
    environment = os.environ | {"JAX_ENABLE_X64": "1", "JAX_PLATFORMS": "cpu"}
    finished = subprocess.run(
        [sys.executable, "-c", command], cwd=root, env=environment, stdout=subprocess.PIPE, text=True, check=True
    )
    report = json.loads(finished.stdout)
    case = Case(f"memory of F and h on a {count}^2 mesh", {"project": Timing(**report["timing"])})
    # both meshes have converged, which they do exponentially, or are the same: the sum over the large one is complete
    expected, expected_field = reference.free_energy_and_field(
        reference.lattice_mesh((small, small)), MOMENTUM, NEEL, GAP, TEMPERATURE, reference.Model(**MODEL)
    )
    scale = np.abs(expected_field).max()
    case.disagreement = {
        f"NumPy on a {small}^2 mesh, F": relative_disagreement(report["free_energy"], expected),
        f"NumPy on a {small}^2 mesh, h": relative_disagreement(report["neel_field"], expected_field, scale=scale),
    }
    case.remarks = ["on the CPU, in a process of its own"]
    if report["peak"] is None:
        case.remarks.append("peak resident memory is not measured on this system")
        return case
    case.bars = [Bar("peak resident memory", 1.0, report["peak"], False, unit="GB")]
    case.remarks.append(
        f"peak resident memory {report['peak']:.3f} GB, of which {report['imported']:.3f} GB before the first call"
    )
    return case


def report_memory(count: int) -> None:
    """Print, as JSON, what F and h on a mesh take from this process: run it in a fresh one."""
    u = sm.UniformBdG(sm.Altermagnet(**MODEL), gap=GAP, temperature=TEMPERATURE, mesh=(count, count))
    q, n = jnp.asarray(MOMENTUM), jnp.asarray(NEEL)
    imported = peak_resident()
    seconds = []
    for _ in range(2):
        start = time.perf_counter()
        energy, field = jax.block_until_ready((u.free_energy(q, n), u.neel_field(q, n)))
        seconds.append(time.perf_counter() - start)
    first, later = seconds
    report = {
        "timing": {"first": first, "median": later, "lower": later, "upper": later, "runs": 1},
        "free_energy": float(energy),
        "neel_field": field.tolist(),
        "imported": imported,
        "peak": peak_resident(),
    }
    print(json.dumps(report))
