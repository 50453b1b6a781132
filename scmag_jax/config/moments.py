"""Run files: what `scmag relax FILE.toml` computes, validated as a whole before anything is computed.

A run file names a coupling, the moments and how to relax them::

    output = "state.npz"

    [coupling]
    pearl_length = 1.0
    strength = 1.0
    sign = 1

    [moments]
    random = { number = 200, hard_core = 0.005, seed = 0 }
    box = [0.28, 0.28]

    [relax]
    starts = 8
"""

import pathlib
import zipfile
from typing import Annotated, Any, Literal

import numpy as np
import numpy.typing as npt
from pydantic import (
    BeforeValidator,
    Field,
    FiniteFloat,
    PositiveFloat,
    PositiveInt,
    model_validator,
)

from .common import RunFile, RunFileError, Section, load

# Random sequential placement jams at a covered fraction of 0.547; above this one it is hopelessly slow.
MAX_COVERAGE = 0.5


def load_run(path: str | pathlib.Path) -> "Run":
    """Read and validate a run file.

    Args:
        path: a TOML file; the paths in it are relative to its folder.

    Raises:
        RunFileError: the file cannot be read, or a key is unknown, missing or has a wrong value.
    """
    return load(path, Run)


def _array(shape: str, *, columns: int | None = None) -> BeforeValidator:
    """Check the shape of a nested list ourselves: pydantic would name the element, not the shape."""

    def check(values: Any) -> Any:
        try:
            array = np.asarray(values, dtype=float)
        except (TypeError, ValueError):
            raise ValueError(f"must be numbers of shape {shape}") from None
        if array.ndim != (1 if columns is None else 2) or (columns and array.shape[-1] != columns):
            raise ValueError(f"must have shape {shape}, got {array.shape}")
        if not np.all(np.isfinite(array)):
            raise ValueError("must be finite numbers")
        return values

    return BeforeValidator(check)


Pair = tuple[float, float]
Sides = tuple[PositiveFloat, PositiveFloat]


class Coupling(Section):
    """The section [coupling]: the arguments of `PearlCoupling`."""

    # inf is a film without screening.
    pearl_length: Annotated[float, Field(gt=0, allow_inf_nan=True)]
    strength: PositiveFloat = 1.0
    sign: Literal[-1, 1] = 1


class RandomMoments(Section):
    """The key `random` of [moments]: moments placed at random, none closer than `hard_core`."""

    number: PositiveInt
    density: PositiveFloat | None = None
    box: Sides | None = None
    hard_core: Annotated[FiniteFloat, Field(ge=0)] = 0.0
    seed: Annotated[int, Field(ge=0)] = 0


class Moments(Section):
    """The section [moments]: where the moments are and what acts on them.

    Exactly one of `positions`, `file` (npz with an array `positions`, or csv with two columns) and `random`.
    With `box` the plane repeats periodically; without it the moments lie in the open plane.
    """

    positions: Annotated[tuple[Pair, ...], _array("(n, 2)", columns=2)] | None = None
    file: pathlib.Path | None = None
    random: RandomMoments | None = None
    box: Sides | None = None
    weights: Annotated[tuple[float, ...], _array("(n,)")] | None = None
    applied_current: Annotated[Pair, _array("(2,)")] | None = None
    method: Literal["auto", "direct", "ewald"] = "auto"

    @model_validator(mode="after")
    def _one_source(self) -> "Moments":
        given = [name for name in ("positions", "file", "random") if getattr(self, name) is not None]
        if len(given) != 1:
            raise ValueError(f"needs exactly one of positions, file and random, got {given or 'none'}")
        if self.random is not None:
            areas = [self.random.density, self.random.box, self.box]
            if sum(area is not None for area in areas) != 1:
                raise ValueError(
                    "random needs exactly one of random.density, random.box (open plane) and box (periodic)"
                )
            sides = _sides(self.random, self.box)
            covered = self.random.number * np.pi * (self.random.hard_core / 2) ** 2 / (sides[0] * sides[1])
            if covered > MAX_COVERAGE:
                raise ValueError(
                    f"random.hard_core: {self.random.number} disks of this diameter cover {covered:.0%} of"
                    f" the area, at most {MAX_COVERAGE:.0%} can be placed at random"
                )
        return self


class Relax(Section):
    """The section [relax]: random starts and the arguments of `relax`."""

    starts: PositiveInt = 8
    seed: Annotated[int, Field(ge=0)] = 0
    tolerance: PositiveFloat = 1e-8
    max_steps: PositiveInt = 20_000


class Run(RunFile):
    """A whole run file."""

    suffix = ".npz"

    coupling: Coupling
    moments: Moments
    relax: Relax = Relax()

    def positions(self) -> npt.NDArray[np.float64]:
        """The moments' positions, (n, 2), read or placed.

        Raises:
            RunFileError: the file is missing or holds something else, or the placement found no room.
        """
        moments = self.moments
        if moments.positions is not None:
            return np.array(moments.positions)
        if moments.file is not None:
            return _read_positions(self.folder / moments.file)
        assert moments.random is not None  # one of the three, by validation
        return _place(moments.random, _sides(moments.random, moments.box), periodic=moments.box is not None)


def _read_positions(path: pathlib.Path) -> npt.NDArray[np.float64]:
    try:
        if path.suffix == ".npz":
            with np.load(path) as arrays:
                positions = np.asarray(arrays["positions"], dtype=float)
        elif path.suffix == ".csv":
            positions = np.loadtxt(path, delimiter=",", ndmin=2)
        else:
            raise RunFileError(f"moments.file must end in .npz or .csv, got {path}")
    except OSError as error:
        raise RunFileError(f"moments.file: cannot read {path}: {error.strerror or error}") from None
    except KeyError:
        raise RunFileError(f"moments.file: {path} holds no array named positions") from None
    except (ValueError, zipfile.BadZipFile) as error:
        raise RunFileError(f"moments.file: {path}: {error}") from None
    if positions.ndim != 2 or positions.shape[1] != 2:
        raise RunFileError(f"moments.file: {path}: positions must have shape (n, 2), got {positions.shape}")
    if not np.all(np.isfinite(positions)):
        raise RunFileError(f"moments.file: {path}: positions must be finite numbers")
    return positions


def _sides(random: RandomMoments, box: Sides | None) -> Sides:
    if random.density is not None:
        side = float(np.sqrt(random.number / random.density))
        return side, side
    sides = box or random.box
    assert sides is not None  # one of the three, by validation
    return sides


def _place(random: RandomMoments, sides: Sides, *, periodic: bool) -> npt.NDArray[np.float64]:
    """Random sequential placement: a point is kept unless it is within hard_core of one kept before."""
    generator = np.random.default_rng(random.seed)
    lengths = np.array(sides)
    positions = np.empty((random.number, 2))
    placed = 0
    for _ in range(2000 * random.number):
        candidate = generator.uniform(size=2) * lengths
        separation = np.abs(positions[:placed] - candidate)
        if periodic:
            separation = np.minimum(separation, lengths - separation)
        if np.all(np.sum(separation**2, axis=1) >= random.hard_core**2):
            positions[placed] = candidate
            placed += 1
            if placed == random.number:
                return positions
    raise RunFileError(
        f"moments.random: room for {placed} of {random.number} moments at hard_core = {random.hard_core}"
    )
