"""Cases of the lattice of any texture: F with all fields, its cost against size, self-consistency, bodge."""

import functools
from collections.abc import Iterator

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from scipy import linalg

import scmag_jax as sm
from benchmarks import one_core
from benchmarks.harness import Bar, Case, Timing, relative_disagreement, time_together
from benchmarks.reference import bdg as momentum_space
from benchmarks.reference import bdg_lattice as reference

# Fig. 2 and 3 of Vakili 2026: the temperature is 0.1 Tc of the gap 0.2
MODEL = {"chemical_potential": 0.05, "rashba": 0.2, "altermagnet": 0.2}
TEMPERATURE, ATTRACTION, POLES = 0.1 * 0.2 / 1.764, 5.0, 16
FLOW = {"winding": (1, 0), "twist": (0.02, -0.05)}  # of the random points: no axis is like another
SEED = 1
DRIVERS = {"evd": np.linalg.eigh, "evr": functools.partial(linalg.eigh, driver="evr", check_finite=False)}
# F of the wall at site 20 of 50 x 20, pairs' momentum 2 pi/50: an independent calculation
WALL_ENERGY = -3955.7732509837
SIZES = (10, 14, 20, 28, 40)  # and 56 where the fit expects less than LONGEST seconds
LONGEST = 10.0


def cases(quick: bool = False) -> Iterator[Case]:
    """All cases one after another; `quick` shrinks them and drops the bars."""
    shapes = [(6, 5)] if quick else [(30, 25), (50, 20)]
    makers = [functools.partial(fields, shape=shape) for shape in shapes]
    makers += [functools.partial(peer, shape=shape) for shape in ([(6, 5)] if quick else [(20, 20), (30, 25)])]
    for make in (*makers, uniform, wall, scaling):
        case = make(quick=quick)
        if quick:
            case.bars = []
        yield case


def fields(quick: bool, shape: tuple[int, int]) -> Case:
    """F with the fields, currents and densities of a random gap and texture, which no shortcut along an axis fits."""
    lattice = _lattice(shape, **FLOW)
    gap, n = map(jnp.asarray, reference.random_point(shape, SEED))
    value_and_gradient = jax.jit(jax.value_and_grad(lattice.free_energy, argnums=(0, 1)))

    alone, gradient = "project, F alone", "project, F and gradient"
    timings, results = time_together(
        {
            "project": lambda: lattice.observables(gap, n),
            alone: lambda: lattice.free_energy(gap, n),
            gradient: lambda: value_and_gradient(gap, n),
        },
        budget=15.0,
    )
    ours = _cost_of_project(shape, "observables")
    dense, robust = (one_core.run("benchmarks.bdg_lattice:dense_job", {"shape": shape, "driver": d}) for d in DRIVERS)
    core, peer, other = (f"{name}, CPU s of one core" for name in ("project", "NumPy eigh", "SciPy eigh by evr"))
    costs = {core: ours, peer: dense, other: robust}
    timings |= {name: Timing.of(cost.cpu_seconds) for name, cost in costs.items()}

    against = {peer: core, other: core}
    case = Case(f"F and all fields, {_by(shape)}, random gap and texture", timings, against=against)
    case.disagreement = {
        "NumPy, F": relative_disagreement(results["project"].free_energy, dense.results["free_energy"]),
        "NumPy, F alone": relative_disagreement(results[alone], dense.results["free_energy"]),
    }
    for name in ("pair_amplitude", "neel_field", "bond_current", "density"):
        expected = dense.results[name]
        scale = np.abs(expected).max()
        case.disagreement[f"NumPy, {name}"] = relative_disagreement(getattr(results["project"], name), expected, scale)
    of_gap = -0.5 * np.conj(results[gradient][1][0])
    excess = dense.results["pair_amplitude"] - np.asarray(gap) / ATTRACTION
    case.disagreement["NumPy, S - gap/V by gradient"] = relative_disagreement(of_gap, excess, np.abs(excess).max())
    case.bars = [
        Bar("run time", 0.9, timings["project"].median, False),
        Bar("first call, with compilation", 20.0, timings["project"].first, False),
        Bar("F and gradient against F", 4.0, timings[gradient].median / timings[alone].median, False, unit="times"),
    ]
    if shape == (30, 25):
        case.bars.append(Bar("fewer CPU seconds than NumPy", 60.0, case.speedup(peer), True))
    case.remarks = [
        f"{POLES} poles; the fields' disagreements are relative to their largest component",
        "CPU seconds: each in a process of its own, with one thread on one core; the dense matrices once",
        f"dense: the eigenvectors of {4 * gap.size} levels take all but a hundredth of the time; NumPy finds them by "
        "divide and conquer (evd), SciPy by robust representations (evr), LAPACK's fastest on one core",
    ]
    return case


