"""Cases of the impurity model: couplings of many pairs, the phase diagram, moments in a periodic box."""

from collections.abc import Iterator

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np

import scmag_jax as sm
from benchmarks.harness import Bar, Case, relative_disagreement, time_together
from benchmarks.reference import impurities as reference


def cases(quick: bool = False) -> Iterator[Case]:
    """All cases one after another; `quick` shrinks them and drops the bars."""
    for make in (couplings, phase_diagram, ensemble):
        case = make(quick)
        if quick:
            case.bars = []
        yield case


def couplings(quick: bool) -> Case:
    """J_perp and J_par of pairs with log-uniform r/r0 between 1e-3 and 1e3."""
    count = 10**5 if quick else 10**6
    distance = 10.0 ** np.random.default_rng(0).uniform(-3.0, 3.0, count)
    on_device = jnp.asarray(distance)
    coupling = sm.PearlCoupling(pearl_length=1.0, strength=1.0)

    @eqx.filter_jit
    def both(c, r):
        return c.perpendicular(r), c.parallel(r)

    special, quadrature = "SciPy Struve and Bessel", "NumPy quadrature"
    timings, results = time_together(
        {
            "project": lambda: both(coupling, on_device),
            special: lambda: reference.couplings_by_special_functions(distance),
            quadrature: lambda: reference.couplings_by_quadrature(distance),
        },
        budget=20.0,
    )
    near = distance < reference.STRUVE_LIMIT
    case = Case(f"couplings of {count} pairs", timings)
    for name, where, label in (
        (special, near, f"{special}, r < 20 r0"),
        (quadrature, slice(None), quadrature),
    ):
        case.disagreement[label] = max(
            relative_disagreement(np.asarray(ours)[where], theirs[where])
            for ours, theirs in zip(results["project"], results[name], strict=True)
        )
    case.bars = [
        Bar(f"faster than {special}", 10.0, case.speedup(special), True),
        Bar(f"faster than {quadrature}", 2.0, case.speedup(quadrature), True),
    ]
    case.remarks = ["SciPy is timed at every distance and compared where its differences do not cancel"]
    return case


def phase_diagram(quick: bool) -> Case:
    """E_FM - E_AFM of rhombic lattices with d = r0(0)/50 over angle and temperature."""
    spacing = 0.02
    angles = np.linspace(60.0, 90.0, 13 if quick else 61)
    temperatures = np.linspace(0.02, 0.98, 9 if quick else 41)

    def difference(angle, temperature):
        c = sm.PearlCoupling(pearl_length=1.0 / sm.superfluid_weight(temperature), strength=1.0)
        lattice = sm.BravaisLattice.rhombic(spacing=spacing, angle=angle, aspect=1)  # 60 to 120 degrees
        return lattice.energy(c, "ferromagnetic") - lattice.energy(c, "layered antiferromagnetic")

    project = eqx.filter_jit(jax.vmap(jax.vmap(difference, (None, 0)), (0, None)))
    loops = "NumPy loops"
    timings, results = time_together(
        {
            "project": lambda: project(jnp.asarray(angles), jnp.asarray(temperatures)),
            loops: lambda: reference.phase_diagram(angles, temperatures, spacing),
        },
        budget=20.0,
    )
    case = Case(f"phase diagram, {angles.size} angles x {temperatures.size} temperatures, d = r0/50", timings)
    # The difference passes through zero at the critical angle: relative to an energy of a pair, strength/d^2.
    case.disagreement[f"{loops}, relative to strength/d^2"] = relative_disagreement(
        results["project"], results[loops], scale=spacing**-2
    )
    case.bars = [
        Bar("run time", 5.0, timings["project"].median, False),
        Bar(f"faster than {loops}", 10.0, case.speedup(loops), True),
    ]
    return case


def ensemble(quick: bool) -> Case:
    """Energy and field of moments at random places in a periodic box, mean distance r0/50."""
    count, spacing = (200 if quick else 1000), 0.02
    side = spacing * np.sqrt(count)
    rng = np.random.default_rng(1)
    positions = _apart(rng, count, side, 0.5 * spacing)
    angle = rng.uniform(0.0, 2.0 * np.pi, count)
    moments = np.stack([np.cos(angle), np.sin(angle)], -1)
    coupling = sm.PearlCoupling(pearl_length=1.0, strength=1.0)
    places, directions = jnp.asarray(positions), jnp.asarray(moments)

    @eqx.filter_jit
    def energy_and_field(e, m):
        return e(m), sm.field(e, m)

    def ready():
        return sm.Ensemble(places, coupling, box=(side, side))

    def reference_from_positions():
        return reference.energy_and_gradient(reference.box_interaction(positions, (side, side)), moments)

    prepared, matrix = ready(), reference.box_interaction(positions, (side, side))
    from_positions, product = "NumPy, set-up and evaluation", "NumPy, evaluation alone"
    alone = "project, evaluation alone"
    timings, results = time_together(
        {
            "project": lambda: energy_and_field(ready(), directions),
            alone: lambda: energy_and_field(prepared, directions),
            from_positions: reference_from_positions,
            product: lambda: reference.energy_and_gradient(matrix, moments),
        },
        budget=20.0,
    )
    case = Case(f"energy and field of {count} moments in a periodic box", timings)
    case.against = {product: alone}
    (energy, h), (expected, gradient) = results["project"], results[from_positions]
    case.disagreement = {
        "NumPy, energy": relative_disagreement(energy, expected),
        "NumPy, field": relative_disagreement(h, -gradient, scale=np.abs(gradient).max()),
    }
    case.bars = [Bar(f"faster than {from_positions}", 10.0, case.speedup(from_positions), True)]
    case.remarks = [
        "the field's disagreement is relative to its largest component",
        f"NumPy's evaluation alone is one product with a stored matrix of {matrix.nbytes / 2**20:.0f} MiB, "
        "bound by memory bandwidth in any library: reported, no bar",
    ]
    return case


def _apart(rng, count, side, smallest):
    """Random places in a periodic box, one after another, no two closer than `smallest`."""
    places = np.empty((0, 2))
    while len(places) < count:
        candidate = rng.uniform(0.0, side, 2)
        away = places - candidate
        away -= side * np.round(away / side)
        if len(places) == 0 or np.min(np.hypot(*away.T)) >= smallest:
            places = np.vstack([places, candidate])
    return places
