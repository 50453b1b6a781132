"""Cases of the flake: its field, current loops under dry friction, thermal motion of moments, a loop of impurities."""

import time
from collections.abc import Iterator

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np

import scmag_jax as sm
from benchmarks.harness import Bar, Case, Timing, relative_disagreement, time_together
from benchmarks.reference import flake as reference
from benchmarks.reference import impurities
from scmag_jax.flake import bias_loop, run

SEED = 5
SECTION, PARKED = 50.0, (75.0, 5.0, 1.0)
REST = 1e-6  # what is left of the force or the speed at every step, over the largest field
MOTION = {"damping": 0.5, "temperature": 0.5, "step": 0.05}
PEARL = 50.0  # of the impurities, in their mean distances


def cases(quick: bool = False) -> Iterator[Case]:
    """All cases one after another; `quick` shrinks them and drops the bars."""
    for make in (field, coarse_loop, thermal, impurity_loop, fine_loop):
        case = make(quick)
        if quick:
            case.bars = []
        yield case


def field(quick: bool) -> Case:
    """Field of a random texture, one solve of the film."""
    spacing = 5.0 if quick else 1.25
    flake = sm.Flake(spacing=spacing)
    start = time.perf_counter()
    plain = reference.Flake.like(flake, straight=True)
    making = time.perf_counter() - start
    moments = np.random.default_rng(SEED).uniform(-0.7, 0.7, (*flake.shape, 2))
    moments = np.where(np.asarray(flake.active)[..., None], moments, 0.0)
    on_device, bias = jnp.asarray(moments), jnp.asarray(150.0)
    of_bias = eqx.filter_jit(lambda f, m, i: sm.field(f.energy({"bias": i}), m))
    timings, results = time_together(
        {
            "project": lambda: of_bias(flake, on_device, bias),
            "NumPy, Cholesky": lambda: plain.field(moments, 150.0),
        },
        runs=25,
        budget=20.0,
    )
    case = Case(f"field b of a flake, cells of {spacing:g} um, {plain.free.size} unknowns", timings)
    expected = results["NumPy, Cholesky"]
    case.disagreement["NumPy"] = relative_disagreement(results["project"], expected, np.abs(expected).max())
    steps = int(flake.state({"bias": 150.0}, on_device).stats["steps"])
    stored = sum(leaf.nbytes for leaf in jax.tree.leaves(flake) if eqx.is_array(leaf))
    case.remarks = [
        f"project: {steps} steps of conjugate gradients to 1e-10, {stored / 2**20:.1f} MiB stored",
        f"NumPy: a factor of {plain.factor[0].nbytes / 2**20:.1f} MiB, made in {making:.3g} s before, on all cores",
        "two products with a stored triangle: work and memory grow as spacing^-4, those of the project as spacing^-2",
    ]
    return case


def coarse_loop(quick: bool) -> Case:
    """A current loop on coarse cells: the virgin branch beside NumPy, and all of it."""
    spacing, step = (5.0, 50.0) if quick else (2.5, 10.0)
    flake = sm.Flake(spacing=spacing, lead_ends="open")
    plain = reference.Flake.like(flake)
    whole = bias_loop(200.0, step=step)
    bias = whole.drives["bias"][whole.branch == 0]
    compiling = _compile(flake)
    seconds, virgin = _timed(lambda: run(flake, sm.Schedule({"bias": bias}), tolerance=REST))
    ours = {"project, virgin branch": seconds}
    ours["project, whole loop"], data = _timed(lambda: run(flake, whole, tolerance=REST))
    case = Case(f"current loop of a flake, cells of {spacing:g} um, steps of {step:g} uA, leads end at the grid", {})
    case.timings = {name: Timing.of([seconds]) for name, seconds in ours.items()}
    case.remarks = [f"compiling took {compiling:.3g} s before", *_costs("project, whole loop", ours, data)]
    rules = {"NumPy, proximal gradients": plain.increment, "NumPy, viscous flow": plain.flow}
    for name, rule in rules.items():
        seconds, (moments, evaluations) = _timed(lambda rule=rule: _follow(rule, bias, flake.shape))
        case.timings[name], case.against[name] = Timing.of([seconds]), "project, virgin branch"
        streams = [plain.stream(m, i) for m, i in zip(moments, bias, strict=True)]
        edge = np.array([plain.edge_current(g, SECTION) for g in streams])
        flux = np.array([plain.flux(g, PARKED) for g in streams])
        case.disagreement[f"{name}, edge current"] = relative_disagreement(virgin.edge, edge, np.abs(edge).max())
        case.disagreement[f"{name}, parked flux"] = relative_disagreement(virgin.parked, flux, np.abs(flux).max())
        case.remarks.append(f"{name}: {evaluations} evaluations of the field")
    case.remarks += [
        f"project, virgin branch: {int(virgin.evaluations.sum())} evaluations of the field",
        "proximal gradients go to the same incremental minima; the flow is another rule, whose jumps end elsewhere",
        "everything ran once; the project's times contain its measurements, NumPy's do not",
        f"NumPy's matrix of {plain.free.size} unknowns is factorised before, all cores",
    ]
    return case


