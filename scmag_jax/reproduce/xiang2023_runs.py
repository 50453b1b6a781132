"""Xiang et al. 2023: what is done with the flake, each run once, and what the pickup loop sees in its states.

Runs are kept, so that the figures of one experiment share them.
"""

import dataclasses
import functools
from collections.abc import Sequence
from typing import Any

import equinox as eqx
import jax.numpy as jnp
import numpy as np

from ..film import FilmState
from ..flake import Flake, Measurements, bias_loop, field_loop
from ..flake import run as follow
from ..spins import Schedule, schedules
from ..squid import Squid
from ..squid.rules import ring_points
from ..units import FLUX_QUANTUM, MU0

MARGIN = 10.0  # um around the grid that images show
MILLIGAUSS = 1e7 * MU0  # per A/m
RUNS = 4  # that are kept


@dataclasses.dataclass(frozen=True)
class Parameters:
    """What is done with the flake, and where it is looked at; what it is made of are the presets of `Flake`.

    Attributes:
        preset: of the flake.
        screened: preset of the flake in which the field loop is repeated.
        seed: of the disorder.
        feedback: weight of the local feedback, `lorentz`, with which Fig. 4 is tried again where the preset fails.
        bias: amplitude of the loop of Figs. 2 and 3, uA.
        linear_bias: of the image of Fig. 2e, uA.
        field: amplitude of the loop of Fig. 4, G.
        probe_field: of the susceptibility, G.
        temperatures: of the warming of Fig. 3f, K; the last above every critical temperature.
        height: of the pickup loop, um.
        loop_radius: of the pickup loop, um.
        parked: where it is parked for a loop, um.
        section: x of the line across, um.
        thickness: of the flake, um.
    """

    preset: str = "weak"
    screened: str = "screened"
    seed: int = 0
    feedback: float = 0.3
    bias: float = 200.0
    linear_bias: float = 100.0
    field: float = 1.51
    probe_field: float = 0.01
    temperatures: tuple[float, ...] = (2.0, 2.5, 3.0, 3.5, 4.0, 4.5, 5.0, 5.5, 7.0)
    height: float = 1.0
    loop_radius: float = 1.0
    parked: tuple[float, float] = (75.0, 5.0)
    section: float = 50.0
    thickness: float = 0.3


@dataclasses.dataclass(frozen=True)
class Sizes:
    """Grids and steps.

    Attributes:
        spacing: side of a cell, um.
        bias_step: of the loop of the bias, uA; a divisor of its amplitude and of `linear_bias`.
        field_steps: of the loop of the field to its amplitude, a multiple of 7: 0.65, 1.08 and 1.51 G are among them.
        screened_steps: likewise of the screened flake, any number.
        pulse_steps: of the bias between leads at opposite ends, to its amplitude.
    """

    spacing: float
    bias_step: float
    field_steps: int
    screened_steps: int
    pulse_steps: int


@functools.lru_cache(maxsize=RUNS)
def flake_of(
    parameters: Parameters, sizes: Sizes, preset: str, leads: str = "side", feedback: float | None = None
) -> Flake:
    """The flake of a preset, with its two leads on a side, or at its "ends", and with another local feedback."""
    changes: dict[str, Any] = {"leads": leads} if leads != "side" else {}
    changes |= {"lorentz": feedback} if feedback is not None else {}
    return getattr(Flake, preset)(spacing=sizes.spacing, seed=parameters.seed, **changes)


@functools.lru_cache(maxsize=RUNS)
def bias_run(parameters: Parameters, sizes: Sizes) -> Any:
    """Virgin curve and loop of the bias."""
    flake = flake_of(parameters, sizes, parameters.preset)
    return _run(parameters, flake, bias_loop(parameters.bias, step=sizes.bias_step))


@functools.lru_cache(maxsize=RUNS)
def field_run(parameters: Parameters, sizes: Sizes, preset: str) -> Any:
    """Virgin curve and loop of the applied field."""
    count = sizes.screened_steps if preset == parameters.screened else sizes.field_steps
    schedule = field_loop(parameters.field, step=parameters.field / count)
    return _run(parameters, flake_of(parameters, sizes, preset), schedule)


@functools.lru_cache(maxsize=RUNS)
def warming_run(parameters: Parameters, sizes: Sizes) -> Any:
    """From what -I left: branch 2k at the temperature k, branch 2k + 1 back at base."""
    flake = flake_of(parameters, sizes, parameters.preset)
    written = bias_run(parameters, sizes)
    start = written.moments.values[step_of(written, 2, bias=0.0)]
    base = float(flake.temperature)
    values = np.array([[temperature, base] for temperature in parameters.temperatures]).ravel()
    return _run(parameters, flake, Schedule({"temperature": values}, np.arange(len(values))), start)


@functools.lru_cache(maxsize=RUNS)
def pulse_run(parameters: Parameters, sizes: Sizes) -> Any:
    """A pulse of the bias between leads at opposite ends."""
    flake = flake_of(parameters, sizes, parameters.preset, "ends")
    pulse = schedules.sweep(0.0, parameters.bias, 0.0, step=parameters.bias / sizes.pulse_steps, name="bias")
    return _run(parameters, flake, pulse)


def feedback_runs(parameters: Parameters, sizes: Sizes) -> tuple[Any, Any]:
    """With more local feedback: the field up and 4/7 of the way back, and the bias from zero to +I and to -I."""
    flake = flake_of(parameters, sizes, parameters.preset, feedback=parameters.feedback)
    top, step = parameters.field, parameters.field / 7
    field = schedules.sweep(0.0, top, top - 4 * step, step=step, name="field")
    bias = schedules.sweep(0.0, parameters.bias, -parameters.bias, step=parameters.bias / 4, name="bias")
    return _run(parameters, flake, field), _run(parameters, flake, bias)


