"""Vakili et al. 2026: what they claim at a given gap, decided by the numbers of the figures of `vakili2026`."""

import numpy as np

from ..bdg import Altermagnet, UniformBdG, gradient_expansion
from .claims import Claim
from .paper import Data
from .vakili2026 import Parameters, X, Y, Z, gap, material_in_hoppings, model, temperature

MESH = (128, 128)  # converged to rounding for the gaps of Figs. 1 and 2


def claims(parameters: Parameters, figures: dict[str, Data]) -> list[Claim]:
    """The table of claims.

    Args:
        parameters: those the figures were computed with.
        figures: the data of every figure of `vakili2026`, by their names.
    """
    return [
        *_anisotropy_claims(figures["figure_1c"]),
        *_field_claims(parameters, figures["figure_1d"]),
        *_expansion_claims(parameters, figures["figure_1c"], figures["figure_1d"]),
        *_rotation_claims(figures["figure_2a"], figures["figure_2b"]),
        *_current_claims(parameters, figures["supercurrent"]),
        *_sign_claims(parameters),
        *_material_claims(parameters, figures["material"]),
    ]


def percent(fraction: float) -> str:
    """A relative change in words.

    Example:
        >>> print(percent(-0.0123))
        1.23 % less
    """
    return f"{abs(100 * fraction):.2f} % {'more' if fraction > 0 else 'less'}"


def _anisotropy_claims(data):
    centre = len(data["momentum"]) // 2
    lattice, continuum, analytic = (data[name][centre] for name in ("lattice", "continuum", "analytic"))
    change = 1 - data["continuum"][-1] / continuum
    half = 1 - np.interp(data["momentum"][-1] / 2, data["momentum"], data["continuum"]) / continuum
    exponent = _exponent(data["exchange"], data["exchange_continuum"])
    return [
        Claim(
            "Vakili 2026, Fig. 1c",
            "a uniaxial anisotropy along z is present even at q = 0",
            "F(z) < F(x) at q = 0",
            continuum,
            "t/a^2",
            "F(z) - F(x) at q = 0, continuum",
            "negative, on the lattice too",
            bool(continuum < 0 and lattice < 0),
            f"{lattice:.5e} on the lattice, {analytic:.5e} from Eq. 9: z is the easy axis.",
        ),
        Claim(
            "Vakili 2026, Fig. 1c",
            "it arises at second order in tm",
            "2",
            exponent,
            "",
            f"exponent of F(z) - F(x) in tm at tm = {data['exchange'][1]:g} to {data['exchange'][2]:g} t",
            "within 0.05",
            bool(abs(exponent - 2) < 0.05),
            "Corrections are of fourth order.",
        ),
        Claim(
            "Vakili 2026, text on Fig. 1c",
            "superflow modifies it weakly, by terms of the form q^2",
            "weakly",
            100 * change,
            "%",
            f"change of F(z) - F(x) from q = 0 to q a = {data['momentum'][-1]:g}, continuum",
            "below 10 %, and 3 to 5 times that at half the momentum",
            bool(abs(change) < 0.1 and 3 < change / half < 5),
            f"{100 * half:.2f} % at half the momentum.",
        ),
    ]


def _field_claims(parameters, data):
    momentum, slope = data["momentum"], _slope(data, "continuum")
    line = slope * momentum
    deviation = np.max(np.abs(data["continuum"] - line)) / np.max(np.abs(line))
    lattice, analytic = _slope(data, "lattice"), _slope(data, "analytic")
    q = np.array([parameters.longest_momentum, 0.0])
    n = np.stack([Y, (Y + Z) / np.sqrt(2)])
    superconductor = _superconductor(parameters)
    full, tilted = (superconductor.free_energy(q, n) - superconductor.free_energy(-q, n)) / 2
    share = float(tilted / full) * np.sqrt(2)
    return [
        Claim(
            "Vakili 2026, Fig. 1d",
            "the supercurrent exerts a field on the Neel vector that is linear in q",
            "linear",
            100 * deviation,
            "%",
            f"largest distance of F(y) - F(x) from its tangent at q = 0 up to q a = {momentum[-1]:g}, of the end value",
            "below 5 %",
            bool(deviation < 0.05),
            f"F(y) - F(x) at the end: {data['continuum'][-1]:.5e} in the continuum, {data['lattice'][-1]:.5e} t/a^2 on "
            "the lattice.",
        ),
        Claim(
            "Vakili 2026, Eq. 8",
            "the slope is tm gamma",
            f"{analytic:.5e}",
            slope,
            "t/a",
            "slope of F(y) - F(x) at q = 0, continuum",
            "within 1 %",
            bool(abs(slope / analytic - 1) < 0.01),
            f"gamma = {analytic / parameters.altermagnet:.6e} from the radial integrals; the slope of the lattice is "
            f"{lattice:.5e}, {percent(lattice / analytic - 1)} than the analytical one.",
        ),
        Claim(
            "Vakili 2026, text on Fig. 1d",
            "the effective field lies in the plane",
            "1",
            share,
            "",
            f"odd part of F for n half way from y to z over n_y times that for y, q a = {momentum[-1]:g}, lattice",
            "within 5 %",
            bool(abs(share - 1) < 0.05),
            "Then the odd part is -h.n with h along y; the difference is of third order in tm.",
        ),
    ]


