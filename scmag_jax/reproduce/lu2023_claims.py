"""Lu, Tokatly and Bergeret 2023: what they claim, decided by the numbers of the figures of `lu2023`."""

import jax
import jax.numpy as jnp
import numpy as np

from ..impurities.coupling import PearlCoupling
from ..impurities.ensemble import Ensemble
from ..impurities.lattice import BravaisLattice
from ..materials import GAP_RATIO, DiracBand, Material, bcs_gap, superfluid_weight
from ..units import to_si
from .claims import Claim
from .lu2023 import ANTIFERROMAGNET, FERROMAGNET, HOTTEST, Parameters
from .paper import Data

MEV = to_si("1 meV", "energy")
SMALL, LARGE = 1e-4, 1e4  # r/r0 at which the two limits of the couplings are read


def claims(parameters: Parameters, figures: dict[str, Data]) -> list[Claim]:
    """The table of claims.

    Args:
        parameters: those the figures were computed with.
        figures: the data of every figure, by the names of `lu2023.FIGURES`.
    """
    return [
        *_pair_claims(parameters, figures["figure_2a"], figures["figure_2b"]),
        *_field_claims(parameters),
        *_lattice_claims(figures["figure_3ab"], figures["figure_3d"]),
        *_screening_claims(parameters, figures["figure_3ab"], figures["unscreened_sums"]),
        *_temperature_claims(figures["figure_3c"], figures["figure_3d"]),
        *_material_claims(parameters),
    ]


