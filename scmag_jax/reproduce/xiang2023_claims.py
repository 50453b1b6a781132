"""Xiang et al. 2023: what they say of the flake in a bias, decided by the figures of `xiang2023`."""

import numpy as np

from .claims import Claim
from .paper import Data
from .xiang2023_runs import Parameters

ONSET = 20.0  # uA: the paper's own onsets, 140 in Fig. 3a and 120 in Fig. 3d, are that far apart
ONSET_RULE = "within 20 µA, by which the onsets in the paper's Figs. 3a and 3d differ"


def claims(parameters: Parameters, figures: dict[str, Data]) -> list[Claim]:
    """The table of claims.

    Args:
        parameters: those the figures were computed with.
        figures: the data of every figure of `xiang2023`, by their names.
    """
    return [
        *_image_claims(parameters, figures["figure_2dl"]),
        *_virgin_claims(figures["figure_3ab"]),
        *_loop_claims(parameters, figures["figure_3ab"]),
        *_edge_claims(parameters, figures["figure_3cd"], figures["figure_3ab"]),
        *_susceptibility_claims(figures["figure_2dl"]),
    ]


def _image_claims(parameters, data):
    body, lower = data["body"], lower_domain(data)
    virgin, linear, above, after, _, back = body
    negative = (linear < 0) & lower
    turned, alike = (above[negative] > 0).mean(), (np.sign(above) == np.sign(after))[lower].mean()
    induced = above - 2 * linear
    scale = np.sum(induced * after) / np.sum(after**2)
    match = np.corrcoef(induced.ravel(), after.ravel())[0, 1]
    nx, ny = lower.shape
    current = data["current"][0, :nx, :ny]
    size = np.linalg.norm(current, axis=-1)
    top, bottom = size[~lower].mean(), size[lower].mean()
    column = int(parameters.section / (data["film_x"][1] - data["film_x"][0]))
    half_way = [current[column, part, 0].mean() for part in (~lower[column], lower[column])]
    low, high = parameters.linear_bias, parameters.bias
    return [
        Claim(
            "Xiang 2023, Fig. 2d",
            "no flux contrast after zero-field cooling",
            "0",
            np.abs(virgin).max(),
            "mG",
            "largest flux in the virgin image",
            "below 1 mG, the paper's resolution",
            bool(np.abs(virgin).max() < 1),
            "By construction: blocks of a demagnetised sample have no mean moment. Random moments of every cell would "
            "show.",
        ),
        Claim(
            "Xiang 2023, Fig. 2f",
            f"at {low:g} µA the top part has a higher current density",
            "above 1",
            top / bottom,
            "",
            "mean |K| of the upper over that of the lower domain",
            "above 1",
            bool(top > bottom),
            f"{top:.2f} and {bottom:.2f} A/m, which is the current that enters from the leads. Half way between them "
            f"K_x is {half_way[0]:.2f} and {half_way[1]:.2f} A/m: the upper domain has half of the superfluid.",
        ),
        Claim(
            "Xiang 2023, Fig. 2g",
            f"the flux within the sample changes sign between {low:g} and {high:g} µA",
            "sign change",
            100 * turned,
            "%",
            f"part of the lower domain, negative at {low:g} µA, that is positive at {high:g} µA",
            "at least 50 %",
            bool(turned >= 0.5),
            f"It is negative in {100 * negative.sum() / lower.sum():.0f} % of the lower domain at {low:g} µA and in "
            f"{100 * (above < 0)[lower].mean():.0f} % at {high:g} µA. The upper domain, next to the leads, keeps its "
            "sign.",
        ),
        Claim(
            "Xiang 2023, Figs. 2g and 2i",
            f"the flux that +{high:g} µA leaves has the sign of the flux in the bias",
            "same sign",
            100 * alike,
            "%",
            "part of the lower domain where the two have one sign",
            "at least 50 %",
            bool(alike >= 0.5),
            f"In the upper domain {100 * (np.sign(above) == np.sign(after))[~lower].mean():.0f} %: there the return of "
            "the anomalous current shows without the field of the leads.",
        ),
        Claim(
            "Xiang 2023, Figs. 2i and 2l",
            "the remanent flux has the sign of the last bias, and is opposite after the opposite bias",
            "+, -",
            after[lower].mean(),
            "mG",
            f"mean remanent flux of the lower domain after +{high:g} µA",
            "positive, and opposite after the other within 10 %",
            bool(after[lower].mean() > 0 and abs(back[lower].mean() / after[lower].mean() + 1) < 0.1),
            f"{back[lower].mean():.2f} mG after -{high:g} µA, {np.mean(back[~lower]):.2f} and "
            f"{np.mean(after[~lower]):.2f} mG above the upper domain.",
        ),
        Claim(
            "Xiang 2023, Fig. S2a",
            f"the remanent image is that at {high:g} µA less twice that at {low:g} µA",
            "similar",
            match,
            "",
            "correlation of the two images above the flake",
            "at least 0.9",
            bool(match > 0.9),
            f"Scale {scale:.3f}, largest distance {100 * np.abs(induced - after).max() / np.abs(after).max():.0f} % of "
            f"the remanence: moments already move at {low:g} µA where the leads enter. The image at {high:g} µA as it "
            f"is has the correlation {np.corrcoef(above.ravel(), after.ravel())[0, 1]:.2f}.",
        ),
    ]


