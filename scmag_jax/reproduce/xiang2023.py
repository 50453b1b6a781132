"""Xiang et al. (2023), the experiment on Fe(Se,Te): its figures in the model of the flake.

One function a figure: parameters and sizes -> named NumPy arrays, which are the arguments of the function of
`scmag_jax.plot` that draws them (`FIGURES`, at the end). Fields are those of the currents in mG: of images, cuts and
the parked loop averaged over the loop, in means over a domain those of points at its height. The scales of the paper's
Figs. 3 and 4 can not be read in its text: signs, thresholds and shapes are compared.
"""

import jax.numpy as jnp
import numpy as np

from .. import plot
from .paper import Data, Figure
from .xiang2023_runs import (
    Parameters,
    Sizes,
    bias_run,
    feedback_runs,
    field_run,
    flake_of,
    image_edges,
    images,
    inside,
    line_cut,
    loop_flux,
    measure_of,
    parked,
    probe_run,
    pulse_run,
    state_of,
    states_of,
    step_of,
    warming_run,
)

QUICK = Sizes(spacing=2.5, bias_step=10.0, field_steps=14, screened_steps=7, pulse_steps=10)
FULL = Sizes(spacing=1.25, bias_step=5.0, field_steps=28, screened_steps=7, pulse_steps=20)


def figure_2dl(parameters: Parameters, sizes: Sizes) -> Data:
    """Figs. 2d to 2l: images and currents of the virgin flake, in the bias, and of what it leaves.

    `probe_...` is the response to a small field of virgin and remanent states, at fixed moments and with moments that
    may move (`probe_moving`), as images above the rectangle. `quiet_...` is |B_z| at the linear bias without moments.
    """
    flake, data = flake_of(parameters, sizes, parameters.preset), bias_run(parameters, sizes)
    amplitude, linear = parameters.bias, parameters.linear_bias
    places = [(0, 0.0), (0, linear), (0, amplitude), (1, 0.0), (1, -amplitude), (2, 0.0)]
    steps = [step_of(data, branch, bias=bias) for branch, bias in places]
    shown = [steps[place] for place in (1, 2, 4)]
    found = images(parameters, states_of(flake, data, steps))
    x, y = image_edges(flake)
    return as_arrays(
        {
            "x": x,
            "y": y,
            "image": found,
            "bias": [bias for _, bias in places],
            "after": [0.0, 0.0, 0.0, amplitude, 0.0, -amplitude],
            "current": data.current.values[shown],
            "current_bias": [bias for bias in (linear, amplitude, -amplitude)],
            "mask": flake.film.mask,
            "film_x": float(flake.spacing) * np.arange(flake.shape[0] + 1),
            "film_y": float(flake.spacing) * np.arange(flake.shape[1] + 1),
            "size": flake.size,
            "divide": flake.divide,
            "parked": parameters.parked,
            "section": parameters.section,
            "loop_flux": loop_flux(parameters),
            "body": inside(flake, found),
            **_susceptibility(parameters, sizes, [steps[0], steps[3], steps[5]]),
            **_quiet(parameters, sizes),
        }
    )


def figure_3ab(parameters: Parameters, sizes: Sizes) -> Data:
    """Figs. 3a and 3b: what the parked loop sees against the bias, and without the part that is linear in it."""
    flake, data = flake_of(parameters, sizes, parameters.preset), bias_run(parameters, sizes)
    flux, bias = parked(parameters, states_of(flake, data, range(len(data.step)))), data.bias.values
    slope = flux[1] / bias[1]  # no moment has moved
    return as_arrays(
        {
            "bias": bias,
            "branch": data.branch.values,
            "flux": flux,
            "slope": slope,
            "induced": flux - slope * bias,
            "parked": parameters.parked,
            "lower": data.lower.values,
            "edge": data.edge.values,
            "bulk": data.bulk.values,
            "moment": data.moment.values,
        }
    )


def figure_3cd(parameters: Parameters, sizes: Sizes) -> Data:
    """Figs. 3c and 3d: cuts across the lower edge after zero-field cooling, currents at the edge and in the middle."""
    flake, data = flake_of(parameters, sizes, parameters.preset), bias_run(parameters, sizes)
    virgin = np.flatnonzero(data.branch.values == 0)
    wanted = np.linspace(parameters.bias / 5, parameters.bias, 9)
    steps = sorted({step_of(data, 0, bias=bias) for bias in wanted})
    y, cuts = line_cut(parameters, states_of(flake, data, steps))
    return as_arrays(
        {
            "y": y,
            "cuts": cuts,
            "cut_bias": data.bias.values[steps],
            "bias": data.bias.values[virgin],
            "edge": data.edge.values[virgin],
            "bulk": data.bulk.values[virgin],
            "section": parameters.section,
            "spacing": flake.spacing,
        }
    )


