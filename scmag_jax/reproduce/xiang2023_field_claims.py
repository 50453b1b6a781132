"""Xiang et al. 2023: warming, field and opposite leads, and two numbers of theirs that do not go together."""

import numpy as np

from .claims import Claim
from .paper import Data
from .xiang2023_claims import crossing, lower_domain
from .xiang2023_runs import Parameters

AMPERES_PER_CM2 = 1e2  # 1 uA/um^2


def claims(parameters: Parameters, figures: dict[str, Data]) -> list[Claim]:
    """The table of claims.

    Args:
        parameters: those the figures were computed with.
        figures: the data of every figure of `xiang2023`, by their names.
    """
    return [
        *_warming_claims(figures["figure_3f"]),
        *_field_claims(parameters, figures["figure_4ab"]),
        *_mirror_claims(parameters, figures["figure_4ab"], figures["figure_2dl"]),
        *_lead_claims(figures["opposite_leads"]),
        *_tension_claims(parameters, figures),
    ]


def _warming_claims(data):
    T, moment, contrast = data["temperature"], data["moment"], data["contrast"]
    ratio, flux = moment / moment[0], contrast / contrast[0]
    kept = {value: (float(np.interp(value, T, ratio)), float(np.interp(value, T, flux))) for value in (3.0, 4.0, 5.0)}
    expected = {value: float(np.interp(value, data["fine"], data["left"])) for value in kept}
    cells = "The spread of the critical temperatures of places was chosen for this figure."
    return [
        Claim(
            "Xiang 2023, Fig. 3f",
            "the magnetisation is roughly constant up to 3 K",
            "1",
            kept[3.0][0],
            "",
            "mean moment after 3 K over that before",
            "at least 0.9",
            bool(kept[3.0][0] >= 0.9),
            f"Flux contrast {kept[3.0][1]:.2f} of that before; mean of m_s(3 K) {expected[3.0]:.2f}. Moments that are "
            f"not saturated lose nothing. {cells}",
        ),
        Claim(
            "Xiang 2023, Fig. 3f",
            "the magnetisation is halved at 4 K",
            "0.5",
            kept[4.0][0],
            "",
            "mean moment after 4 K over that before",
            "0.5 within 0.1",
            bool(abs(kept[4.0][0] - 0.5) <= 0.1),
            f"Flux contrast {kept[4.0][1]:.2f}, mean of m_s(4 K) {expected[4.0]:.2f}.",
        ),
        Claim(
            "Xiang 2023, Fig. 3f",
            "the magnetisation is almost invisible at 5 K",
            "0",
            kept[5.0][0],
            "",
            "mean moment after 5 K over that before",
            "at most 0.1",
            bool(kept[5.0][0] <= 0.1),
            f"Flux contrast {kept[5.0][1]:.2f} of that before: single places that are left show, which a mean moment "
            f"averages out. Largest less smallest flux {np.interp(5.0, T, data['range']) / data['range'][0]:.2f}.",
        ),
        Claim(
            "Xiang 2023, Fig. 3f",
            "a thermal cycle to above the critical temperature erases the magnetisation",
            "0",
            float(data["erased"]),
            "",
            f"largest moment after {T[-1]:g} K",
            "0 exactly",
            bool(data["erased"] == 0),
            f"The critical temperature is {float(data['critical_temperature']):g} K; no moment has an order there.",
        ),
    ]


