"""Hysteresis: moments follow a schedule of drives; one labelled dataset, written as it goes, resumed where it ended."""

import hashlib
import importlib.metadata
import json
import os
import pathlib
from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING, Any

import jax
import jax.numpy as jnp
import numpy as np

from .._checks import concrete, traced
from ..files import Journal, complete_path
from ..solution import RESULTS
from .quasistatic import check_drives, check_moments, measure_of, quasistatic
from .schedules import Schedule

if TYPE_CHECKING:
    import xarray

DIGITS = 9  # of numbers that tell one run from another
PROBED = 24  # steps where they are taken, and those of extreme drives
OBSERVABLE = "observable "
AXES = ("x", "y", "z", "site", "component")
VARIABLES = (
    *("moments", "mean_moments", "last_moments"),
    *("energy", "start_energy", "dissipated", "converged", "residual", "evaluations"),
)


def hysteresis(
    energy_of_drive: Callable,
    m0: Any,
    schedule: Any,
    *,
    pinning: Any = None,
    radius: Any = 1.0,
    observables: Mapping[str, Callable] | Callable | None = None,
    path: str | os.PathLike | None = None,
    constraint: str | None = None,
    optimiser: Any = None,
    tolerance: Any = 1e-6,
    max_steps: int = 20_000,
    textures: bool = True,
    progress: Callable[[Iterable], Iterable] | None = None,
    throw: bool = True,
) -> "xarray.Dataset":
    """Follow a schedule of drives and collect what happens in one dataset.

    The moments relax at every value of the drives from where they were at the value before (`quasistatic`, which says
    what pinning does). With a path every finished step is on disk: a run that is killed goes on from there when it is
    called again with the same arguments, in any process, and ends at the same numbers to the last bit; a finished one
    is read back.

    Args:
        energy_of_drive: drive -> free energy of one configuration. The drive is a number, or, for a schedule of names,
            a dictionary of numbers.
        m0: moments before the first step; zero is the virgin state of a film.
        schedule: `Schedule` (see `schedules`), a dictionary name -> values, or an array `(steps,)`.
        pinning: threshold of the field: number, map, or function of the drive.
        radius: largest length of the moments, likewise.
        observables: name -> function of the moments, or of the moments and the drive, that returns a number or an
            array; or one function that returns a dictionary of them, which may share work.
        path: of the dataset (netCDF 4, `.nc`); unfinished, it is in a journal beside it with the suffix `.partial`.
        constraint: "ball" or "unit"; None is "ball" with pinning or a radius, and "unit" without.
        optimiser: as `relax`.
        tolerance: as `relax`, of every step.
        max_steps: of the relaxation at each step.
        textures: keep the moments of every step; else their mean, and those of the last step.
        progress: what the steps are passed through, such as `tqdm.tqdm`: shows progress and time left.
        throw: raise at a step that does not converge; False goes on, and `converged` says so.

    Returns:
        Dataset with the dimension `step`, the drives and `branch` as coordinates; `moments`, `mean_moments`, `energy`,
        `start_energy`, `dissipated`, `converged`, `residual`, `evaluations`, and the observables.

    Raises:
        ValueError: bad arguments, as `relax`; a file of another run at the path.
        RuntimeError: a step did not converge, and `throw=True`. Finished steps are kept.

    Example:
        >>> zeeman = lambda drive: lambda m: -drive * jnp.sum(m[..., 0])
        >>> loop = sm.schedules.loop(2.0, step=1.0)
        >>> data = hysteresis(zeeman, jnp.zeros((1, 2)), loop, pinning=1.5, observables={"mx": lambda m: m[0, 0]})
        >>> print(data.drive.values)
        [ 0.  1.  2.  1.  0. -1. -2. -1.  0.  1.  2.]
        >>> print(data.mx.values)
        [ 0.  0.  1.  1.  1.  1. -1. -1. -1. -1.  1.]
    """
    schedule, drives = _schedule_of(schedule)
    if traced((m0, drives)):
        raise ValueError("hysteresis works on known numbers: inside jit and vmap use quasistatic")
    m0, constraint = check_moments(m0, constraint, pinning, radius, tolerance, max_steps)
    names = _names(observables, m0, drives, schedule)
    options = {
        "pinning": pinning,
        "radius": radius,
        "constraint": constraint,
        "optimiser": optimiser,
        "tolerance": tolerance,
        "max_steps": max_steps,
    }

    def advance(moments, number):
        here = jax.tree.map(lambda value: value[number : number + 1], drives)
        found = quasistatic(energy_of_drive, moments, here, observables=observables, throw=False, **options)
        return _record(found)

    if path is None:
        rows = _run(advance, m0, schedule, [], None, textures, progress, throw)
        return _dataset(schedule, rows, {})
    path = pathlib.Path(path)
    if not path.parent.is_dir():
        raise ValueError(f"path must lie in a folder that exists, got {path}")
    purpose = _purpose(energy_of_drive, m0, schedule, drives, names, observables, options, textures)
    if path.exists():
        return _finished(path, purpose, throw)
    with Journal(path.with_name(path.name + ".partial"), purpose) as journal:
        whole = [bool(record["converged"]) for record in journal.records]
        if throw and not all(whole):
            journal.keep(whole.index(False))  # what was let pass then is not now
        rows = _run(advance, m0, schedule, journal.records, journal, textures, progress, throw)
    dataset = _dataset(schedule, rows, purpose)
    with complete_path(path) as unfinished:
        dataset.to_netcdf(unfinished, engine="h5netcdf")
    journal.path.unlink(missing_ok=True)
    return dataset