def figure_3f(parameters: Parameters, sizes: Sizes) -> Data:
    """Fig. 3f: what is left of the flux and of the moments after warming, imaged cold.

    `contrast` is the standard deviation of an image above the rectangle and `range` its largest less its smallest
    value, both in mG; `left` the most that moments can keep, the mean over the cells of m_s(T) relative to base;
    `erased` the longest moment after the highest temperature.
    """
    flake, data = flake_of(parameters, sizes, parameters.preset), warming_run(parameters, sizes)
    written, base = bias_run(parameters, sizes), float(flake.temperature)
    before = step_of(written, 2, bias=0.0)
    cold = np.arange(1, len(data.step), 2)
    states = states_of(flake, written, [before]) + states_of(flake, data, cold)
    body = inside(flake, images(parameters, states))
    moments = np.concatenate([written.moments.values[[before]], data.moments.values[cold]])[:, np.asarray(flake.active)]
    mean, length = np.linalg.norm(moments.mean(axis=1), axis=-1), np.linalg.norm(moments, axis=-1).mean(axis=1)
    fine = np.linspace(base, max(parameters.temperatures), 60)
    left = [np.asarray(flake.radius({"temperature": jnp.asarray(t)}))[np.asarray(flake.active)].mean() for t in fine]
    return as_arrays(
        {
            "temperature": [base, *parameters.temperatures],
            "contrast": body.std(axis=(1, 2)),
            "range": np.ptp(body, axis=(1, 2)),
            "moment": mean,
            "length": length,
            "fine": fine,
            "left": left,
            "erased": np.abs(moments[-1]).max(),
            "critical_temperature": flake.critical_temperature,
        }
    )


def figure_4ab(parameters: Parameters, sizes: Sizes) -> Data:
    """Figs. 4a and 4b: images in a field, and the mean field above both domains along its loop.

    `positive` is the part of what is averaged, of the lower and the upper domain, where the field is along +z,
    `(steps, 2)`. `screened_...` belongs to the other preset: with mean lengths of the moments, and the field above the
    lower domain that 1 G makes without moments. `feedback_...` belongs to more local feedback: lower and upper domain
    at the top and after 4/7 of the way back, the parked field at both ends of the bias.
    """
    flake, data = flake_of(parameters, sizes, parameters.preset), field_run(parameters, sizes, parameters.preset)
    screened = flake_of(parameters, sizes, parameters.screened)
    other = field_run(parameters, sizes, parameters.screened)
    still = measure_of(parameters, screened)(jnp.zeros((*screened.shape, 2)), _rest(screened) | {"field": 1.0})
    lengths = np.linalg.norm(other.moments.values[:, np.asarray(screened.active)], axis=-1).mean(axis=1)
    low, middle, top = parameters.field * 3 / 7, parameters.field * 5 / 7, parameters.field
    places = [(0, 0.0), (0, low), (0, middle), (0, top), (1, low)]
    places += [(1, 0.0), (1, -low), (1, -top), (2, -low), (2, 0.0)]
    steps = [step_of(data, branch, field=field) for branch, field in places]
    x, y = image_edges(flake)
    domains = [np.asarray(weight) > 0 for weight in measure_of(parameters, flake).domains]
    positive = [[(step[domain] > 0).mean() for domain in domains] for step in data.image.values]
    return as_arrays(
        {
            "x": x,
            "y": y,
            "image": images(parameters, states_of(flake, data, steps)),
            "image_field": data.field.values[steps],
            "image_branch": [branch for branch, _ in places],
            "mask": flake.film.mask,
            "film_x": float(flake.spacing) * np.arange(flake.shape[0] + 1),
            "film_y": float(flake.spacing) * np.arange(flake.shape[1] + 1),
            "divide": flake.divide,
            "size": flake.size,
            "field": data.field.values,
            "branch": data.branch.values,
            "lower": data.lower.values,
            "upper": data.upper.values,
            "positive": positive,
            "screened_field": other.field.values,
            "screened_branch": other.branch.values,
            "screened_lower": other.lower.values,
            "screened_upper": other.upper.values,
            "screened_length": lengths,
            "screened_linear": still["lower"],
            **_with_feedback(parameters, sizes),
        }
    )