def fine_loop(quick: bool) -> Case:
    """The whole current loop on the cells that the flake is meant for."""
    spacing, step = (5.0, 50.0) if quick else (1.25, 5.0)
    flake = sm.Flake(spacing=spacing)
    compiling = _compile(flake)
    seconds, data = _timed(lambda: run(flake, bias_loop(200.0, step=step), tolerance=REST, textures=False))
    case = Case(f"current loop of a flake, cells of {spacing:g} um, steps of {step:g} uA", {})
    case.timings["project"] = Timing.of([seconds])
    case.bars = [Bar("run time", 180.0, seconds, False)]
    up, down = (data.isel(step=int(np.argmax(sign * data.bias.values))) for sign in (1, -1))
    asymmetry = abs(float(up.edge + down.edge)) / float(abs(up.edge))
    case.remarks = [
        f"compiling took {compiling:.3g} s before",
        *_costs("project", {"project": seconds}, data),
        f"edge current {float(up.edge):.3g} A/m at 200 uA and {float(down.edge):.3g} A/m at -200 uA, "
        f"{100 * asymmetry:.2g} % apart: the first is on the virgin branch",
        "it ran once",
    ]
    return case


def thermal(quick: bool) -> Case:
    """Free moments in a field at a temperature: fixed steps of LLG and of overdamped motion."""
    moments, steps = (1000, 50) if quick else (10_000, 400)
    push, duration = np.array([0.0, 0.0, 1.0]), steps * MOTION["step"]
    start = np.random.default_rng(SEED).normal(size=(moments, 3))
    start /= np.linalg.norm(start, axis=-1, keepdims=True)
    on_device, energy = jnp.asarray(start), jax.tree_util.Partial(_zeeman, jnp.asarray(push))

    def project(dynamics):
        return sm.evolve(
            energy, on_device, [0.0, duration], dynamics=dynamics, key=jax.random.key(SEED), **MOTION
        ).moments[-1]

    def plain(llg):
        numbers = MOTION["damping"], MOTION["temperature"], MOTION["step"]
        return reference.heun(start, push, *numbers, steps, np.random.default_rng(SEED), llg)

    llg, overdamped = "NumPy, LLG by Heun's steps", "NumPy, overdamped by Heun's steps"
    timings, results = time_together(
        {
            "project, LLG": lambda: project("llg"),
            "project, overdamped": lambda: project("overdamped"),
            llg: lambda: plain(True),
            overdamped: lambda: plain(False),
        },
        runs=5,
        budget=40.0,
    )
    case = Case(f"{steps} thermal steps of {moments} free moments", timings)
    case.against = {llg: "project, LLG", overdamped: "project, overdamped"}
    x = 1 / MOTION["temperature"]
    expected = 1 / np.tanh(x) - 1 / x
    for name, found in results.items():
        case.disagreement[f"Langevin's function, {name}"] = relative_disagreement(np.mean(found @ push), expected)
    rates = ", ".join(f"{name} {steps / timing.median:.3g}" for name, timing in timings.items())
    error = np.sqrt((1 - expected**2 - 2 * expected / x) / moments) / expected
    case.remarks = [
        f"steps in a second: {rates}",
        f"a mean over {moments} moments is off by {error:.1e} by chance; the rest is the step of {MOTION['step']:g}",
        "Heun's error is of the first order in the step, the project's of the second: Heun takes more for one error",
    ]
    return case


