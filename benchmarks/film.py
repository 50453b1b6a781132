"""Cases of the finite film: a square's moment, a million unknowns, holes and an uneven Pearl length, SuperScreen."""

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import jax
import numpy as np

import scmag_jax as sm
from benchmarks import one_core
from benchmarks.harness import Bar, Case, Timing, peak_resident, relative_disagreement, time_together
from benchmarks.reference import film as reference

PEARL = 0.1  # Lam = 0.05 of a side
MOMENT = -0.2585175  # of the square of side 1 in the field 1: an independent calculation, extrapolated from 512 cells
TOLERANCE = 1e-8  # relative residual of every solve
SEED = 4
CONTRAST, BLOCKS = 5.0, 8  # of the Pearl length: ratio, and blocks along a side
# holes as parts of the side: first corner and side
HOLES = {"one hole": [(0.55, 0.4, 0.2)], "three holes": [(0.55, 0.4, 0.2), (0.25, 0.55, 0.15), (0.35, 0.2, 0.1)]}
# SuperScreen: 1 mT on films whose Lam is 1, lengths in um; moments in uA um^2 from independent calculations
FIELD = 1e-3 / (4e-7 * np.pi)
SAMPLES = {"disk": ("disk of radius 5 um", -106920.71), "square": ("square of 10 um", -149114.04)}
EDGES = (0.5, 0.3, 0.2)  # of a mesh, um; memory grows as 1 / edge^4


def cases(quick: bool = False) -> Iterator[Case]:
    """All cases one after another; `quick` shrinks them and drops the bars."""
    yield from (_without_bars(make(quick), quick) for make in (moment, million))
    for name in HOLES:
        yield _without_bars(holes(quick, name), quick)
    for sample in SAMPLES:
        yield _without_bars(superscreen(quick, sample), quick)


def _without_bars(case, quick):
    if quick:
        case.bars = []
    return case


def moment(quick: bool) -> Case:
    """Moment of a square to half a per cent, on the coarsest grid that gives it."""
    for count in range(8, 65, 4):
        operator = reference.Operator(_square_of_reference(count))
        error = abs(_reference_moment(operator)[0] / MOMENT - 1)
        if error < 0.005:
            break
    film = _square(count)
    field = np.asarray(1.0)
    timings, results = time_together(
        {
            "project": lambda: film.solve(field, tolerance=TOLERANCE).magnetic_moment,
            "NumPy": lambda: _reference_moment(operator)[0],
        },
        runs=15,
    )
    case = Case(f"moment of a square of {count}x{count} cells", timings)
    case.disagreement = {
        "NumPy": relative_disagreement(results["project"], results["NumPy"]),
        "the exact moment": relative_disagreement(results["project"], MOMENT),
    }
    case.bars = [Bar("run time", 0.02, timings["project"].median, False)]
    case.remarks = ["the coarsest grid, in steps of 4 cells, whose moment is right to 0.5 %; the film is made before"]
    return case


def million(quick: bool) -> Case:
    """A square of a million unknowns, which the project and NumPy solve with the same sines."""
    sizes = (32, 48, 64) if quick else (256, 512, 1024)
    count = sizes[-1]
    start = time.perf_counter()
    film = _square(count)
    making = time.perf_counter() - start
    operator = reference.Operator(_square_of_reference(count))
    timings, results = time_together(
        {
            "project": lambda: film.solve(1.0, tolerance=TOLERANCE),
            "NumPy": lambda: reference.solve(operator, 1.0, tolerance=TOLERANCE),
        },
        runs=5,
        budget=40.0,
    )
    case = Case(f"square of {count}x{count} cells", timings)
    _compare(case, results["project"], results["NumPy"])
    steps = [int(_square(n).solve(1.0, tolerance=TOLERANCE).stats["steps"]) for n in sizes[:-1]]
    steps.append(int(results["project"].stats["steps"]))
    case.disagreement["the exact moment"] = relative_disagreement(results["project"].magnetic_moment, MOMENT)
    case.bars = [
        Bar("run time", 2.5, timings["project"].median, False),
        Bar("steps more than on the coarsest grid", 1, steps[-1] - steps[0], False, unit="steps"),
    ]
    by_size = ", ".join(f"{n} on {m}^2" for n, m in zip(steps, sizes, strict=True))
    case.remarks = [
        f"steps to a residual of {TOLERANCE:g}: {by_size}; NumPy {results['NumPy'].steps}",
        f"making the film took {making:.3g} s, once for all fields and moments",
        "NumPy: the same sines by SciPy's dstn, real FFTs of the same length, all cores",
    ]
    _add_memory(case, "square", count, 1.0)
    return case