def _field_claims(parameters, data):
    up, down = (_curves(data, number) for number in (0, 1))
    at = parameters.field * np.array([3, 5, 7]) / 7
    low, middle, top = (_at(up, value) for value in at)
    back = _at(down, at[0])
    onset = {name: crossing(up["field"][1:], _departure(up, name)[1:] - 0.1) for name in ("lower", "upper")}
    zero = {name: crossing(down["field"], down[name]) for name in ("lower", "upper")}
    rest = _at(down, 0.0)
    more, tried, parked = float(data["feedback"]), data["feedback_domains"], data["feedback_parked"]
    return [
        Claim(
            "Xiang 2023, Fig. 4a",
            f"both domains are diamagnetic at {at[0]:.2f} G after zero-field cooling",
            "negative",
            max(low["lower"], low["upper"]),
            "mG",
            "larger of the mean fields of the currents above the two domains",
            "negative",
            bool(max(low["lower"], low["upper"]) < 0),
            f"Lower {low['lower']:.2f}, upper {low['upper']:.2f} mG.",
        ),
        Claim(
            "Xiang 2023, Fig. 4b",
            "the domains change one after the other as the field rises, the lower one first",
            "positive",
            onset["upper"] - onset["lower"],
            "G",
            "field at which the virgin curve is 10 % off its line, upper less lower domain",
            "positive",
            bool(onset["upper"] > onset["lower"]),
            f"Lower {onset['lower']:.2f} G, upper {onset['upper']:.2f} G: the lower domain has twice the superfluid.",
        ),
        Claim(
            "Xiang 2023, Fig. 4a",
            f"the bottom part starts to turn positive at {at[1]:.2f} G",
            "above 0",
            100 * middle["positive"][0],
            "%",
            "part of the lower domain with a positive field",
            "above 5 %",
            bool(middle["positive"][0] > 0.05),
            f"Mean field {middle['lower']:.2f} mG, {middle['lower'] / _linear(up, 'lower', at[1]):.2f} of the line. "
            "Moments take as much of the Meissner current back as leaves the field on them at the pinning: it falls, "
            "but keeps its sign.",
        ),
        Claim(
            "Xiang 2023, Fig. 4a",
            f"the lower domain is completely paramagnetic at {at[2]:.2f} G, the upper one still diamagnetic",
            "100",
            100 * top["positive"][0],
            "%",
            "part of the lower domain with a positive field",
            "at least 90 %, and a negative mean above the upper domain",
            bool(top["positive"][0] >= 0.9 and top["upper"] < 0),
            f"Lower {top['lower']:.2f}, upper {top['upper']:.2f} mG. A circulating texture loses to the film more than "
            f"the local feedback gives it. With a feedback of {more:g} they are {_pair(tried[0])}.",
        ),
        Claim(
            "Xiang 2023, Fig. 4a",
            f"both domains are paramagnetic at {at[0]:.2f} G on the way down",
            "positive",
            min(back["lower"], back["upper"]),
            "mG",
            "smaller of the mean fields of the currents above the two domains",
            "positive",
            bool(min(back["lower"], back["upper"]) > 0),
            f"Lower {back['lower']:.2f}, upper {back['upper']:.2f} mG, against {low['lower']:.2f} and "
            f"{low['upper']:.2f} mG on the way up. They turn positive at {zero['lower']:.2f} and "
            f"{zero['upper']:.2f} G: the right way, too late. With a feedback of {more:g} they are {_pair(tried[1])}, "
            f"but what the bias writes is {parked[0]:.1f} mG in the parked loop at +{parameters.bias:g} µA and "
            f"{parked[1]:.1f} mG at -{parameters.bias:g} µA afterwards.",
        ),
        Claim(
            "Xiang 2023, Fig. 4a",
            "a positive flux remains when the field is removed",
            "positive",
            min(rest["lower"], rest["upper"]),
            "mG",
            "smaller of the two mean fields at zero field after the positive one",
            "positive",
            bool(min(rest["lower"], rest["upper"]) > 0),
            f"Lower {rest['lower']:.2f}, upper {rest['upper']:.2f} mG.",
        ),
    ]


def _mirror_claims(parameters, data, bias_data):
    up, down, again = (_curves(data, number) for number in range(3))
    rest = _at(again, 0.0)
    mirrored = np.concatenate([again[name] + down[name] for name in ("lower", "upper")])
    size = np.concatenate([again[name] for name in ("lower", "upper")])
    odd = np.sqrt(np.mean(mirrored**2) / np.mean(size**2))
    closed = max(abs(again[name][-1] - up[name][-1]) for name in ("lower", "upper"))
    k, nx = (data["image"].shape[1] - len(data["film_x"]) + 1) // 2, bias_data["body"].shape[1]
    body = data["image"][:, k : k + nx, k : k + bias_data["body"].shape[2]]
    images = max(np.abs(body[a] + body[b]).max() / np.abs(body[a]).max() for a, b in ((3, 7), (4, 8), (5, 9)))
    lower = lower_domain(bias_data)
    match, part = (
        np.corrcoef(body[5][where], bias_data["body"][3][where])[0, 1] for where in (np.ones_like(lower), lower)
    )
    return [
        Claim(
            "Xiang 2023, Fig. 4a",
            "the remanent flux is negative after a negative field",
            "negative",
            max(rest["lower"], rest["upper"]),
            "mG",
            "larger of the two mean fields at zero field after the negative one",
            "negative",
            bool(max(rest["lower"], rest["upper"]) < 0),
            f"Lower {rest['lower']:.2f}, upper {rest['upper']:.2f} mG.",
        ),
        Claim(
            "Xiang 2023, Fig. 4a",
            "patterns of a reversed history of the field are antisymmetric",
            "0",
            100 * images,
            "%",
            "largest sum of an image and that of the reversed history, over the larger flux; the worst of three pairs",
            "at most 10 %",
            bool(images <= 0.1),
            "The positive field acts on a virgin flake, the negative one on a magnetised one.",
        ),
        Claim(
            "Xiang 2023, Fig. 4b",
            "the loop of the field is antisymmetric and closed",
            "0",
            100 * odd,
            "%",
            "rms of the fields up at H plus down at -H, over their rms",
            "at most 5 %, closed to as much",
            bool(odd <= 0.05 and closed <= 0.05 * np.abs(size).max()),
            f"At the second +{parameters.field:g} G within {closed:.3f} mG of the first.",
        ),
        Claim(
            "Xiang 2023, text on Fig. 4",
            "what the field leaves is similar to what the bias leaves",
            "similar",
            match,
            "",
            "correlation of the two remanent images above the flake",
            "at least 0.5",
            bool(match >= 0.5),
            f"{part:.2f} above the lower domain alone. A bias leaves opposite fluxes along the two long edges, the "
            "Meissner current one sign all around.",
        ),
    ]