def _expansion_claims(parameters, anisotropy, field):
    rows = []
    for name, where, reason in (
        ("continuum", "Vakili 2026, Figs. 1c and 1d", "Eq. 7 and the expansion are those of the continuum."),
        (
            "lattice",
            "Vakili 2026, Figs. 1c and 1d with Eqs. 10 to 12",
            "The band of the lattice is no parabola over the momenta that contribute.",
        ),
    ):
        along_z, along_y = (_distance(data, name) for data in (anisotropy, field))
        worst = max(along_z, along_y)
        rows.append(
            Claim(
                where,
                f"the analytical curves closely follow the numerical BdG results ({name})",
                "closely",
                100 * worst,
                "%",
                "largest distance of both over the largest analytical value",
                "at most 5 %",
                bool(worst <= 0.05),
                f"{100 * along_y:.2f} % in Fig. 1d, {100 * along_z:.2f} % in Fig. 1c. {reason}",
            )
        )

    def coefficients(rashba):
        normal = Altermagnet(parameters.chemical_potential, rashba, parameters.altermagnet)
        found = gradient_expansion(normal, gap(parameters), temperature(parameters))
        return np.array([found.gamma, found.anisotropy])

    strong, weak = parameters.rashba, parameters.rashba / 100
    exponents = np.log2(coefficients(strong) / coefficients(strong / 2))
    leading = np.log2(coefficients(weak) / coefficients(weak / 2))
    for i, (symbol, equation, power) in enumerate((("gamma", "Eq. 8", 1), ("Az", "Eq. 9", 2))):
        rows.append(
            Claim(
                f"Vakili 2026, text on {equation}",
                f"{symbol} is proportional to tso" + "^2" * (power == 2),
                f"{power}",
                exponents[i],
                "",
                f"exponent of {symbol} in tso from {strong / 2:g} to {strong:g} t",
                "within 0.1",
                bool(abs(exponents[i] - power) < 0.1),
                f"{leading[i]:.5f} from {weak / 2:g} to {weak:g} t: the leading order of weak spin-orbit coupling.",
            )
        )
    return rows