def _virgin_claims(data):
    bias, flux = _branch(data, 0)
    slope = float(data["slope"])
    linear = (bias > 0) & (bias <= 100)
    deviation = np.abs(flux[linear] / (slope * bias[linear]) - 1).max()
    turn = bias[np.argmin(flux)]
    zero = crossing(bias, flux, after=turn)
    return [
        Claim(
            "Xiang 2023, Fig. 3a",
            "the virgin flux is linear in the bias with a negative slope",
            "negative, linear",
            100 * deviation,
            "%",
            "largest deviation from the straight line up to 100 µA",
            "slope negative, at most 5 %",
            bool(slope < 0 and deviation < 0.05),
            f"Slope {slope:.4f} mG/µA, of which the fields of the leads are a good part.",
        ),
        Claim(
            "Xiang 2023, Fig. 3a",
            "the virgin flux turns upwards at 140 µA",
            "140",
            turn,
            "µA",
            "bias of the lowest virgin flux",
            ONSET_RULE,
            bool(abs(turn - 140) <= ONSET),
            f"{flux.min():.2f} mG there. The strength of the pinning was chosen for this threshold.",
        ),
        Claim(
            "Xiang 2023, Fig. 3a",
            "and crosses zero at 160 µA",
            "160",
            zero,
            "µA",
            "bias of zero virgin flux, interpolated",
            ONSET_RULE,
            bool(abs(zero - 160) <= ONSET),
            "It depends on the place: moments near the lower edge give way over a range of biases.",
        ),
    ]