def _run(advance, moments, schedule, finished, journal, textures, progress, throw):
    rows = []
    for number in (progress or iter)(range(len(schedule))):
        if number < len(finished):
            record = finished[number]
        else:
            record = advance(moments, number)
            if throw and not record["converged"]:
                where = ", ".join(f"{name} = {values[number]:g}" for name, values in schedule.drives.items())
                raise RuntimeError(
                    f"step {number} ({where}) did not converge: residual {record['residual']:.1e} after "
                    f"{record['evaluations']} evaluations; raise max_steps or tolerance, or take shorter steps of the "
                    "drive"
                )
            if journal is not None:
                journal.append(record)
        moments = jnp.asarray(record["moments"])
        last = number == len(schedule) - 1
        rows.append({k: v for k, v in record.items() if textures or last or k != "moments"})
    return rows


def _record(found):
    """The one step of a course as NumPy arrays."""
    moments = found.moments[0]
    values = {
        "moments": moments,
        "mean_moments": jnp.mean(moments, axis=tuple(range(moments.ndim - 1))),
        "energy": found.energy[0],
        "start_energy": found.start_energy[0],
        "dissipated": found.dissipated[0],
        "converged": (found.result == RESULTS.successful)[0],
        "residual": found.stats["residual"][0],
        "evaluations": found.stats["steps"][0],
    }
    values |= {OBSERVABLE + name: value[0] for name, value in found.observables.items()}
    # copies: views would keep the buffers of every step
    return {name: np.array(value) for name, value in values.items()}


def _names(observables, m0, drives, schedule):
    own = {*VARIABLES, *AXES, "branch", "step"}
    taken = sorted(schedule.drives.keys() & own)
    if taken:
        raise ValueError(f"drives must not have the names of other variables, got {taken[0]!r}")
    first = jax.tree.map(lambda value: value[0], drives)
    found = jax.eval_shape(measure_of(observables), m0, first)
    if not isinstance(found, dict):
        raise ValueError("observables must be a mapping of functions, or a function that returns a dictionary")
    taken = sorted(found.keys() & {*own, *schedule.drives})
    if taken:
        raise ValueError(f"observables must not have the names of other variables, got {taken[0]!r}")
    wrong = [name for name in found if not name or "/" in name]
    if wrong:
        raise ValueError(f"observables must have names without a slash, got {wrong[0]!r}")
    return sorted(found)


def _schedule_of(schedule):
    if isinstance(schedule, Mapping):
        schedule = Schedule(dict(schedule))
    if isinstance(schedule, Schedule):
        names = list(schedule.drives)
        drives = schedule.drives["drive"] if names == ["drive"] else schedule.drives
    else:
        known = concrete(schedule)
        if known is None or known.ndim != 1:
            raise ValueError("schedule must be a Schedule, a dictionary of values, or an array (steps,)")
        schedule = Schedule({"drive": known})
        drives = schedule.drives["drive"]
    return schedule, check_drives(drives)


# --- files


