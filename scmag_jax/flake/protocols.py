"""What the experiment does with the flake: schedules of its knobs, and what is measured at each of their values."""

import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import equinox as eqx
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from .._checks import known_array, plain_number, positive, with_shape
from ..spins import Schedule, hysteresis, schedules
from .flake import Flake

if TYPE_CHECKING:
    import xarray

MILLIGAUSS = 1e7  # per T


def bias_loop(amplitude: Any = 200.0, *, step: Any = 5.0) -> Schedule:
    """Virgin curve and loop of the bias in uA, as in Fig. 3a: up, down through zero, and up again.

    Example:
        >>> print(bias_loop(200.0, step=100.0).drives["bias"])
        [   0.  100.  200.  100.    0. -100. -200. -100.    0.  100.  200.]
    """
    return schedules.loop(amplitude, step=step, name="bias")


def field_loop(amplitude: Any = 1.5, *, step: Any = 0.1) -> Schedule:
    """Virgin curve and loop of the applied field in gauss, as in Fig. 4b.

    Example:
        >>> print(field_loop(1.5, step=0.75).drives["field"])
        [ 0.    0.75  1.5   0.75  0.   -0.75 -1.5  -0.75  0.    0.75  1.5 ]
    """
    return schedules.loop(amplitude, step=step, name="field")


def cool(flake: Flake, start: Any = None) -> Schedule:
    """Zero-field cooling from above every ordering temperature: erases what is written, exactly.

    Args:
        flake: whose base temperature it ends at.
        start: temperature to begin at; None is a tenth above the highest critical temperature.

    Example:
        >>> print(cool(Flake(spacing=5.0)).drives)
        {'bias': array([0., 0.]), 'temperature': array([6.9222182, 1.5      ])}
    """
    highest = max(float(flake.critical_temperature), float(flake.critical_temperatures.max()))
    start = 1.1 * highest if start is None else start
    return Schedule({"bias": 0.0, "temperature": [start, float(flake.temperature)]})


def write_and_warm(
    flake: Flake, bias: Any = -200.0, temperatures: Sequence[Any] = (3.0, 4.0, 4.5, 5.0), *, step: Any = 5.0
) -> Schedule:
    """Write with a bias, then warm to each temperature in turn and cool to image, as in Fig. 3f.

    Branches 2k + 2 are at the temperatures, branches 2k + 3 back at base. Warming further forgets nothing that warming
    less would have kept, so that what is written once serves rising temperatures.

    Args:
        flake: whose base temperature it is imaged at.
        bias: that is applied and removed, in uA.
        temperatures: in K, rising.
        step: of the bias.

    Raises:
        ValueError: temperatures that do not rise from the base temperature.

    Example:
        >>> schedule = write_and_warm(Flake(spacing=5.0), 100.0, [3.0, 5.0], step=50.0)
        >>> print(schedule.drives["bias"], schedule.drives["temperature"])
        [  0.  50. 100.  50.   0.   0.   0.   0.   0.] [1.5 1.5 1.5 1.5 1.5 3.  1.5 5.  1.5]
    """
    base = float(flake.temperature)
    known = known_array("temperatures", temperatures)
    if not (np.diff(known, prepend=base) > 0).all():
        raise ValueError(f"temperatures must rise from the base temperature {base}, got {known.tolist()}")
    written = schedules.sweep(0.0, bias, 0.0, step=step, name="bias").with_drives(temperature=base)
    for temperature in known:
        written = written + Schedule({"bias": 0.0, "temperature": temperature})
        written = written + Schedule({"bias": 0.0, "temperature": base})
    return written