def peer(quick: bool, shape: tuple[int, int]) -> Case:
    """bodge's free energy and iteration of the gap, which bounds what its user would have to wait."""
    energy, gap = "bodge, F", "bodge, iteration of the gap"
    alone = "project, F alone"
    costs = {"project": _cost_of_project(shape, "observables"), alone: _cost_of_project(shape, "free_energy")}
    case = Case(
        f"bodge, {_by(shape)}, CPU seconds of one core",
        {name: Timing.of(cost.cpu_seconds) for name, cost in costs.items()},
        against={energy: alone},
    )
    interpreter = one_core.interpreter_with("bodge")
    if interpreter is None:
        case.remarks = ["bodge was left out: neither this Python nor that of SCMAG_PEER_PYTHON can import it"]
        return case
    lattice = {"shape": shape, "model": MODEL, "temperature": TEMPERATURE, "attraction": ATTRACTION, **FLOW}
    jobs = {energy: "free_energy_job", gap: "gap_job"}
    theirs = {
        name: one_core.run(
            f"benchmarks.reference.bdg_bodge:{job}", {"lattice": lattice, "seed": SEED}, interpreter=interpreter
        )
        for name, job in jobs.items()
    }
    case.timings |= {name: Timing.of(cost.cpu_seconds) for name, cost in theirs.items()}
    condensate = (np.abs(reference.random_point(shape, SEED)[0]) ** 2).sum() / ATTRACTION
    expected, amplitude = theirs[energy].results["quasiparticle_energy"], theirs[gap].results["pair_amplitude"]
    ours = costs["project"].results
    case.disagreement = {
        "bodge, F": relative_disagreement(ours["free_energy"], expected + condensate),
        "bodge, S": relative_disagreement(ours["pair_amplitude"], amplitude, np.abs(amplitude).max()),
    }
    case.remarks = [
        "the same random gap and texture, bond by bond, in each; bodge was built before the clock started and ran once",
        "the project's row has the Neel field, currents and density besides what an iteration of the gap needs",
        "bodge asks LAPACK's evr for the positive levels alone",
    ]
    return case


def uniform(quick: bool) -> Case:
    """Self-consistent gap of a uniform texture, against the sum over momenta."""
    shape, flow = ((8, 6), {"twist": (0.2, 0.0)}) if quick else ((30, 25), {"winding": (1, 0)})
    lattice, n = _lattice(shape, **flow), sm.textures.uniform(shape, [1.0, 0.0, 0.0])
    case, state = _self_consistent(f"uniform {_by(shape)}", lattice, n, most_steps=12)

    winding = flow.get("winding", (0, 0))[0]
    mesh = momentum_space.lattice_mesh(shape, (-winding / 2, 0.0))
    q = np.array([2.0 * np.pi * winding / shape[0] + flow.get("twist", (0.0, 0.0))[0], 0.0])
    model = momentum_space.Model(**MODEL)
    gap, energy, field, current = momentum_space.solve(mesh, q, n[0, 0], ATTRACTION, TEMPERATURE, model)
    case.disagreement |= {
        "NumPy in momentum space, gap": relative_disagreement(np.abs(state.gap), gap),
        "NumPy in momentum space, F": relative_disagreement(state.free_energy, energy * shape[0] * shape[1]),
        "NumPy in momentum space, h": relative_disagreement(state.neel_field, field, np.abs(field).max()),
        "NumPy in momentum space, current": relative_disagreement(
            np.asarray(state.current), current * shape[::-1], np.abs(current * shape[::-1]).max()
        ),
    }
    return case


def wall(quick: bool) -> Case:
    """Self-consistent gap of a domain wall under a supercurrent, whose phase has soft modes."""
    shape, flow, position = ((10, 4), {"twist": (0.2, 0.0)}, 4.0) if quick else ((50, 20), {"winding": (1, 0)}, 20.0)
    lattice = _lattice(shape, **flow)
    n = sm.textures.domain_wall(shape, position=position, width=shape[0] / 12.5, tilt=0.0, closing="return")
    case, state = _self_consistent(f"domain wall {_by(shape)}", lattice, n, most_steps=15)
    if quick:
        _, dense, _ = reference.solve(_reference_lattice(shape, **flow), np.asarray(n), gap=0.4)
        expected = dense.free_energy
    else:
        expected = WALL_ENERGY
    case.disagreement["independent calculation, F"] = relative_disagreement(state.free_energy, expected)
    case.remarks.append(f"largest current that a site creates: {jnp.abs(state.divergence()).max():.1e}")
    return case