def _rotation_claims(in_plane, out_of_plane):
    (lattice,), (continuum,), (analytic,) = (in_plane[name] for name in ("lattice", "continuum", "analytic"))
    sine, others = _harmonics(continuum)
    expected = _harmonics(analytic)[0]
    planes = list(out_of_plane["planes"])
    fits = {}
    for name in ("lattice", "continuum", "analytic"):
        # F = (anisotropy) cos^2 + (field) sin: the two terms of Eqs. 8 and 9
        basis = np.stack([np.cos(out_of_plane["angle"]) ** 2, np.sin(out_of_plane["angle"])], axis=1)
        fits[name] = {
            plane: np.linalg.lstsq(basis, curve, rcond=None)[0]
            for plane, curve in zip(planes, out_of_plane[name], strict=True)
        }
    rest = max(
        np.max(np.abs(curve - basis @ fits["continuum"][plane])) / np.ptp(curve)
        for plane, curve in zip(planes, out_of_plane["continuum"], strict=True)
    )
    axial, transverse = fits["continuum"]["zy"]
    first, second = fits["analytic"]["zy"]
    return [
        Claim(
            "Vakili 2026, Fig. 2a",
            "in the x-y plane F follows the sine of Eq. 8",
            f"{expected:.4e} sin",
            sine,
            "t/a^2",
            f"coefficient of sin at q a = {float(in_plane['momentum']):g}, continuum",
            "within 5 % of Eq. 8, other harmonics below 5 % of it",
            bool(abs(sine / expected - 1) < 0.05 and others < 0.05),
            f"Other harmonics together {100 * others:.2f} %; on the lattice {_harmonics(lattice)[0]:.4e}.",
        ),
        Claim(
            "Vakili 2026, Fig. 2b",
            "in the z-x and z-y planes F follows Eqs. 8 and 9",
            f"{first:.4e} cos^2 {second:+.4e} sin",
            axial,
            "t/a^2",
            f"coefficient of cos^2 in the z-y plane at q a = {float(out_of_plane['momentum']):g}, continuum",
            "both coefficients within 5 %, the rest below 5 % of the span",
            bool(abs(axial / first - 1) < 0.05 and abs(transverse / second - 1) < 0.05 and rest < 0.05),
            f"Coefficient of sin {transverse:.4e}, rest {100 * rest:.2f} %; on the lattice "
            "{:.4e} cos^2 {:+.4e} sin.".format(*fits["lattice"]["zy"]),
        ),
    ]


def _current_claims(parameters, data):
    centre = len(data["momentum"]) // 2
    current = dict(zip(map(str, data["directions"]), data["current"], strict=True))
    along, across = current["y"][centre, 0], current["x"][centre, 1]
    # J_x is monotonous over the momenta of Fig. 1, so that its zero is found by interpolation
    zero = np.interp(0.0, current["y"][:, 0], data["momentum"])
    slopes = [
        (curve[centre + 1, 0] - curve[centre - 1, 0]) / (data["momentum"][centre + 1] - data["momentum"][centre - 1])
        for curve in (data["without_exchange"], current["x"])
    ]
    expansion = gradient_expansion(model(parameters), gap(parameters), temperature(parameters))
    expected = 2 * parameters.altermagnet * float(expansion.gamma)
    end = abs(data["without_exchange"][-1, 0])
    statement = '"Js = nu_s q": '
    return [
        Claim(
            "Vakili 2026, below Eq. 2",
            statement + "no current without momentum",
            "0",
            along,
            "e t/(hbar a)",
            "J_x at q = 0 for n along y, lattice",
            f"below 1 % of the current of Fsc at q a = {data['momentum'][-1]:g}",
            bool(abs(along) < 0.01 * end),
            f"Eq. 8 is linear in q, so that J = 2 (nu_s q + tm gamma n_y), with 2 tm gamma = {expected:.4e} in the "
            f"continuum. The current vanishes at q a = {zero:.4f}.",
        ),
        Claim(
            "Vakili 2026, below Eq. 2",
            statement + "the current is along the momentum",
            "0",
            across,
            "e t/(hbar a)",
            "J_y at q = 0 for n along x, lattice",
            f"below 1 % of the current of Fsc at q a = {data['momentum'][-1]:g}",
            bool(abs(across) < 0.01 * end),
            "The term tm gamma q_y n_x of Eq. 8 drives a current across q, also at q along x.",
        ),
        Claim(
            "Vakili 2026, below Eq. 2",
            statement + "nu_s does not depend on tm",
            "independent",
            slopes[1] / slopes[0],
            "",
            f"dJ_x/dq_x at q = 0 for n along x, tm = {parameters.altermagnet:g} t over tm = 0, lattice",
            "within 5 %",
            bool(abs(slopes[1] / slopes[0] - 1) < 0.05),
            f"d2F/dq2 = {slopes[0] / 2:.5e} t at tm = 0.",
        ),
    ]


def _sign_claims(parameters):
    q = np.array([parameters.longest_momentum, 0.0])
    energies = [
        _superconductor(parameters, rashba=sign * parameters.rashba).free_energy(q, np.stack([Y, X]))
        for sign in (1, -1)
    ]
    used, printed = (float(energy[0] - energy[1]) for energy in energies)
    return [
        Claim(
            "Vakili 2026, Eqs. 7, 10 and 15",
            "Eq. 10 as printed is the lattice form of Eq. 7",
            "1",
            printed / used,
            "",
            f"F(y) - F(x) at q a = {q[0]:g} of Eq. 10 as printed over that of Eq. 7 on the lattice",
            "within 10 %",
            bool(abs(printed / used - 1) < 0.1),
            f"The order c^dag_(i+d) T_d c_i has the opposite spin-orbit sign, and with it every effect odd in q: "
            f"{printed:.6e} instead of {used:.6e} t/a^2. Eq. 15 has the order of Eq. 7, which is used here.",
        )
    ]