def _loop_claims(parameters, data):
    (first_bias, first), (down_bias, down), (up_bias, up) = (_branch(data, n) for n in range(3))
    start, high = first[-1], parameters.bias
    rest = down[np.argmin(np.abs(down_bias))]
    peak = down_bias[np.argmax(down)]
    fall, past = int(np.argmin(np.diff(down))), slice(int(np.argmax(down)), None)
    bent = crossing(down_bias[past], down[past] - 0.9 * down.max())
    mirrored = np.interp(up_bias, -down_bias, -down)
    apart = np.abs(up - mirrored)
    odd = np.sqrt(np.mean(apart**2) / np.mean(up**2))
    both = np.isin(up_bias.round(9), first_bias.round(9))
    far = np.abs(up[both] - np.interp(up_bias[both], first_bias, first)) > 0.1 * np.abs(data["flux"]).max()
    # one step beyond the last place where they are apart
    merged = up_bias[both][min(np.flatnonzero(far)[-1] + 1, len(far) - 1)] if far.any() else 0.0
    again = up[-1] / start - 1
    induced = data["induced"]
    frozen = induced[np.flatnonzero((data["branch"] == 1) & (np.abs(data["bias"]) < 1e-9))[0]]
    top = induced[np.flatnonzero(data["branch"] == 0)[-1]]
    return [
        Claim(
            "Xiang 2023, Fig. 3a",
            f"on reducing the bias from {high:g} µA the flux first reduces slightly",
            "negative",
            down[0] - start,
            "mG",
            f"change of the flux in the first step down from {high:g} µA",
            "negative",
            bool(down[0] < start),
            "Moments that nothing moves leave the virgin slope, which is negative: the flux rises as soon as the bias "
            "falls. A reduction needs moments that relax at once, or creep at the highest bias, which is not in the "
            "model.",
        ),
        Claim(
            "Xiang 2023, Fig. 3a",
            "and then increases to a positive value at zero bias",
            "positive",
            rest,
            "mG",
            f"flux at zero bias after +{high:g} µA",
            f"positive and above that at {high:g} µA",
            bool(rest > max(start, 0)),
            f"{start:.2f} mG at {high:g} µA.",
        ),
        Claim(
            "Xiang 2023, Fig. 3a",
            "it keeps increasing when the bias changes sign",
            "positive",
            down.max() - rest,
            "mG",
            "highest flux on the way down less that at zero bias",
            "positive, at a negative bias",
            bool(peak < 0 and down.max() > rest),
            f"{down.max():.2f} mG at {peak:g} µA.",
        ),
        Claim(
            "Xiang 2023, Fig. 3a",
            "until it turns down sharply at -120 µA",
            "-120",
            peak,
            "µA",
            "bias of the highest flux",
            ONSET_RULE,
            bool(abs(peak + 120) <= ONSET),
            f"It bends gradually, has lost 10 % of the highest flux at {bent:.0f} µA, and falls most between "
            f"{down_bias[fall]:g} and {down_bias[fall + 1]:g} µA; it crosses zero at "
            f"{crossing(down_bias, down):.0f} µA. Magnetised places feel their own currents as well.",
        ),
        Claim(
            "Xiang 2023, Fig. 3a",
            f"it reaches a negative value at -{high:g} µA",
            "negative",
            down[-1],
            "mG",
            f"flux at -{high:g} µA",
            "negative",
            bool(down[-1] < 0),
            f"The virgin flake would have {-high * float(data['slope']):+.2f} mG.",
        ),
        Claim(
            "Xiang 2023, Fig. 3a",
            "the sweep up is antisymmetric with the sweep down",
            "0",
            100 * odd,
            "%",
            "rms of flux up at I plus flux down at -I, over the rms of the flux",
            "at most 10 %",
            bool(odd <= 0.1),
            f"At most {apart.max():.1f} mG, at {up_bias[np.argmax(apart)]:g} µA: what the branch down starts from was "
            "written on a virgin flake, the other on a magnetised one. It depends on the sample, the seed.",
        ),
        Claim(
            "Xiang 2023, Fig. 3a",
            "and merges with the virgin trace at 140 µA",
            "140",
            merged,
            "µA",
            "bias from which the two are within 10 % of the largest flux",
            ONSET_RULE,
            bool(abs(merged - 140) <= ONSET),
            "A moment against the bias gives way later than one at zero, by the difference between the local feedback "
            "and what the film takes back, and by its longer way.",
        ),
        Claim(
            "Xiang 2023, Fig. 3a",
            "later sweeps follow the same loop",
            "0",
            100 * again,
            "%",
            f"flux at the second +{high:g} µA over the first, less one",
            "within 5 %",
            bool(abs(again) < 0.05),
            f"{up[-1]:.2f} and {start:.2f} mG.",
        ),
        Claim(
            "Xiang 2023, Fig. 3b",
            "without the linear part the flux is that of a magnetisation, which stays when the bias goes",
            "1",
            frozen / top,
            "",
            f"induced flux at zero bias over that at +{high:g} µA before",
            "within 5 % of 1",
            bool(abs(frozen / top - 1) < 0.05),
            f"{frozen:.2f} and {top:.2f} mG; the film is linear, and few moments move back.",
        ),
    ]