def _self_consistent(name, lattice, n, most_steps):
    """A case with both routes, and the state."""
    general = "project, general route"
    # the route is chosen by what varies; of traced arrays all is taken to vary
    traced = eqx.filter_jit(lattice.solve)
    timings, results = time_together({"project": lambda: lattice.solve(n), general: lambda: traced(n)}, runs=3)
    case = Case(f"self-consistent gap, {name}", timings)
    state, other = results["project"], results[general]
    case.disagreement["project, general route, F"] = relative_disagreement(state.free_energy, other.free_energy)
    for title, found in results.items():
        steps, residual = int(found.stats["steps"]), float(found.residual)
        case.bars.append(Bar(f"steps, {title}", most_steps, steps, False, unit="steps"))
        per_step = timings[title].median / steps
        case.remarks.append(f"{title}: {steps} steps to the residual {residual:.1e}, {per_step:.3g} s a step")
    return case, state


def scaling(quick: bool) -> Case:
    """Cost of F and of F with all fields against the number of sites."""
    data = scaling_data((4, 6) if quick else SIZES, quick)
    rows = zip(data["sites"], data["fields"], data["free_energy"], strict=True)
    timings = {}
    for sites, with_fields, alone in rows:
        timings |= {f"project, {sites} sites": with_fields, f"project, {sites} sites, F alone": alone}
    case = Case("cost against size, random gap and texture", timings)
    for name, title in (("fields", "F and all fields"), ("free_energy", "F alone")):
        if not quick:
            power = _exponent(data["sites"], [timing.median for timing in data[name]])
            case.remarks.append(f"{title}: seconds grow as sites^{power:.2f} over the larger half of the sizes")
    case.remarks.append(f"{POLES} poles on square lattices")
    return case


def scaling_data(sizes: tuple[int, ...] = SIZES, quick: bool = False) -> dict[str, list]:
    """For a picture: `sites`, and the `Timing` of `free_energy` and of `fields` on square lattices of those sides."""
    data: dict[str, list] = {"sites": [], "free_energy": [], "fields": []}

    def measure(size):
        shape = (size, size)
        lattice = _lattice(shape, **FLOW)
        gap, n = map(jnp.asarray, reference.random_point(shape, SEED))
        timings, _ = time_together(
            {"fields": lambda: lattice.observables(gap, n), "free_energy": lambda: lattice.free_energy(gap, n)},
            budget=10.0,
        )
        data["sites"].append(size * size)
        for name, timing in timings.items():
            data[name].append(timing)

    for size in sizes:
        measure(size)
    seconds = [timing.median for timing in data["fields"]]
    if not quick:
        next_size = round(sizes[-1] * np.sqrt(2.0))
        expected = seconds[-1] * (next_size**2 / data["sites"][-1]) ** _exponent(data["sites"], seconds)
        if expected < LONGEST:
            measure(next_size)
    return data


# --- jobs for benchmarks.one_core


def project_job(shape, method):
    """The package's `observables` or `free_energy` at the random point."""
    shape = tuple(shape)
    lattice = _lattice(shape, **FLOW)
    gap, n = map(jnp.asarray, reference.random_point(shape, SEED))
    if method == "free_energy":
        return lambda: {"free_energy": np.asarray(lattice.free_energy(gap, n))}
    return lambda: _arrays(lattice.observables(gap, n))


def dense_job(shape, driver):
    """The reference's answer at the random point, with eigenvectors of one of the `DRIVERS`."""
    lattice = _reference_lattice(tuple(shape), **FLOW)
    point = reference.random_point(lattice.shape, SEED)
    return lambda: _arrays(reference.observables(lattice, *point, DRIVERS[driver]))


def _arrays(found):
    names = ("free_energy", "pair_amplitude", "neel_field", "bond_current", "density")
    return {name: np.asarray(getattr(found, name)) for name in names}


@functools.cache
def _cost_of_project(shape, method):
    return one_core.run("benchmarks.bdg_lattice:project_job", {"shape": shape, "method": method}, calls=4)


# --- helpers


def _lattice(shape, **flow):
    return sm.LatticeBdG(
        sm.Altermagnet(**MODEL), shape, attraction=ATTRACTION, temperature=TEMPERATURE, poles=POLES, **flow
    )


def _reference_lattice(shape, **flow):
    return reference.Lattice(shape, momentum_space.Model(**MODEL), TEMPERATURE, ATTRACTION, **flow)


def _exponent(sites, seconds):
    """Slope on log axes over the larger half of the sizes."""
    half = len(sites) // 2
    return float(np.polyfit(np.log(sites[half:]), np.log(seconds[half:]), 1)[0])


def _by(shape):
    return f"{shape[0]}x{shape[1]}"