def _material_claims(parameters, data):
    m = material_in_hoppings(parameters)
    odd, first, tesla = (float(data[k]) for k in ("material_odd", "material_first_order", "millitesla"))
    lattice, half, difference = (float(data[k]) for k in ("material_lattice", "material_half", "material_difference"))
    where = f"q a = {float(data['momentum']):.4g}"
    ratio = m["altermagnet"] * m["chemical_potential"] / m["gap"]
    field = abs(odd) * tesla
    return [
        Claim(
            "Vakili 2026, text on the estimate",
            "|F1| ~ 1e-7 t/a^2 at q = 1e-3 per angstrom",
            "1e-7",
            abs(odd),
            "t/a^2",
            f"[F(q, y) - F(-q, y)]/2 at {where}, continuum",
            "within a factor 2",
            bool(0.5 < abs(odd) / 1e-7 < 2),
            f"The full BdG at its fixed gap; {lattice:.4e} on the lattice; {half:.4e} at half the momentum. "
            f"F(y) - F(x) at +q alone, {difference:.4e}, contains an even part.",
        ),
        Claim(
            "Vakili 2026, text on the estimate",
            "the Neel field is 0.1 mT, B = a^2 |F1|/m_s as in the paper",
            "0.1",
            2 * field,
            "mT",
            "a^2 |F1|/m_s",
            "within a factor 2",
            bool(0.5 < 2 * field / 0.1 < 2),
            "With the paper's formula.",
        ),
        Claim(
            "Vakili 2026, text on the estimate",
            "the same with B from h = |M1 - M2| (B1 - B2)/2 and |M1 - M2| = 2 m_s",
            "0.1",
            field,
            "mT",
            "a^2 |F1|/(2 m_s)",
            "within a factor 2",
            bool(0.5 < field / 0.1 < 2),
            "The definition above Eq. 3 gives half of the paper's formula.",
        ),
        Claim(
            "Vakili 2026, Eq. 8 and the estimate",
            "the linear expansion describes the material",
            f"{odd:.4e}",
            first,
            "t/a^2",
            f"tm gamma q at {where}",
            "within a factor 2 of the full BdG",
            bool(0.5 < first / odd < 2),
            f"The opposite sign and {abs(first / odd):.0f} times the size ({2 * abs(first) * tesla:.1f} mT by the "
            f"paper's formula): tm mu/t is {ratio:.0f} times the gap instead of far below it. Beyond the gap F1 no "
            "longer grows with tm.",
        ),
    ]


def _superconductor(parameters, **changed):
    """The one of Fig. 1 on the lattice, with another `rashba` or `gap`."""
    rashba, amplitude = changed.get("rashba", parameters.rashba), changed.get("gap", gap(parameters))
    normal = Altermagnet(parameters.chemical_potential, rashba, parameters.altermagnet)
    return UniformBdG(normal, gap=amplitude, temperature=temperature(parameters), mesh=MESH)


def _slope(data, name):
    """dF/dq at q = 0, from the difference of the two momenta around it, which cancels the even part."""
    centre = len(data["momentum"]) // 2
    rise = data[name][centre + 1] - data[name][centre - 1]
    return rise / (data["momentum"][centre + 1] - data["momentum"][centre - 1])


def _distance(data, name):
    parts = [(data[name], data["analytic"]), (data[f"exchange_{name}"], data["exchange_analytic"])]
    return max(np.max(np.abs(found - expected)) / np.max(np.abs(expected)) for found, expected in parts)


def _exponent(x, y):
    return np.log(y[2] / y[1]) / np.log(x[2] / x[1])


def _harmonics(curve):
    """Coefficient of sin, and the size of all other harmonics over it; the last point repeats the first."""
    amplitudes = np.fft.rfft(curve[:-1]) / (len(curve) - 1)
    sine = -2 * amplitudes[1].imag
    return sine, 2 * (np.sum(np.abs(amplitudes[2:])) + abs(amplitudes[1].real)) / abs(sine)