def _purpose(energy_of_drive, m0, schedule, drives, names, observables, options, textures):
    """What tells this run from others: numbers by their bits, functions by their values at a texture and some steps."""
    values = np.stack(list(schedule.drives.values()))
    chosen = np.linspace(0, len(schedule) - 1, min(len(schedule), PROBED)).astype(int)
    chosen = np.unique([*chosen, *values.argmin(axis=1), *values.argmax(axis=1)])
    # one that nothing is special of
    probe = jax.random.uniform(jax.random.key(0), m0.shape, m0.dtype, -0.5, 0.5)
    measure = measure_of(observables)

    def at(drive):
        friction = [value(drive) if callable(value) else value for value in (options["pinning"], options["radius"])]
        return {
            "energy": energy_of_drive(drive)(probe),
            "pinning": jnp.asarray(0.0 if friction[0] is None else friction[0]),
            "radius": jnp.asarray(friction[1]),
            "observables": measure(probe, drive),
        }

    found = jax.jit(lambda some: jax.lax.map(at, some))(jax.tree.map(lambda value: value[chosen], drives))
    return {
        "drives": json.dumps(list(schedule.drives)),
        "schedule": _digest(*schedule.drives.values(), schedule.branch),
        "m0": _digest(m0),
        "energy": _rounded_digest(found["energy"]),
        "pinning": _rounded_digest(found["pinning"]),
        "radius": _rounded_digest(found["radius"]),
        "constraint": options["constraint"],
        "optimiser": _name_of(options["optimiser"]),
        "tolerance": repr(float(options["tolerance"])),
        "observables": " ".join([*names, _rounded_digest(*(found["observables"][name] for name in names))]),
        "textures": str(bool(textures)),
        "versions": ", ".join(f"{name} {importlib.metadata.version(name)}" for name in ("scmag_jax", "jax", "jaxlib")),
    }


def _name_of(optimiser):
    """Kind and numbers of an optimiser as text, as far as they can be told."""
    if optimiser is None:
        return "default"
    cells = [cell.cell_contents for part in optimiser for cell in part.__closure__ or ()]
    return " ".join([optimiser.init.__qualname__, *(repr(c) for c in cells if isinstance(c, (bool, int, float, str)))])


def _rounded_digest(*arrays):
    """Of numbers that another machine computes alike up to rounding."""
    known = [np.asarray(array) for array in arrays]
    scales = [np.abs(a).max(initial=0.0) or 1.0 for a in known]
    # the sign of a zero is rounding, too
    return _digest(*(np.round(a / s, DIGITS) + 0.0 for a, s in zip(known, scales, strict=True)), np.array(scales, "f4"))


def _digest(*arrays):
    state = hashlib.sha256()
    for array in map(np.asarray, arrays):
        state.update(f"{array.shape} {array.dtype}".encode() + array.tobytes())
    return state.hexdigest()[:16]


def _finished(path, purpose, throw):
    import xarray

    try:
        dataset = xarray.load_dataset(path, engine="h5netcdf")
    except (OSError, ValueError) as error:
        raise ValueError(f"{path} is no dataset of a run: remove it, or choose another path") from error
    other = sorted(name for name, value in purpose.items() if dataset.attrs.get(name) != value)
    if other:
        raise ValueError(
            f"{path} belongs to another run, which differs in {', '.join(other)}: remove it, or choose another path"
        )
    if throw and not dataset.converged.all():
        raise RuntimeError(f"{path} holds steps that did not converge: remove it, or take them with throw=False")
    return dataset


def _dataset(schedule, rows, purpose):
    import xarray

    sites = rows[-1]["moments"].shape[:-1]
    named = {1: ["site"], 2: ["x", "y"], 3: ["x", "y", "z"]}
    axes = [*named.get(len(sites), [f"axis_{k}" for k in range(len(sites))]), "component"]
    variables = {}
    for name in rows[-1]:
        label = name.removeprefix(OBSERVABLE)
        if name == "moments" and name not in rows[0]:
            variables["last_moments"] = (axes, rows[-1][name])
            continue
        values = np.stack([row[name] for row in rows])
        own = [f"{label}_{k}" for k in range(values.ndim - 1)]
        known = {"moments": axes, "mean_moments": ["component"]}
        variables[label] = (["step", *known.get(name, own)], values)
    coordinates: dict = {name: ("step", values) for name, values in schedule.drives.items()}
    coordinates |= {"branch": ("step", schedule.branch), "step": np.arange(len(schedule))}
    return xarray.Dataset(variables, coordinates, attrs=purpose)
