"""Vakili et al. 2026: what they claim of self-consistent gaps, decided by the figures of `vakili2026_lattice`."""

import numpy as np

from ..bdg import UniformBdG
from .claims import Claim
from .paper import Data
from .vakili2026 import Parameters, X, model, temperature
from .vakili2026_claims import MESH, percent
from .vakili2026_lattice import wall_momentum


def claims(parameters: Parameters, figures: dict[str, Data]) -> list[Claim]:
    """The table of claims.

    Args:
        parameters: those the figures were computed with.
        figures: the data of every figure of `vakili2026_lattice`, by their names.
    """
    uniform = figures["figure_3ab"]
    return [
        *_gap_claims(parameters, figures["figure_2cd"]),
        *_current_claims(uniform),
        *_position_claims(parameters, figures["figure_3c"], uniform),
        *_angle_claims(parameters, figures["figure_3d"], uniform),
        *_stopping_claims(parameters, figures["figure_3c"]),
    ]


def _gap_claims(parameters, data):
    quarter = len(data["angle"]) // 4
    ends = {"xy": quarter, "zx": 0}  # F(y) - F(x) and F(z) - F(x)
    planes = [str(plane) for plane in data["planes"]]
    reached, fixed, caption, literal = (
        {plane: float(curve[ends[plane]]) for plane, curve in zip(planes, data[name], strict=True)}
        for name in ("self_consistent", "inserted", "caption", "literal")
    )
    ratios = {plane: fixed[plane] / reached[plane] for plane in planes}
    harmonics = max(
        np.max(np.abs(a * (np.ptp(b) / np.ptp(a)) - b)) / np.ptp(b)
        for a, b in zip(data["inserted"], data["self_consistent"], strict=True)
    )
    found = float(data["inserted_gap"])
    resting = float(data["resting_gap"])
    needed = _attraction(parameters, parameters.gap)
    momentum = float(data["momentum"])
    sizes = " x ".join(map(str, parameters.shape))
    share = (len(data["angle"]) - 1) // (len(data["real_angle"]) - 1)
    apart = np.abs(data["real_space"] - data["self_consistent"][:, ::share]).max()
    smallest = np.ptp(data["self_consistent"], axis=1).min()
    spread = np.ptp(np.abs(data["real_gap"]), axis=-1).max()
    return [
        Claim(
            "Vakili 2026, Fig. 2c",
            "self-consistency leaves harmonics and amplitude of the x-y sweep almost unchanged",
            "very similar amplitudes",
            reached["xy"],
            "t/a^2",
            f"F(y) - F(x), gap self-consistent at Vs = {parameters.attraction:g} t on {sizes} sites",
            "Eq. 2 at the self-consistent gap of n along x within 5 %, shapes within 5 %",
            bool(abs(ratios["xy"] - 1) < 0.05 and harmonics < 0.05),
            f"At that fixed gap {fixed['xy']:.6e}, {percent(ratios['xy'] - 1)}. With the gap of every direction "
            f"inserted into Eq. 2 literally, without |gap|^2/Vs: {literal['xy']:.2e}.",
        ),
        Claim(
            "Vakili 2026, Fig. 2d",
            "and so it does with harmonics and amplitude of the z-x sweep",
            "very similar amplitudes",
            reached["zx"],
            "t/a^2",
            f"F(z) - F(x), gap self-consistent at Vs = {parameters.attraction:g} t on {sizes} sites",
            "Eq. 2 at the self-consistent gap of n along x within 5 %, shapes within 5 %",
            bool(abs(ratios["zx"] - 1) < 0.05 and harmonics < 0.05),
            f"At that fixed gap {fixed['zx']:.6e}, {percent(ratios['zx'] - 1)}; inserted literally "
            f"{literal['zx']:.2e}.",
        ),
        Claim(
            "Vakili 2026, Figs. 2c and 2d",
            "the self-consistent calculation in real space benchmarks that in momentum space",
            "0",
            apart,
            "t/a^2",
            "largest distance of F(n) - F(x) of the two, both self-consistent",
            "below 1 % of the smaller span",
            bool(apart < 0.01 * smallest),
            f"The two are one calculation: F = {float(data['real_energy']):.10f} and "
            f"{float(data['energy']):.10f} t per site for n along x. In real space along x, where the phase winds, the "
            f"gap of a uniform n stays uniform to {spread:.0e} t.",
        ),
        Claim(
            "Vakili 2026, caption of Fig. 2",
            f"gap {parameters.gap:g} t and Vs = {parameters.attraction:g} t describe one state",
            f"{parameters.gap:g}",
            found,
            "t",
            f"self-consistent gap of n along x at q a = {momentum:.4f}",
            "within 5 %",
            bool(abs(found / parameters.gap - 1) < 0.05),
            f"{resting:.5f} t at q = 0; a gap of {parameters.gap:g} t there needs Vs = {needed:.5f} t. In the "
            f"caption's state F(y) - F(x) = {caption['xy']:.4e} and F(z) - F(x) = {caption['zx']:.4e} t/a^2.",
        ),
        Claim(
            "Vakili 2026, caption of Fig. 2",
            "one turn of the phase around the lattice is q a = 0.2",
            "0.2",
            momentum,
            "",
            f"2 pi w/Lx of {sizes} sites",
            "0.2 after rounding to one digit",
            bool(round(momentum, 1) == 0.2),
            "Momentum space agrees with the finite lattice only at this q and with the momenta of its boundary phase.",
        ),
    ]