def _pair_claims(parameters, couplings, pair):
    perpendicular, parallel = couplings["perpendicular"], couplings["parallel"]
    margin = (parallel - perpendicular) / parallel
    rough = (couplings["elementary_perpendicular"], couplings["elementary_parallel"])
    errors = [np.max(np.abs(a / b - 1)) for a, b in zip(rough, (perpendicular, parallel), strict=True)]
    difference = np.max(np.abs((rough[1] - rough[0]) / (parallel - perpendicular) - 1))
    near, far = _slope(PearlCoupling(1.0).perpendicular, SMALL), _slope(PearlCoupling(1.0).perpendicular, LARGE)
    energy, soft = pair["screened"], pair["screened_stiffness"][0]
    head_to_tail = energy[len(energy) // 2, len(energy) // 2]
    spread, split = (np.ptp(pair[f"{kind}_line"]) for kind in ("unscreened", "screened"))
    return [
        Claim(
            "Lu 2023, Fig. 2b and Eq. 11",
            "with the electromagnetic field two impurities have a ferromagnetic ground state",
            "parallel, head to tail",
            soft,
            "J_par",
            f"soft eigenvalue of the Hessian of the parallel state at r = {parameters.pair_distance:g} r0",
            "positive, and no pair of angles lies below the parallel state",
            bool(soft > 0 and head_to_tail <= energy.min() + 1e-12),
            f"E = {head_to_tail:.6f} J_par head to tail; lowest of all pairs of angles {energy.min():.6f} J_par.",
        ),
        Claim(
            "Lu 2023, Fig. 2b",
            "without it every theta1 = -theta2 is a ground state",
            "degenerate",
            spread,
            "J",
            "spread of the energy along theta1 = -theta2 without screening",
            "below 1e-12, and not below it with screening",
            bool(spread < 1e-12 < split),
            f"With screening the energy along that line varies by {split:.4f} J_par.",
        ),
        Claim(
            "Lu 2023, below Eq. 10",
            "J_par > J_perp for any finite r0",
            "> 0",
            margin.min(),
            "",
            "smallest (J_par - J_perp)/J_par over Fig. 2a",
            "positive",
            bool(margin.min() > 0),
            "J_par - J_perp = E0 (r0/r - V), positive at every distance; it vanishes only as r0 grows without bound.",
        ),
        Claim(
            "Lu 2023, Eq. 7",
            "the interaction is a two-dimensional dipole interaction at short distance",
            "-2",
            near,
            "",
            f"exponent of J_perp at r = {SMALL:g} r0",
            "within 0.01",
            bool(abs(near + 2) < 0.01),
            "V goes as -ln r.",
        ),
        Claim(
            "Lu 2023, Eq. 7",
            "and a three-dimensional one at long distance",
            "-3",
            far,
            "",
            f"exponent of J_perp at r = {LARGE:g} r0",
            "within 0.01",
            bool(abs(far + 3) < 0.01),
            "V goes as 1/r.",
        ),
        Claim(
            "Lu 2023, Eq. 10",
            "the elementary couplings are a highly accurate representation",
            "highly accurate",
            100 * max(errors),
            "%",
            "largest relative error of Eq. 10",
            "at most 5 %",
            bool(max(errors) <= 0.05),
            f"J_perp is off by up to {errors[0]:.1%}, J_par by {errors[1]:.1%}, their difference, which decides the "
            f"ferromagnetism, by {difference:.1%}: Eq. 10 drops the derivative of one term of its own potential.",
        ),
    ]


def _field_claims(parameters):
    coupling = PearlCoupling(1.0)
    one = Ensemble(jnp.zeros((1, 2)), coupling)
    moment = jnp.asarray([[1.0, 0.0]])
    distance = parameters.pair_distance

    angle = jnp.linspace(0.1, 6.1, 7)
    rhat = jnp.stack([jnp.cos(angle), jnp.sin(angle)], axis=-1)
    along, across = coupling.parallel(distance), coupling.perpendicular(distance)
    u = jnp.asarray([[0.0, -1.0]])
    printed = (along * u - (along + across) * jnp.sum(u * rhat, axis=-1, keepdims=True) * rhat) * 2 / coupling.gamma
    computed = one.current(moment, distance * rhat)
    error = float(jnp.max(jnp.abs(printed - computed)) / jnp.max(jnp.abs(computed)))

    def exact_bz(r):
        return float(one.bz(moment, jnp.asarray([r, 0.0]), 0.0))

    def printed_bz(r):  # Eq. 13 with the missing 1/e
        return float(coupling.flux) / (4 * np.pi) * (2 / (r + 1) ** 3 + (2 * r + 1) / (r**2 * (r + 1) ** 2))

    ratio = printed_bz(distance) / exact_bz(distance)
    far = 500.0
    slopes = [np.log2(abs(bz(2 * far) / bz(far))) for bz in (printed_bz, exact_bz)]
    return [
        Claim(
            "PRB 108, L180506, Eq. 12",
            "sheet current of one moment in terms of J_par and J_perp",
            "Eq. 12",
            error,
            "",
            f"largest deviation from the curl of the stream function at r = {distance:g} r0",
            "below 1e-10",
            error < 1e-10,
            "The arXiv version has the same form; its prefactor 1/(Gamma J0) lacks e.",
        ),
        Claim(
            "arXiv:2307.10723, Eq. 13",
            "field above one moment, its size",
            "Eq. 13",
            ratio,
            "",
            f"Eq. 13 over the exact Bz at r = {distance:g} r0, z = 0",
            "within 10 %",
            bool(abs(ratio - 1) < 0.1),
            "The relative sign of the two terms, a factor 2 and the overall sign are wrong as printed; the PRB version "
            "leaves the formula out. Exact: Bz = (g/2 pi)(m.grad) lap V.",
        ),
        Claim(
            "arXiv:2307.10723, Eq. 13",
            "field above one moment, its decay",
            f"{slopes[0]:.2f}",
            slopes[1],
            "",
            f"exponent of the exact Bz at r = {far:g} r0",
            "within 0.1 of the printed formula's",
            bool(abs(slopes[1] - slopes[0]) < 0.1),
            "The two terms of Eq. 13 cancel at long distance once their relative sign is right: 1/r^4, not 1/r^3.",
        ),
    ]


def _lattice_claims(orders, diagram):
    difference = orders["ferromagnetic"] - orders["antiferromagnetic"]
    kinds, critical = orders["searched_kind"], float(diagram["critical"][0])
    dipoles = float(diagram["dipole_critical"])
    where = "E_FM - E_AFM per moment at {} degrees"
    searched = "Lowest state of the whole Brillouin zone (Luttinger-Tisza): {}."
    return [
        Claim(
            "Lu 2023, Figs. 3a and 3d",
            "the triangular lattice is ferromagnetic at T = 0",
            "ferromagnetic",
            difference[0],
            "strength/d^2",
            where.format(60),
            "ground state ferromagnetic",
            bool(kinds[0] == FERROMAGNET),
            searched.format(kinds[0]),
        ),
        Claim(
            "Lu 2023, Figs. 3b and 3d",
            "the square lattice is a layered antiferromagnet at T = 0",
            "layered antiferromagnetic",
            difference[-1],
            "strength/d^2",
            where.format(90),
            "ground state layered antiferromagnetic",
            bool(kinds[-1] == ANTIFERROMAGNET),
            searched.format(kinds[-1]) + " It belongs to a continuous family of equal energy.",
        ),
        Claim(
            "Lu 2023, Fig. 3d",
            "one transition between the two, at T = 0",
            "between 60 and 90",
            critical,
            "degrees",
            f"critical angle at d = {float(diagram['spacing']):g} r0",
            "inside (60, 90)",
            bool(60 < critical < 90),
            "The papers give no number.",
        ),
        Claim(
            "Lu 2023, text on Fig. 3",
            "the ground states are similar to those of a lattice of 3D dipoles",
            "similar",
            dipoles - critical,
            "degrees",
            "shift of the critical angle to its 3D limit, d far above r0",
            "within 1 degree",
            bool(abs(dipoles - critical) < 1),
            f"Critical angle of the 3D limit {dipoles:.4f} degrees.",
        ),
    ]


def _screening_claims(parameters, orders, sums):
    uniform = sums["ferromagnetic"]
    limit, depolarisation = float(sums["limit_ferromagnetic"]), float(sums["depolarisation"])
    quarter = uniform[np.searchsorted(sums["radius"], sums["radius"][-1] / 4)]
    growth = abs(uniform[-1]) - abs(quarter)
    difference = orders["unscreened_ferromagnetic"] - orders["unscreened_antiferromagnetic"]
    with_circle = difference[0] + np.pi / (2 * np.sin(np.radians(orders["angles"][0])))
    lattice = BravaisLattice.rhombic(parameters.spacing, parameters.drawn_angle)
    screened = [lattice.truncated_energy(PearlCoupling(1.0), FERROMAGNET, cutoff) for cutoff in (10.0, 1000.0)]
    exact = lattice.energy(PearlCoupling(1.0), FERROMAGNET)
    left = [float(energy / exact) - 1 for energy in screened]
    return [
        Claim(
            "Lu 2023, text on Fig. 3",
            "with the electromagnetic field the energy converges as the system grows",
            "converges",
            100 * left[1],
            "%",
            "what a circle of 1000 r0 leaves of the ferromagnet's energy unsummed",
            "below 1 %, and ten times less than a circle of 10 r0",
            bool(abs(left[1]) < 0.01 and abs(left[1]) < 0.1 * abs(left[0])),
            f"A circle of 10 r0 leaves {left[0]:.1%}: the error falls only as 1/radius.",
        ),
        Claim(
            "Lu 2023, text on Fig. 3",
            "without it the energy density diverges in the thermodynamic limit",
            "diverges",
            growth,
            "strength/d^2",
            f"growth of |E_FM| from a quarter of the largest circle to the circle of {sums['radius'][-1]:.0f} d",
            "above 10 % of the energy in the thermodynamic limit",
            bool(growth > 0.1 * abs(limit)),
            f"Bounded: the kernel 1/r^2 has no angular average. A circle gives {uniform[-1]:.4f}, the limit "
            f"{limit:.4f} without depolarisation plus pi n/2 = {depolarisation:.4f}: it depends on shape, not on size.",
        ),
        Claim(
            "Lu 2023, text on Fig. 3d",
            "without the field the ground state is always antiferromagnetic",
            "antiferromagnetic at 60 degrees too",
            difference[0],
            "strength/d^2",
            "E_FM - E_AFM per moment at 60 degrees without screening",
            "positive at every angle",
            bool(np.all(difference > 0)),
            f"False in the thermodynamic limit. A circle adds the depolarisation pi n/2 to the ferromagnet "
            f"({with_circle:+.4f} at 60 degrees), which makes it look antiferromagnetic.",
        ),
    ]


def _temperature_claims(curves, diagram):
    band, current = curves["parallel"], curves["parallel_constant_current"]
    share = (curves["parallel"] - curves["perpendicular"]) / (curves["parallel"] + curves["perpendicular"])
    critical, shift = diagram["critical"], float(diagram["critical"][-1] - diagram["critical"][0])
    cutoffs, truncated = diagram["cutoffs"], diagram["truncated_critical"]
    stops = [diagram["temperature"][np.isnan(curve)] for curve in truncated]
    stops = [float(hot.min()) if len(hot) else np.nan for hot in stops]
    listed = "; ".join(
        f"{cutoff:g} r0: {curve[0]:.2f} degrees, {stop:.2f} Tc"
        for cutoff, curve, stop in zip(cutoffs, truncated, stops, strict=True)
    )
    # a curve ends where it leaves the range at 60 degrees
    widest = truncated[np.argmax(cutoffs)]
    bend = np.nan_to_num(widest[-1], nan=60.0) - widest[0]
    return [
        Claim(
            "Lu 2023, Fig. 3c",
            "the interaction decreases with temperature (Gamma of the arXiv version constant)",
            "decreases",
            band[-1] / band[0],
            "",
            f"J_par({HOTTEST} Tc)/J_par(0) at r = {float(curves['distance']):g} r0",
            "never rising with temperature, and lower in the end",
            _falls(band),
            "Gamma_A is a property of the bands, so that the strength goes as D(T).",
        ),
        Claim(
            "PRB 108, L180506, Fig. 3c",
            "the same with the anomalous current Gamma of the PRB version constant",
            "decreases",
            current[-1] / current[0],
            "",
            f"J_par({HOTTEST} Tc)/J_par(0) at r = {float(curves['distance']):g} r0",
            "never rising with temperature, and lower in the end",
            _falls(current),
            "At constant anomalous current the strength goes as 1/D(T). The figure holds if Gamma itself goes as D(T), "
            "as it does in the Born limit.",
        ),
        Claim(
            "Lu 2023, text on Fig. 3c",
            "the ferromagnetic share of the interaction falls with temperature",
            "falls",
            share[-1] / share[0],
            "",
            f"(J_par - J_perp)/(J_par + J_perp) at {HOTTEST} Tc over T = 0",
            "never rising with temperature, and lower in the end",
            _falls(share),
            "True of a pair, because r0 grows; it does not decide the order of a lattice (next line).",
        ),
        Claim(
            "Lu 2023, Fig. 3d",
            "the lattice goes from ferromagnet to antiferromagnet as temperature rises",
            "a boundary that bends",
            shift,
            "degrees",
            f"shift of the critical angle from T = 0 to {HOTTEST} Tc in the thermodynamic limit",
            "beyond 1 degree",
            abs(shift) > 1,
            f"{critical[0]:.4f} degrees at T = 0, {critical[-1]:.4f} at {HOTTEST} Tc: the boundary is vertical.",
        ),
        Claim(
            "Lu 2023, Fig. 3d",
            "the same, if the sums are cut off at a fixed circle",
            "a boundary that bends",
            bend,
            "degrees",
            f"shift of the critical angle to {HOTTEST} Tc with the widest circle, {cutoffs.max():g} r0 (60 at least)",
            "beyond 1 degree",
            bool(abs(bend) > 1),
            "The circle produces the transition as r0(T) outgrows it. Critical angle at T = 0, and temperature from "
            f"which no lattice is ferromagnetic, for circles of {listed}. The papers do not state their cutoff.",
        ),
    ]


def _material_claims(parameters):
    band = DiracBand(parameters.velocity, parameters.fermi_energy)
    sample = Material(band, parameters.gap, parameters.exchange, parameters.spin)
    coupling = PearlCoupling(sample.pearl_length(), sample.coupling_strength() / MEV)
    distances = [to_si(text, "length") for text in (parameters.arxiv_distance, parameters.prb_distance)]
    arxiv, prb = (float(coupling.parallel(r)) for r in distances)
    coherence = float(sample.coherence_length)
    ratios = [r / coherence for r in distances]
    beta = float(sample.beta)
    prefactor = _printed_over_derived_weight(0.1)
    return [
        Claim(
            "arXiv:2307.10723, conclusion",
            f"coupling in Fe(Se,Te) at {parameters.arxiv_distance}",
            "about 2 meV",
            arxiv,
            "meV",
            "J_par",
            "within a factor 2",
            0.5 < arxiv / 2 < 2,
            f"Smaller by {2 / arxiv:.0f}; with the {prefactor:.0f} times larger weight of Eq. S40 it would be "
            f"{arxiv * prefactor:.3f} meV. Born limit, beta = {beta:.3f}.",
        ),
        Claim(
            "PRB 108, L180506, text on Fe(Se,Te)",
            f"coupling in Fe(Se,Te) at {parameters.prb_distance}",
            "of the order of meV",
            prb,
            "meV",
            "J_par",
            "within a factor 10 of 1 meV",
            0.1 < prb < 10,
            f"Smaller by {1 / prb:.0f}. A bulk flake that carries the backflow would lower it further.",
        ),
        Claim(
            "PRB 108, L180506, text on Eq. 6",
            "the distances of the estimates are far above the coherence length",
            "r >> xi",
            max(ratios),
            "",
            f"{parameters.prb_distance} over xi = hbar v/gap",
            "at least 3",
            max(ratios) >= 3,
            f"xi = {coherence * 1e9:.1f} nm; {parameters.arxiv_distance} is {ratios[0]:.2f} xi, "
            f"{parameters.prb_distance} {ratios[1]:.2f} xi: point impurities are not justified there.",
        ),
        Claim(
            "arXiv:2307.10723, Eq. S40",
            "superfluid weight of the Rashba film, 2 pi vF^2 N0 T sum",
            "Eq. S40",
            prefactor,
            "",
            "Eq. S40 over -(1/e^2) dj/dA of the current of Eqs. S35 and S37",
            "within 1 %",
            abs(prefactor - 1) < 0.01,
            "The main text, (1/2) pi vF^2 N0 T sum over all n, is right and is used here.",
        ),
    ]


def _printed_over_derived_weight(t):
    """Eq. S40 over minus the derivative of the quasiclassical current by A; units with N0 = vF = e = T = 1."""
    gap = GAP_RATIO * float(bcs_gap(t)) / t
    frequencies = jnp.pi * (2 * jnp.arange(20_000.0) + 1)[:, None]
    angle = jnp.linspace(0.0, 2 * jnp.pi, 8, endpoint=False)[None, :]

    def current(a):  # both signs of the frequency give the same
        w = jax.lax.complex(frequencies + 0 * angle, 0 * frequencies - a * jnp.cos(angle))
        green = w / jnp.sqrt(w**2 + gap**2)  # the tau3 component; the trace doubles it
        return 2 * jnp.pi * jnp.sum(jnp.mean(jnp.cos(angle) * green.imag, axis=1))

    # the Matsubara sum of the weight is superfluid_weight(t) itself
    return 2 * float(superfluid_weight(t)) / -float(jax.grad(current)(0.0))


def _slope(function, r):
    return float(jax.grad(lambda log_r: jnp.log(function(jnp.exp(log_r))))(jnp.log(r)))


def _falls(curve):
    # well below Tc a curve is flat to rounding
    return bool(np.all(np.diff(curve) <= 1e-9 * abs(curve[0])) and curve[-1] < curve[0])