def probe_run(parameters: Parameters, sizes: Sizes, moments: Any) -> Any:
    """A small field on given moments, which may move: without and with it."""
    flake = flake_of(parameters, sizes, parameters.preset)
    return _run(parameters, flake, Schedule({"field": [0.0, parameters.probe_field]}), moments)


def _run(parameters, flake, schedule, moments=None):
    return follow(flake, schedule, measure=measure_of(parameters, flake), moments=moments)


def measure_of(parameters: Parameters, flake: Flake) -> Measurements:
    """What is measured at every step."""
    return Measurements(flake, parameters.height, parameters.parked, parameters.section)


def step_of(data: Any, branch: int, **drive: float) -> int:
    """Step of a branch whose drive is nearest to a value."""
    ((name, value),) = drive.items()
    away = np.where(data.branch.values == branch, np.abs(data[name].values - value), np.inf)
    return int(np.argmin(away))


def loop_flux(parameters: Parameters) -> float:
    """Flux through the pickup loop in mPhi0 in 1 mG."""
    return 1e3 * 1e-7 * np.pi * (parameters.loop_radius * 1e-6) ** 2 / FLUX_QUANTUM


def states_of(flake: Flake, data: Any, steps: Any) -> list[FilmState]:
    """Currents at some steps of a run."""
    drives = [{name: float(data[name].values[step]) for name in ("bias", "field", "temperature")} for step in steps]
    return [state_of(flake, drive, data.moments.values[step]) for drive, step in zip(drives, steps, strict=True)]


def state_of(flake: Flake, drive: dict[str, float], moments: Any) -> FilmState:
    """Currents of given moments in a drive, by name all three."""
    return _solved(flake, {name: jnp.asarray(value, float) for name, value in drive.items()}, jnp.asarray(moments))


def seen(parameters: Parameters, states: Sequence[FilmState], shifts: Any) -> np.ndarray:
    """Mean field in mG in the loop above every cell, moved by each shift: `(states, shifts, nx, ny)`."""
    squid = Squid(parameters.height, parameters.loop_radius)
    points, weights = ring_points(squid.counts, jnp.zeros(()), jnp.asarray(parameters.loop_radius))
    moved = [points + jnp.asarray(shift, float)[None] for shift in shifts]
    return MILLIGAUSS * np.asarray([[_seen(state, squid.height, at, weights) for at in moved] for state in states])


# one state and one place of the loop at a time: their numbers would be part of the program
@eqx.filter_jit
def _solved(flake, drive, moments):
    return flake.state(drive, moments)


@eqx.filter_jit
def _seen(state, height, points, weights):
    return state.bz(height, offsets=points, weights=weights)


def images(parameters: Parameters, states: Sequence[FilmState]) -> np.ndarray:
    """Images with a margin around the grid, in mG: `(states, nx + 2 k, ny + 2 k)`."""
    k, h = _margin(states[0])
    low, high = -k * h, k * h
    maps = seen(parameters, states, [(low, low), (high, low), (low, high), (high, high)])
    count, _, nx, ny = maps.shape
    found = np.empty((count, nx + 2 * k, ny + 2 * k))
    for place, (i, j) in enumerate([(0, 0), (2 * k, 0), (0, 2 * k), (2 * k, 2 * k)]):
        found[:, i : i + nx, j : j + ny] = maps[:, place]
    return found


def image_edges(flake: Flake) -> tuple[np.ndarray, np.ndarray]:
    """Sides of the pixels of `images`, in um."""
    k, h = _margin(flake)
    x, y = (h * (np.arange(n + 2 * k + 1) - k) for n in flake.shape)
    return x, y


def inside(flake: Flake, found: Any) -> np.ndarray:
    """The part of `images` above the rectangle, without leads and margin."""
    k, h = _margin(flake)
    nx, ny = (round(side / h) for side in flake.size)
    return np.asarray(found)[:, k : k + nx, k : k + ny]


def parked(parameters: Parameters, states: Sequence[FilmState]) -> np.ndarray:
    """Mean field in the parked loop in mG, `(states,)`."""
    h = float(states[0].spacing)
    cell = np.floor(np.array(parameters.parked) / h).astype(int)
    shift = np.array(parameters.parked) - h * (cell + 0.5)
    return seen(parameters, states, shift[None])[:, 0, cell[0], cell[1]]


def line_cut(
    parameters: Parameters, states: Sequence[FilmState], top: float = 30.0, finer: int = 4
) -> tuple[np.ndarray, np.ndarray]:
    """Positions y from below the lower edge to `top` at the section, and what the loop sees there in mG."""
    k, h = _margin(states[0])
    column = int(parameters.section / h)
    across = parameters.section - h * (column + 0.5)
    shifts = [(across, h * (part / finer - k)) for part in range(finer)]
    maps = seen(parameters, states, shifts)[:, :, column]
    rows = np.arange(maps.shape[-1])[:, None] + 0.5 - k
    y = h * (rows + np.arange(finer)[None] / finer).ravel()
    cuts = np.moveaxis(maps, 1, 2).reshape(len(maps), -1)
    return y[y <= top], cuts[:, y <= top]


def _margin(has_spacing):
    h = float(has_spacing.spacing)
    return max(1, round(MARGIN / h)), h