def holes(quick: bool, name: str) -> Case:
    """A disk with off-centre holes and a Pearl length in blocks of ratio 5, where sines slow down."""
    sizes = (64,) if quick else (256, 512, 1024)
    count = sizes[-1]
    start = time.perf_counter()
    film = _disk(count, name)
    making = time.perf_counter() - start
    timings, results = time_together({"project": lambda: film.solve(1.0, tolerance=TOLERANCE)}, runs=5)
    operator = reference.Operator(reference.Film(*_disk_parts(count, name)))
    start = time.perf_counter()
    expected = reference.solve(operator, 1.0, tolerance=TOLERANCE)
    timings["NumPy, sines"] = Timing.of([time.perf_counter() - start])
    case = Case(f"disk of {count}x{count} cells with {name}, Pearl length in blocks of ratio {CONTRAST:g}", timings)
    _compare(case, results["project"], expected)
    steps = [int(_disk(n, name).solve(1.0, tolerance=TOLERANCE).stats["steps"]) for n in sizes[:-1]]
    steps.append(int(results["project"].stats["steps"]))
    case.bars = [
        Bar("steps", 20, max(steps), False, unit="steps"),
        Bar("run time", 3.0, timings["project"].median, False),
    ]
    by_size = ", ".join(f"{n} on {m}^2" for n, m in zip(steps, sizes, strict=True))
    case.remarks = [
        f"steps to a residual of {TOLERANCE:g}: {by_size}; NumPy, sines on the bounding box: {expected.steps}",
        f"making the film took {making:.3g} s, once for all fields and moments",
        "NumPy ran once, on all cores",
    ]
    _add_memory(case, name, count, 1.1)
    return case


def superscreen(quick: bool, sample: str) -> Case:
    """Moment of a film in SI units against SuperScreen: error, CPU seconds and memory by size."""
    title, exact = SAMPLES[sample]
    counts = (32, 48) if quick else (64, 128, 256, 512)
    meshes = [(edge, 0.0) for edge in EDGES] + [(0.3, None)]
    ours = [one_core.run("benchmarks.film:moment_job", {"sample": sample, "count": n}, calls=4) for n in counts]
    names = [f"project, {n}x{n} cells" for n in counts]
    case = Case(
        f"SuperScreen: moment of a {title}, Lambda 1 um, 1 mT, CPU seconds of one core",
        {name: Timing.of(cost.cpu_seconds) for name, cost in zip(names, ours, strict=True)},
    )
    for name, cost in zip(names, ours, strict=True):
        case.disagreement[f"the exact moment, {name}"] = relative_disagreement(cost.results["moment"], exact)
        case.remarks.append(f"{name}: {_costs(cost.results)}")
    if not quick:
        error = case.disagreement[f"the exact moment, {names[2]}"]
        case.bars.append(Bar("error of the moment on 256x256 cells", 0.05, 100 * error, False, unit="%"))
    if sample == "disk":
        case.remarks.append("the project's disk has links cut by its outline")
    interpreter = one_core.interpreter_with("superscreen")
    if interpreter is None:
        left_out = "SuperScreen was left out: neither this Python nor that of SCMAG_PEER_PYTHON can import it"
        case.remarks.append(left_out)
        return case
    job = "benchmarks.reference.film_superscreen:moment_job"
    for edge, buffer in meshes[-1:] if quick else meshes:
        cost = one_core.run(job, {"sample": sample, "edge": edge, "buffer": buffer}, calls=2, interpreter=interpreter)
        mesh = "" if buffer == 0 else ", default mesh"
        name = f"SuperScreen, {int(cost.results['vertices'])} vertices{mesh}"
        case.timings[name] = Timing.of(cost.cpu_seconds)
        case.against[name] = names[0]
        case.disagreement[f"the exact moment, {name}"] = relative_disagreement(cost.results["moment"], exact)
        case.remarks.append(f"{name}: {_costs(cost.results)}")
    if not quick:
        errors = {name: error for name, error in case.disagreement.items() if "SuperScreen" in name}
        ratio = min(errors.values()) / case.disagreement[f"the exact moment, {names[0]}"]
        case.bars.append(Bar(f"more exact than SuperScreen's best, {names[0]}", 2.0, ratio, True))
    case.remarks += [
        f"ratios are to {names[0]}; mesh and film are made before the clock starts",
        "SuperScreen's meshes end at the film, which suits it best, or by default reach beyond it by 5 % of its size",
    ]
    return case