def _lead_claims(data):
    (ends, ends_size), (side, _) = (_spread(m[data["active"]]) for m in data["moments"])
    positions = np.stack(np.meshgrid(data["cell_x"], data["cell_y"], indexing="ij"), axis=-1) - data["size"] / 2
    outward = positions / np.maximum(np.linalg.norm(positions, axis=-1, keepdims=True), 1e-9)
    m = data["moments"][1][data["active"]]
    radial = np.sum(m * outward[data["active"]]) / np.linalg.norm(m, axis=-1).sum()
    return [
        Claim(
            "Xiang 2023, text on Fig. S4c",
            "leads at opposite ends leave a uniform magnetisation",
            "0",
            ends,
            "degrees",
            "rms angle of the moments from their mean, weighted with their length",
            "at most 10 degrees",
            bool(ends <= 10),
            f"The mean moment is {np.linalg.norm(data['final_moment']):.2f}, across the bias, {ends_size:.2f} long on "
            f"average. With both leads on the upper edge the spread is {side:.0f} degrees.",
        ),
        Claim(
            "Xiang 2023, text on Fig. 4",
            "leads on one side leave moments that point towards the centre of the sample, or away from it",
            "1 or -1",
            radial,
            "",
            "mean component of the moments along the way out of the centre, over their mean length",
            "at least 0.5 in size",
            bool(abs(radial) >= 0.5),
            "Half way between the leads the current is parallel to the edge on both sides of the centre; near the ends "
            "of the flake, where it turns, it stays below the pinning.",
        ),
    ]


def _tension_claims(parameters, figures):
    field, image = figures["figure_4ab"], figures["figure_2dl"]
    virgin = field["screened_branch"] == 0
    H, lower = field["screened_field"][virgin], field["screened_lower"][virgin]
    last, length = (lower[-1] - lower[-2]) / (H[-1] - H[-2]), field["screened_length"][1]
    weak, strong = image["quiet"], image["quiet_screened"]
    width = float(image["size"][1])
    density = AMPERES_PER_CM2 * 120.0 / (width * parameters.thickness)
    return [
        Claim(
            "Xiang 2023, Fig. 4",
            "the lower domain turns paramagnetic also in a flake with a penetration depth of 1 µm",
            "positive",
            lower[-1],
            "mG",
            f"mean field of the currents above the lower domain at {H[-1]:.2f} G, strong screening",
            "positive",
            bool(lower[-1] > 0),
            f"Moments of mean length {length:.2f} are written at {H[1]:.2f} G already, where the field is "
            f"{lower[1]:.0f} mG; from then on it changes by {last:.0f} mG/G, and without moments by "
            f"{float(field['screened_linear']):.0f}. Equal thresholds in bias and field need a Pearl length of "
            "hundreds of µm, that is a penetration depth of about 10 µm.",
        ),
        Claim(
            "Xiang 2023, text on Fig. 2e",
            f"at {parameters.linear_bias:g} µA the field on most of the sample is below 1 mG",
            "most",
            100 * (weak < 1).mean(),
            "%",
            "part of the flake with less than 1 mG, weak screening, no moment moved",
            "above 50 %",
            bool((weak < 1).mean() > 0.5),
            f"Median {np.median(weak):.2f} mG. A bias that flows everywhere has a field of mG everywhere. With strong "
            f"screening, which Fig. 4 excludes, {100 * (strong < 1).mean():.0f} % and {np.median(strong):.2f} mG.",
        ),
        Claim(
            "Xiang 2023, discussion",
            "a switching current of 120 µA is a density below 1e3 A/cm^2",
            "below 1000",
            density,
            "A/cm^2",
            f"120 µA over {width:g} µm times {1e3 * parameters.thickness:g} nm",
            "below 1000",
            bool(density < 1000),
            f"Arithmetic: {density * 1e4:.1e} A/m^2, or {120 / width:.2f} A/m of sheet current.",
        ),
    ]


def _curves(data, number):
    mine = data["branch"] == number
    return {name: data[name][mine] for name in ("field", "lower", "upper", "positive")}


def _at(curves, field):
    nearest = np.argmin(np.abs(curves["field"] - field))
    return {name: values[nearest] for name, values in curves.items()}


def _pair(fields):
    return f"{fields[0]:.2f} and {fields[1]:.2f} mG"


def _linear(curves, name, field):
    return curves[name][1] / curves["field"][1] * field


def _departure(curves, name):
    """How far a curve is off its initial line, over it; 0 at zero."""
    line = _linear(curves, name, curves["field"])
    return np.abs(np.divide(curves[name] - line, line, out=np.zeros_like(line), where=line != 0))


def _spread(m):
    """Rms angle in degrees of moments from their mean, weighted with their length, and the mean length."""
    length, mean = np.linalg.norm(m, axis=-1), m.mean(axis=0)
    across = mean[0] * m[:, 1] - mean[1] * m[:, 0]
    angle = np.degrees(np.arctan2(across, m @ mean))
    return float(np.sqrt(np.sum(length * angle**2) / length.sum())), float(length.mean())