class Measurements(eqx.Module):
    """What is measured of a flake at every step, all from one solve: images, a parked sensor, currents.

    Called with moments and a drive it returns a dictionary; fields are those of the currents, without the applied one:

        image     B_z above every cell in mG, `(nx, ny)`
        current   sheet current in A/m, `(nx, ny, 2)`
        parked    B_z at the parked point in mG
        edge      K_x next to the lower edge at the section, in A/m, half a cell inside
        rim       current along x in the rim of the lower edge at the section, in uA
        bulk      K_x half way up the section, in A/m
        lower     mean B_z above the lower domain, `margin` or more from the edge of the rectangle, in mG
        upper     likewise of the upper one
        moment    mean of the moments over the cells that have them, `(2,)`

    Args:
        flake: the flake.
        height: of the sensor, in um.
        parked: where it is parked for a loop, in um.
        section: x of the line across, in um.
        rim_width: of `rim`, in um.
        margin: of `lower` and `upper`, in um: the sensor sees the return field of currents at the edge there.

    Raises:
        ValueError: a height that is not positive, a point or a section outside the rectangle.

    Example:
        >>> flake = Flake(spacing=5.0)
        >>> found = Measurements(flake)(jnp.zeros((*flake.shape, 2)), {"bias": 100.0})
        >>> print(f"{found['edge']:.2f} {found['bulk']:.2f}")
        1.85 2.34
    """

    flake: Flake
    height: Float[Array, ""]
    offset: Float[Array, "1 2"]
    domains: tuple[Float[Array, "nx ny"], Float[Array, "nx ny"]]
    cell: tuple[int, int] = eqx.field(static=True)
    column: int = eqx.field(static=True)
    rows: int = eqx.field(static=True)
    middle: tuple[int, int] = eqx.field(static=True)

    def __init__(
        self,
        flake: Flake,
        height: Any = 1.0,
        parked: Any = (75.0, 5.0),
        section: Any = 50.0,
        rim_width: Any = 7.5,
        margin: Any = 10.0,
    ):
        self.flake = flake
        self.height = positive("height", height).astype(float)
        h = flake.spacing
        counts = [round(side / h) for side in flake.size]
        point = known_array("parked", parked)
        section, width = plain_number("section", section), plain_number("rim_width", rim_width)
        if point.shape != (2,):
            raise ValueError(f"parked must be a point (x, y), got {parked!r}")
        if not (0 <= point).all() or not (point <= flake.size).all() or not 0 <= section <= flake.size[0]:
            raise ValueError(f"parked and section must lie in the rectangle of {flake.size}, got {parked}, {section}")
        cell = np.minimum((point / h).astype(int), np.array(counts) - 1)
        self.cell = int(cell[0]), int(cell[1])
        self.offset = jnp.asarray(point - h * (cell + 0.5))[None]
        self.column = round(section / h)
        self.rows = max(1, min(round(width / h), counts[1] // 2))
        # the row, or the two rows, half way up
        self.middle = (counts[1] - 1) // 2, counts[1] // 2 + 1
        x, y = (h * (np.arange(n) + 0.5) for n in flake.shape)
        away = plain_number("margin", margin)
        across = (x > away) & (x < flake.size[0] - away)
        inside = across[:, None] & (y > away) & (y < flake.size[1] - away)
        below = y < flake.divide
        if not (inside & below).any() or not (inside & ~below).any():
            raise ValueError(f"margin must leave cells of both domains, got {away:g}")
        one, other = (jnp.asarray(part / part.sum()) for part in (inside & below, inside & ~below))
        self.domains = one, other

    def __call__(self, moments: Float[Array, "nx ny 2"], drive: dict[str, Any]) -> dict[str, Array]:
        """What is measured with given moments in a drive."""
        flake, unit = self.flake, MILLIGAUSS * self.flake.units.field
        state = flake.state(drive, moments)
        image = unit * state.bz(self.height)
        along = state.link_currents[0][self.column]
        inside = jnp.where(flake.active[..., None], moments, 0.0)
        return {
            "image": image,
            "current": state.current,
            "parked": unit * state.bz(self.height, offsets=self.offset)[self.cell],
            "edge": along[0],
            "rim": flake.spacing * jnp.sum(along[: self.rows]),
            "bulk": jnp.mean(along[self.middle[0] : self.middle[1]]),
            "lower": jnp.sum(self.domains[0] * image),
            "upper": jnp.sum(self.domains[1] * image),
            "moment": jnp.sum(inside, axis=(0, 1)) / jnp.sum(flake.active).astype(float),
        }


def run(
    flake: Flake,
    schedule: Schedule | Mapping[str, Any],
    *,
    measure: Callable | None = None,
    moments: Any = None,
    path: str | os.PathLike | None = None,
    tolerance: Any = 1e-6,
    max_steps: int = 20_000,
    textures: bool = True,
    progress: Callable[[Iterable], Iterable] | None = None,
) -> "xarray.Dataset":
    """Take a flake through a schedule: `hysteresis` with its pinning, its radius m_s(T), and what is measured.

    Args:
        flake: the flake.
        schedule: of "bias", "field" and "temperature"; what it does not name stays at zero, or at base temperature.
        measure: function of moments and drive; None is `Measurements(flake)`.
        moments: before the first step, `(nx, ny, 2)`; None is zero, the virgin state.
        path: of the dataset; the run resumes from there.
        tolerance: of the unbalanced field over the largest one, at every step.
        max_steps: evaluations of the field allowed at every step.
        textures: keep the moments of every step.
        progress: such as `tqdm.tqdm`.

    Returns:
        The dataset of `hysteresis`, with the centres of the cells as coordinates `x` and `y` in um, and images and
        currents on them.

    Raises:
        ValueError: as `hysteresis` and `Flake.energy`.
        RuntimeError: a step did not converge.

    Example:
        >>> flake = Flake(spacing=5.0)
        >>> data = run(flake, bias_loop(200.0, step=50.0))
        >>> print(data.bias.values[4:9], data.edge.values[4:9].round(1))
        [200. 150. 100.  50.   0.] [12.8 11.8 10.9 10.   9.1]
    """
    measure = Measurements(flake) if measure is None else measure
    if not isinstance(schedule, Schedule):
        schedule = Schedule(dict(schedule))
    # with all knobs named, all protocols are one compiled program
    still = {"bias": 0.0, "field": 0.0, "temperature": float(flake.temperature)}
    schedule = schedule.with_drives(**{**still, **schedule.drives})
    start = jnp.zeros((*flake.shape, 2)) if moments is None else with_shape("moments", moments, (*flake.shape, 2))
    data = hysteresis(
        flake.energy,
        start,
        schedule,
        pinning=flake.pinning,
        radius=flake.radius,
        observables=measure,
        path=path,
        tolerance=tolerance,
        max_steps=max_steps,
        textures=textures,
        progress=progress,
    )
    return on_grid(flake, data)


def on_grid(flake: Flake, data: "xarray.Dataset") -> "xarray.Dataset":
    """The dataset with images and currents on named axes, and the centres of the cells in um as coordinates.

    Args:
        flake: that it is of.
        data: as `hysteresis` returns it.
    """
    names = {f"{name}_{k}": axis for name in ("image", "current") for k, axis in enumerate(("x", "y", "component"))}
    names |= {"moment_0": "component"}
    data = data.rename({old: new for old, new in names.items() if old in data.dims})
    h = flake.spacing
    return data.assign_coords({axis: h * (np.arange(n) + 0.5) for axis, n in zip("xy", flake.shape, strict=True)})