def opposite_leads(parameters: Parameters, sizes: Sizes) -> Data:
    """Text, leads at opposite ends: moments and image after a pulse, beside those that leads on a side leave.

    Both `(2, ...)`: opposite leads first.
    """
    ends, beside = (flake_of(parameters, sizes, parameters.preset, leads) for leads in ("ends", "side"))
    pulse, loop = pulse_run(parameters, sizes), bias_run(parameters, sizes)
    steps = len(pulse.step) - 1, step_of(loop, 1, bias=0.0)
    h, (nx, ny) = float(ends.spacing), ends.shape
    written = [data.moments.values[step, :, :ny] for data, step in ((pulse, steps[0]), (loop, steps[1]))]
    found = [
        images(parameters, states_of(flake, data, [step]))[0]
        for flake, data, step in zip((ends, beside), (pulse, loop), steps, strict=True)
    ]
    x, y = image_edges(ends)
    return as_arrays(
        {
            "x": x,
            "y": y,
            "image": [values[:, : len(y) - 1] for values in found],
            "moments": written,
            "active": np.asarray(ends.active),
            "cell_x": h * (np.arange(nx) + 0.5),
            "cell_y": h * (np.arange(ny) + 0.5),
            "size": ends.size,
            "divide": ends.divide,
            "bias": parameters.bias,
            "final_moment": pulse.moment.values[-1],
        }
    )


def as_arrays(data: Data) -> Data:
    """All values as NumPy arrays."""
    return {name: np.asarray(value) for name, value in data.items()}


def _susceptibility(parameters, sizes, steps):
    flake, data = flake_of(parameters, sizes, parameters.preset), bias_run(parameters, sizes)
    fixed, moving = [], []
    for moments in data.moments.values[steps]:
        after = probe_run(parameters, sizes, moments)
        drives = [_rest(flake) | {"field": field} for field in (0.0, parameters.probe_field)]
        states = [state_of(flake, drive, m) for m in (moments, after.moments.values[1]) for drive in drives]
        found = inside(flake, images(parameters, states))
        fixed.append(found[1] - found[0])
        moving.append(found[3] - found[0])
    return {"probe_fixed": fixed, "probe_moving": moving}


def _with_feedback(parameters, sizes):
    field, bias = feedback_runs(parameters, sizes)
    top = [step_of(field, 0, field=parameters.field), len(field.step) - 1]
    ends = [step_of(bias, 0, bias=parameters.bias), len(bias.step) - 1]
    return {
        "feedback": parameters.feedback,
        "feedback_domains": np.stack([field.lower.values[top], field.upper.values[top]], axis=-1),
        "feedback_parked": bias.parked.values[ends],
    }


def _quiet(parameters, sizes):
    quiet = {}
    for name, preset in (("quiet", parameters.preset), ("quiet_screened", parameters.screened)):
        flake = flake_of(parameters, sizes, preset)
        state = state_of(flake, _rest(flake) | {"bias": parameters.linear_bias}, np.zeros((*flake.shape, 2)))
        quiet[name] = np.abs(inside(flake, images(parameters, [state]))[0])
    return quiet


def _rest(flake):
    return {"bias": 0.0, "field": 0.0, "temperature": float(flake.temperature)}


FIGURES = (
    Figure("figure_2dl", "Xiang 2023, Figs. 2d-2l: flux and current in a bias", figure_2dl, plot.bias_images, 33),
    Figure("figure_3ab", "Xiang 2023, Figs. 3a and 3b: parked loop", figure_3ab, plot.parked_loop, 7),
    Figure("figure_3cd", "Xiang 2023, Figs. 3c and 3d: current at the edge", figure_3cd, plot.edge_currents, 3),
    Figure("figure_3f", "Xiang 2023, Fig. 3f: warming", figure_3f, plot.warmed_moments, 5),
    Figure("figure_4ab", "Xiang 2023, Figs. 4a and 4b: loop of the field", figure_4ab, plot.field_images, 14),
    Figure("opposite_leads", "Xiang 2023, text: leads at opposite ends", opposite_leads, plot.pulse_moments, 13),
)