def _current_claims(data):
    current, width = data["current"], float(data["width"])
    highest, lowest = current.max(), current.min()
    depth = (highest - lowest) / (highest + lowest)
    across, along = np.meshgrid(data["polar"], data["azimuth"], indexing="ij")
    in_plane = np.sin(across) * np.sin(along)
    line = np.polyval(np.polyfit(in_plane.ravel(), current.ravel(), 1), in_plane)
    rest = np.abs(current - line).max() / (highest - lowest)
    forward, backward = data["forward"][:-1], data["backward"][:-1]
    mirrored = np.abs(forward + backward).max() / np.abs(forward).max()
    opposite = np.roll(forward, len(forward) // 2)
    turned = np.abs(opposite + backward).max() / np.abs(forward).max()
    where = f"q a = {float(data['momentum']):.4f}"
    along_x = float(forward[0])
    return [
        Claim(
            "Vakili 2026, Fig. 3a",
            "the direction of n modulates the supercurrent strongly",
            "strongly",
            100 * depth,
            "%",
            f"(largest - smallest)/(largest + smallest) current over the sphere at {where}",
            "at least 10 %",
            bool(depth > 0.1),
            f"From {lowest / width:.5f} to {highest / width:.5f} e t/(hbar a). The change does not grow with q, the "
            "current does: the depth falls about as 1/q.",
        ),
        Claim(
            "Vakili 2026, Fig. 3a",
            "the current follows the component of n that q couples to",
            "n_y",
            100 * rest,
            "%",
            "largest distance of I from a straight line in n_y, of its span over the sphere",
            "at most 5 %",
            bool(rest < 0.05),
            f"For n along x there is a current across q as well, up to {np.abs(data['sheet_across']).max():.2e} "
            "e t/(hbar a) (the other term of Eq. 8).",
        ),
        Claim(
            "Vakili 2026, Fig. 3b",
            "the current reverses under q -> -q",
            "opposite sign for all phi",
            (forward * backward).max() / along_x**2,
            "",
            "largest I(q, phi) I(-q, phi) over I(q, 0)^2",
            "negative",
            bool((forward * backward).max() < 0),
            "So it does where q is beyond the momentum at which the current for n along y vanishes.",
        ),
        Claim(
            "Vakili 2026, Fig. 3b",
            "the two curves are related by the expected sign change, I(-q, phi) = -I(q, phi)",
            "0",
            100 * mirrored,
            "%",
            "largest |I(q, phi) + I(-q, phi)| over the largest |I|",
            "below 1 %",
            bool(mirrored < 0.01),
            "At the same n a part of the current does not change sign, 2 tm gamma n_y to first order: the anomalous "
            "current, which flows at q = 0 too. Time reversal gives I(-q, n) = -I(q, -n), which holds to "
            f"{turned:.0e}: the curves are mirror images after a shift of phi by pi.",
        ),
        Claim(
            "Vakili 2026, caption of Fig. 3 and Eq. 15",
            "I0 = e t/(hbar a) is the unit of the current through a cut",
            "1",
            width,
            "",
            "current through a cut in e t/hbar over the current per width in e t/(hbar a)",
            "1: the two are one number",
            bool(width == 1),
            f"Eq. 15 summed over a cut is in e t/hbar, {along_x:.5f} for n along x; e t/(hbar a) is the unit of the "
            f"current per width, {along_x / width:.6f}. The paper does not say which of them Fig. 3 shows.",
        ),
    ]


def _position_claims(parameters, data, uniform):
    position, along_x, along_y = (data[name] for name in ("position", "along_x", "along_y"))
    distance = position[-1] - position[0]
    drop = along_x[-1] - along_x[0]
    line = np.polyfit(position, along_x, 1)
    deviation = np.abs(along_x - np.polyval(line, position)).max() / abs(drop)
    forces = -np.diff(along_x) / np.diff(position)
    # F(-q, r0) is that of q with the domains exchanged: half of the difference is what the current does
    odd, even = (along_x - along_x[::-1]) / 2, (along_x + along_x[::-1]) / 2
    per_moment = np.diff(odd) / np.diff(data["sum_y"])
    at = uniform["energy"].shape[0] // 2, np.array([1, 3]) * (uniform["energy"].shape[1] - 1) // 4
    expected = float(-np.diff(uniform["energy"][at])[0] / 2 * uniform["width"])
    share = np.abs(per_moment / expected - 1).max()
    slope_y = (along_y[-1] - along_y[0]) / drop
    walls = np.ptp(along_y)
    picked = np.searchsorted(position, data["reversed_position"])
    mirror = np.abs(data["reversed_x"] - along_x[::-1][picked]).max()
    tilted = data["tilted_x"][-1] - data["tilted_x"][0]
    low, high = (f"{value:.2e}" for value in (forces.min(), forces.max()))
    return [
        Claim(
            "Vakili 2026, Fig. 3c",
            "the free energy of a wall along x has a clear linear slope in its position",
            "linear",
            100 * deviation,
            "%",
            f"largest distance from a straight line, of the change over {distance:g} sites",
            "at most 10 %",
            bool(deviation < 0.1),
            f"F({position[-1]:g}) - F({position[0]:g}) = {drop:.6f} t, a force of {-drop / distance:.3e} t per site on "
            f"average. The paper does not give phi_dw: {tilted:.6f} t at "
            f"{np.degrees(parameters.wall_tilt) + 90:g} degrees instead of {np.degrees(parameters.wall_tilt):g}.",
        ),
        Claim(
            "Vakili 2026, Fig. 3c",
            "the net force on the wall is uniform",
            "uniform",
            100 * np.ptp(forces) / forces.mean(),
            "%",
            "largest less smallest force over the mean",
            "at most 10 %",
            bool(np.ptp(forces) < 0.1 * abs(forces.mean())),
            f"From {low} to {high} t per site: the wall overlaps with its duplicate at the edge. This costs "
            f"{np.ptp(even):.2e} t in the mean of q and -q ({walls:.2e} t for the wall along y), and between them n_y "
            f"does not reach 1. What the current does, [F(q) - F(-q)]/2, is to {100 * share:.1f} % the sum of n_y "
            "over the sites times [F(y) - F(-y)]/2 of uniform n; the force on a wall far from its duplicate is "
            f"{-2 * expected:.3e} t per site.",
        ),
        Claim(
            "Vakili 2026, Fig. 3c",
            "the force on a wall along y is negligible",
            "0",
            slope_y,
            "",
            f"change of F over {distance:g} sites, wall along y over wall along x",
            "below 1 %",
            bool(abs(slope_y) < 0.01),
            f"What is left, {walls:.2e} t and symmetric about the middle, is the overlap with the duplicate.",
        ),
        Claim(
            "Vakili 2026, Fig. 3c",
            "the supercurrent drives the wall, and its reverse drives it back",
            "opposite slope",
            (data["reversed_x"][-1] - data["reversed_x"][0]) / drop,
            "",
            f"change of F over {distance:g} sites at -q over that at q",
            "-1 within 1 %",
            bool(abs((data["reversed_x"][-1] - data["reversed_x"][0]) / drop + 1) < 0.01),
            f"F(-q, r0) = F(q, L - r0) to {mirror:.0e} t: time reversal, which exchanges the domains.",
        ),
    ]


def _angle_claims(parameters, data, uniform):
    angle, forward, backward = (data[name] for name in ("angle", "forward", "backward"))
    up, down = (np.degrees(angle[np.argmin(curve[:-1])]) for curve in (forward, backward))
    inner = forward[:-1]
    minima = float(np.sum((inner < np.roll(inner, 1)) & (inner < np.roll(inner, -1))))
    swap = np.abs(forward - backward[::-1]).max()
    quarter = (len(angle) - 1) // 4
    span = forward[3 * quarter] - forward[quarter]
    other = data["other"][6] - data["other"][2]
    whole, momentum = float(data["turn_momentum"]), wall_momentum(parameters)
    longer, shorter = parameters.wall_shape
    return [
        Claim(
            "Vakili 2026, Fig. 3d",
            "a supercurrent reverses the Neel vector inside the wall",
            "opposite minima for opposite currents",
            abs(up - down),
            "degrees",
            "distance in phi_dw of the lowest energies at q and -q",
            "180",
            bool(abs(abs(up - down) - 180) < 1e-6),
            f"At {up:g} degrees for q > 0 and {down:g} for q < 0, [F(270) - F(90)]/2 = {span / 2:.5f} t. "
            f"F(phi, q) = F(-phi, -q) to {swap:.0e} t.",
        ),
        Claim(
            "Vakili 2026, Fig. 3d",
            "the reversal is complete",
            "1",
            minima,
            "",
            "number of minima of F over phi_dw at q > 0",
            "1: nothing holds the wall on its way",
            bool(minima == 1),
            "The easy axis z is too weak at this q to leave a second minimum.",
        ),
        Claim(
            "Vakili 2026, text on Eq. 16",
            "a duplicate of the wall at the edge makes the texture periodic, in whichever sense it turns",
            f"{span / 2:.5f}",
            other / 2,
            "t",
            f"[F(270) - F(90)]/2 with the duplicate closed by {data['other_closing']}",
            f"within 10 % of that by {data['closing']}",
            bool(abs(other / span - 1) < 0.1),
            "If theta goes on to 2 pi (winding), n in the duplicate is opposite to that in the wall, and the effects "
            "of the current cancel; if theta goes back to 0 (return), they add. The paper's figure needs the latter.",
        ),
        Claim(
            "Vakili 2026, text below Eq. 12 and caption of Fig. 3",
            f"2 pi of phase along x is |q a| = 2 pi/50 in all panels, also on {shorter} sites",
            f"{2 * np.pi / 50:.4f}",
            whole,
            "",
            f"q a of one turn on {shorter} sites",
            "within 1 %",
            bool(abs(whole / (2 * np.pi / 50) - 1) < 0.01),
            f"Here the wall along y has q a = {momentum:.4f} as a twist, which fits any lattice. With a whole turn "
            f"[F(270) - F(90)]/2 = {(data['turn'][1] - data['turn'][0]) / 2:.5f} t instead of {span / 2:.5f}. On the "
            f"{parameters.shape[0]} sites of Fig. 2, whose parameters Figs. 3a and 3b have, a turn is "
            f"{2 * np.pi / parameters.shape[0]:.4f}; these two are computed on {longer} x {shorter}.",
        ),
    ]


def _stopping_claims(parameters, data):
    cuts, sweep_cuts, changes = data["stopped_cuts"], data["sweep_cuts"], data["sweep_changes"]
    spread, sweep_spread = (np.ptp(values) / np.mean(values) for values in (cuts, sweep_cuts))
    factor = changes[-1] / changes[-2]
    return [
        Claim(
            "Vakili 2026, text below Eq. 13",
            f"the iteration may stop at a relative change of the gap of {parameters.stopping:g}",
            "0",
            float(data["stopped_energy"]),
            "t",
            f"error of F of a wall along x at r0 = {float(data['wall_position']):g}, iterated to that change",
            "below 1 % of the change of F from site to site",
            bool(
                abs(data["stopped_energy"]) < 0.01 * np.abs(np.diff(data["along_x"]) / np.diff(data["position"])).min()
            ),
            f"F is stationary; the current through the cuts, which is not, varies by {100 * spread:.2f} %. Both are of "
            f"an accelerated iteration. Plain mixing hardly moves the phase: after {len(changes)} sweeps from a "
            f"uniform gap the change is {changes[-1]:.1e} and {factor:.4f} of the one before, F too high by "
            f"{float(data['sweep_energy']):.1e} t and the current varies by {100 * sweep_spread:.0f} %. At this rate a "
            f"change of {parameters.stopping:g} leaves {parameters.stopping / (1 - factor):.1e} of the gap.",
        )
    ]


def _attraction(parameters, amplitude):
    """The attraction whose gap at q = 0 for n along x is `amplitude`: F + gap^2/V is stationary there."""
    step = 1e-4 * amplitude  # the difference quotient is then good to 1e-8
    above, below = (
        float(
            UniformBdG(
                model(parameters), gap=amplitude + change, temperature=temperature(parameters), mesh=MESH
            ).free_energy(np.zeros(2), X)
        )
        for change in (step, -step)
    )
    return -2 * amplitude * 2 * step / (above - below)