def impurity_loop(quick: bool) -> Case:
    """A current loop of impurities at random in a periodic box, without pinning: from minimum to minimum."""
    count, step = (50, 2.0) if quick else (200, 0.5)
    side = np.sqrt(count)
    random = np.random.default_rng(SEED)
    positions = _apart(random, count, side, 0.5)
    angle = random.uniform(0.0, 2 * np.pi, count)
    start = np.stack([np.cos(angle), np.sin(angle)], axis=-1)
    coupling = sm.PearlCoupling(pearl_length=PEARL, strength=1.0)
    ensemble = sm.Ensemble(jnp.asarray(positions), coupling, box=(side, side))
    pull = np.concatenate([np.zeros(1), sm.schedules.loop(6.0, step=step).drives["drive"]])
    along_y = np.stack([np.zeros_like(pull), pull], axis=-1)
    drive = jax.tree_util.Partial(_pulled, ensemble)
    matrix = impurities.box_interaction(positions, (side, side), pearl_length=PEARL)
    timings, results = time_together(
        {
            "project": lambda: sm.quasistatic(drive, jnp.asarray(start), jnp.asarray(along_y), tolerance=REST).moments,
            "SciPy, L-BFGS over angles": lambda: reference.impurity_loop(matrix, start, along_y, REST)[0],
        },
        runs=3,
        budget=20.0,
    )
    case = Case(f"hysteresis of {count} impurities in a box, {len(pull)} steps of the drive", timings)
    ours, theirs = results["project"], results["SciPy, L-BFGS over angles"]
    means = [np.asarray(m)[..., 1].mean(axis=1) for m in (ours, theirs)]
    case.disagreement["SciPy, mean moment"] = relative_disagreement(*means, scale=1.0)
    remanent = len(pull) - 1 - np.argmin(np.abs(pull[::-1]))  # on the way up
    case.remarks = [
        "many minima: line searches that differ jump to different ones; the largest difference of all steps is shown",
        f"mean moment at zero drive on the way up: {means[0][remanent]:.3f}, SciPy {means[1][remanent]:.3f}; "
        f"means of the difference over the loop: {np.abs(means[0] - means[1]).mean():.3f}",
        "Ewald's matrix is made before the clock starts",
    ]
    return case


# --- what is run


def _zeeman(push, m):
    return -jnp.sum(m @ push)


def _pulled(ensemble, pull):
    return jax.tree_util.Partial(_with_pull, ensemble, pull)


def _with_pull(ensemble, pull, m):
    return ensemble(m) - jnp.sum(m @ pull)


def _compile(flake):
    """Seconds of a step without a drive, which rests at once."""
    seconds, _ = _timed(lambda: run(flake, sm.Schedule({"bias": [0.0]}), tolerance=REST))
    again, _ = _timed(lambda: run(flake, sm.Schedule({"bias": [0.0]}), tolerance=REST))
    return seconds - again


def _follow(rule, drives, shape):
    """Moments at rest from the virgin state on, step by step, and evaluations of the field."""
    moments, found, evaluations = np.zeros((*shape, 2)), [], 0
    for bias in drives:
        moments, count = rule(moments, bias, tolerance=REST)
        evaluations += count
        found.append(moments)
    return np.stack(found), evaluations


def _costs(name, seconds, data):
    count = int(data.evaluations.sum())
    each = f"{1e3 * seconds[name] / count:.3g} ms each, measurements included"
    return [f"{name}: {len(data.step)} steps, {count} evaluations of the field, {each}"]


def _timed(call):
    start = time.perf_counter()
    found = call()
    return time.perf_counter() - start, found


def _apart(random, count, side, closest):
    """Places in a periodic box, none closer to another than that."""
    found = []
    while len(found) < count:
        place = random.uniform(0.0, side, 2)
        away = np.array(found).reshape(-1, 2) - place
        if (np.hypot(*(away - side * np.round(away / side)).T) > closest).all():
            found.append(place)
    return np.array(found)