def _edge_claims(parameters, data, loop):
    bias, edge, bulk = (data[name] for name in ("bias", "edge", "bulk"))
    rise = int(np.argmax(np.diff(edge)))
    jump = (bias[rise] + bias[rise + 1]) / 2
    line, line_bulk = edge[1] / bias[1], bulk[1] / bias[1]
    onset = crossing(bias[1:], edge[1:] / (line * bias[1:]) - 1.1)
    rest = np.flatnonzero((loop["branch"] == 1) & (np.abs(loop["bias"]) < 1e-9))[0]
    kept, kept_bulk = loop["edge"][rest], loop["bulk"][rest]
    extra, extra_bulk = edge[-1] - line * bias[-1], bulk[-1] - line_bulk * bias[-1]
    high = parameters.bias
    return [
        Claim(
            "Xiang 2023, Fig. 3d",
            "the current at the edge jumps at 120 µA",
            "120",
            jump,
            "µA",
            "middle of the step with the largest rise of K_x next to the lower edge",
            ONSET_RULE,
            bool(abs(jump - 120) <= ONSET),
            f"From {edge[rise]:.1f} to {edge[rise + 1]:.1f} A/m. It is 10 % above its line at {onset:.0f} µA already: "
            "places give way one after the other, and the section at the cut as a whole.",
        ),
        Claim(
            "Xiang 2023, Figs. 2h and 3d",
            f"the current density along the lower edge is enhanced at {high:g} µA",
            "above 1",
            edge[-1] / (line * bias[-1]),
            "",
            f"K_x next to the lower edge at {high:g} µA over what the virgin line would give",
            "above 2",
            bool(edge[-1] > 2 * line * bias[-1]),
            f"{edge[-1]:.1f} instead of {line * bias[-1]:.1f} A/m.",
        ),
        Claim(
            "Xiang 2023, Fig. 3e",
            "the anomalous current is parallel to the bias at the edge and opposite in the bulk",
            "+, -",
            extra_bulk / extra,
            "",
            f"anomalous K_x half way up over that next to the edge, at {high:g} µA",
            "negative, positive at the edge, larger at the edge",
            bool(extra > 0 > extra_bulk and extra > -extra_bulk),
            f"{extra:+.2f} A/m at the edge, {extra_bulk:+.2f} A/m half way up. The current at the edge needs a rim in "
            "which the moments fade: with uniform moments up to the edge there would be none.",
        ),
        Claim(
            "Xiang 2023, Figs. 2i and 3d",
            "the anomalous current at the edge remains after the bias is removed",
            "+, -",
            kept,
            "A/m",
            f"K_x next to the lower edge at zero bias after +{high:g} µA",
            "positive, and negative in the bulk",
            bool(kept > 0 > kept_bulk),
            f"{kept_bulk:+.2f} A/m half way up.",
        ),
    ]


def _susceptibility_claims(data):
    fixed, moving = data["probe_fixed"], data["probe_moving"]
    virgin = fixed[0]
    apart = np.abs(fixed[1:] - virgin).max() / np.abs(virgin).max()
    by_moments = [np.sqrt(np.mean((found - virgin) ** 2) / np.mean(virgin**2)) for found in moving]
    return [
        Claim(
            "Xiang 2023, Fig. S2b",
            "the induced magnetisation does not affect the diamagnetic susceptibility",
            "0",
            apart,
            "",
            "largest change of the response to a small field by the remanence, over the response, moments fixed",
            "below 1e-6",
            bool(apart < 1e-6),
            "The film is linear; moments do not change its superfluid. Moments that may follow the field change it by "
            f"{100 * by_moments[1]:.1f} and {100 * by_moments[2]:.1f} % (rms) in the two remanent states, virgin ones "
            f"by {100 * by_moments[0]:.1g} %: some are left at the brink.",
        )
    ]


def lower_domain(data: Data) -> np.ndarray:
    """Cells of the rectangle in the lower domain, in the shape of its images."""
    nx, ny = data["body"].shape[1:]
    y = (data["film_y"][1:] + data["film_y"][:-1])[:ny] / 2
    return np.broadcast_to(y < data["divide"], (nx, ny))


def _branch(data, number):
    mine = data["branch"] == number
    return data["bias"][mine], data["flux"][mine]


def crossing(x, values, after=None):
    """Where values first change sign, interpolated; the last x if they do not."""
    for k in np.flatnonzero(np.diff(np.sign(values)) != 0):
        if after is None or x[k] >= after:
            return float(x[k] - values[k] * (x[k + 1] - x[k]) / (values[k + 1] - values[k]))
    return float(x[-1])