def _costs(results):
    making = f"made in {float(results['making']):.3g} s"
    peak = float(results["peak"])
    return making if np.isnan(peak) else f"{making}, peak resident memory {peak:.2f} GB"


# --- what is solved


def _square(count):
    return sm.Film(np.ones((count, count), bool), 1 / count, PEARL)


def _square_of_reference(count):
    return reference.Film(np.ones((count, count), bool), 1 / count, PEARL)


def _reference_moment(operator):
    found = reference.solve(operator, 1.0, tolerance=TOLERANCE)
    return operator.film.spacing**2 * found.stream.sum(), found.steps


def _disk_parts(count, name):
    """Mask, spacing and Pearl length of a disk with holes."""
    x = (np.arange(count) + 0.5) / count
    mask = np.hypot(x[:, None] - 0.5, x - 0.5) < 0.5
    for low_x, low_y, side in HOLES[name]:
        mask &= ~((np.abs(x - low_x - side / 2) < side / 2)[:, None] & (np.abs(x - low_y - side / 2) < side / 2))
    high = np.random.default_rng(SEED).integers(0, 2, (BLOCKS, BLOCKS))
    pearl = np.kron(np.where(high, CONTRAST * PEARL, PEARL), np.ones((count // BLOCKS, count // BLOCKS)))
    return mask, 1 / count, pearl


def _disk(count, name):
    return sm.Film(*_disk_parts(count, name))


def _compare(case, state, expected):
    scale = np.abs(expected.stream).max()
    case.disagreement["NumPy, stream function"] = relative_disagreement(state.stream, expected.stream, scale)
    case.disagreement["NumPy, E"] = relative_disagreement(state.energy, expected.energy)
    if expected.hole_currents.size:
        case.disagreement["NumPy, currents around holes"] = relative_disagreement(
            state.hole_currents, expected.hole_currents
        )


# --- memory, in processes of their own


def _add_memory(case, name, count, limit):
    root = Path(__file__).parents[1]
    command = f"from benchmarks import film; film.report_memory({name!r}, {count})"
    # the memory in question is the host's, also where this process has an accelerator
    environment = os.environ | {"JAX_ENABLE_X64": "1", "JAX_PLATFORMS": "cpu"}
    finished = subprocess.run(
        [sys.executable, "-c", command], cwd=root, env=environment, stdout=subprocess.PIPE, text=True, check=True
    )
    report = json.loads(finished.stdout)
    if report["peak"] is None:
        case.remarks.append("peak resident memory is not measured on this system")
        return
    case.bars.append(Bar("peak resident memory", limit, report["peak"], False, unit="GB"))
    case.remarks.append(
        f"peak resident memory {report['peak']:.3f} GB on the CPU, in a process of its own, of which "
        f"{report['imported']:.3f} GB before the film was made and {report['made']:.3f} GB before it was solved"
    )


def report_memory(name: str, count: int) -> None:
    """Print, as JSON, what making and solving a film takes from this process: run it in a fresh one."""
    imported = peak_resident()
    film = jax.block_until_ready(_square(count) if name == "square" else _disk(count, name))
    made = peak_resident()
    jax.block_until_ready(film.solve(1.0, tolerance=TOLERANCE).stream)
    print(json.dumps({"imported": imported, "made": made, "peak": peak_resident()}))


# --- jobs for benchmarks.one_core


def moment_job(sample, count):
    """The moment of a film of Lam = 1 um in 1 mT, in uA um^2."""
    start = time.perf_counter()
    if sample == "square":
        film = sm.Film(np.ones((count, count), bool), 10.0 / count, 2.0)
    else:
        spacing = 10.0 / (count - 3)
        at = spacing * (np.arange(count + 1) - count / 2)
        film = sm.Film(None, spacing, 2.0, outline=np.hypot(at[:, None], at) - 5.0)
    making = time.perf_counter() - start

    def call():
        found = film.solve(FIELD, tolerance=TOLERANCE).magnetic_moment
        return {"moment": np.asarray(found), "making": making, "peak": peak_resident() or np.nan}

    return call
