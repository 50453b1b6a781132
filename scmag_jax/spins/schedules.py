"""Schedules: what drives a sample, step by step; loops, minor loops and first-order reversal curves."""

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from .._checks import concrete

ROUNDING = 1e-9  # of a step


@dataclasses.dataclass(frozen=True, eq=False)
class Schedule:
    """Values of every drive, step by step, and the branch that each step belongs to.

    Schedules of the same drives add up: one after the other. Numbers and arrays of one value stand for all steps.

    Args:
        drives: name -> values `(steps,)`.
        branch: number of the branch of every step, `(steps,)`; None is 0.

    Raises:
        ValueError: no drive, values that are not finite or of different lengths.

    Example:
        >>> up = Schedule({"bias": [0.0, 100.0, 200.0], "temperature": 1.5})
        >>> both = up + Schedule({"bias": [100.0, 0.0], "temperature": 1.5})
        >>> print(both.drives["bias"], both.branch)
        [  0. 100. 200. 100.   0.] [0 0 0 1 1]
    """

    drives: dict[str, Any]
    branch: Any = None

    def __post_init__(self):
        if not isinstance(self.drives, Mapping) or not self.drives:
            raise ValueError(f"drives must be a mapping, name -> values, of at least one drive, got {self.drives!r}")
        wrong = [name for name in self.drives if not isinstance(name, str) or not name or "/" in name]
        if wrong:
            raise ValueError(f"drives must have names without a slash, got {wrong[0]!r}")
        values = {name: _values(name, value) for name, value in self.drives.items()}
        steps = max(len(value) for value in values.values())
        wrong = [name for name, value in values.items() if len(value) not in (1, steps)]
        if wrong or not steps:
            raise ValueError(f"drives must have one length, got { ({n: len(v) for n, v in values.items()}) }")
        full = {name: np.broadcast_to(value, steps).copy() for name, value in values.items()}
        branch = np.zeros(steps, int) if self.branch is None else np.asarray(self.branch)
        if branch.shape != (steps,) or not np.issubdtype(branch.dtype, np.integer):
            raise ValueError(f"branch must be {steps} integers, one a step")
        object.__setattr__(self, "drives", full)
        object.__setattr__(self, "branch", branch)

    def __len__(self) -> int:
        return len(self.branch)

    def __add__(self, other: "Schedule") -> "Schedule":
        if not isinstance(other, Schedule):
            return NotImplemented
        if other.drives.keys() != self.drives.keys():
            raise ValueError(f"schedules of {sorted(self.drives)} and of {sorted(other.drives)} do not add up")
        drives = {name: np.concatenate([value, other.drives[name]]) for name, value in self.drives.items()}
        following = other.branch - other.branch.min() + self.branch.max() + 1
        return Schedule(drives, np.concatenate([self.branch, following]))

    def with_drives(self, **values: Any) -> "Schedule":
        """The schedule with other drives beside its own, or in place of them.

        Example:
            >>> print(sweep(0.0, 1.0, step=0.5, name="field").with_drives(temperature=1.5).drives)
            {'field': array([0. , 0.5, 1. ]), 'temperature': array([1.5, 1.5, 1.5])}
        """
        return Schedule({**self.drives, **values}, self.branch)


def sweep(*turns: Any, step: Any, name: str = "drive") -> Schedule:
    """From turning point to turning point in equal steps, each piece a branch; turning points come once.

    Args:
        turns: where the drive begins, turns and ends, at least two.
        step: largest step.
        name: of the drive.

    Raises:
        ValueError: fewer than two turns, equal ones in a row, a step that is not positive.

    Example:
        >>> virgin_and_loop = sweep(0.0, 2.0, -2.0, 2.0, step=1.0)
        >>> print(virgin_and_loop.drives["drive"], virgin_and_loop.branch)
        [ 0.  1.  2.  1.  0. -1. -2. -1.  0.  1.  2.] [0 0 0 1 1 1 1 2 2 2 2]
    """
    points = _values("turns", turns)
    if len(points) < 2 or (np.diff(points) == 0).any():
        raise ValueError(f"turns must be at least two, each different from the one before, got {list(turns)}")
    length = _values("step", step)
    if len(length) != 1 or not length[0] > 0:
        raise ValueError(f"step must be a positive number, got {step!r}")
    values, branch = [points[:1]], [np.zeros(1, int)]
    for number, (begin, end) in enumerate(zip(points[:-1], points[1:], strict=True)):
        count = max(1, int(np.ceil(abs(end - begin) / length[0] - ROUNDING)))
        values.append(np.linspace(begin, end, count + 1)[1:])
        branch.append(np.full(count, number))
    return Schedule({name: np.concatenate(values)}, np.concatenate(branch))


def loop(amplitude: Any, *, step: Any, virgin: bool = True, name: str = "drive") -> Schedule:
    """Hysteresis loop: from zero to the amplitude, back to minus it, and up again.

    Zero is one of the values on the way where the step divides the amplitude.

    Args:
        amplitude: of the loop, not zero.
        step: largest step.
        virgin: begin at zero; else at the amplitude.
        name: of the drive.

    Example:
        >>> print(loop(1.0, step=1.0).drives["drive"])
        [ 0.  1.  0. -1.  0.  1.]
    """
    if not _values("amplitude", amplitude).all():
        raise ValueError("amplitude must not be zero")
    turns = (0.0, amplitude, -amplitude, amplitude)
    return sweep(*(turns if virgin else turns[1:]), step=step, name=name)


def minor_loops(amplitudes: Sequence[Any], *, step: Any, name: str = "drive") -> Schedule:
    """Loops of each amplitude in turn, from zero through plus and minus the amplitude to zero: growing ones grow out of
    the virgin state, shrinking ones demagnetise.

    Example:
        >>> print(minor_loops([1.0, 2.0], step=1.0).drives["drive"])
        [ 0.  1.  0. -1.  0.  1.  2.  1.  0. -1. -2. -1.  0.]
    """
    if len(_values("amplitudes", amplitudes)) == 0 or not _values("amplitudes", amplitudes).all():
        raise ValueError(f"amplitudes must be at least one, none of them zero, got {list(amplitudes)}")
    turns = [0.0]
    for amplitude in amplitudes:
        turns += [amplitude, -amplitude]
    return sweep(*turns, 0.0, step=step, name=name)


def first_order_reversal_curves(
    saturation: Any, reversals: Sequence[Any], *, step: Any, name: str = "drive"
) -> Schedule:
    """From saturation down to a reversal, and up again to saturation, for each reversal.

    Branches 2k + 1 are the curves that go up from reversal k, branches 2k go down to it; branch 0 begins at saturation.

    Args:
        saturation: where every curve ends.
        reversals: where they begin, below it.
        step: largest step.
        name: of the drive.

    Raises:
        ValueError: no reversals, or one that is not below saturation.

    Example:
        >>> curves = first_order_reversal_curves(2.0, [1.0, 0.0], step=1.0)
        >>> print(curves.drives["drive"], curves.branch)
        [2. 1. 2. 1. 0. 1. 2.] [0 0 1 2 2 3 3]
    """
    known = _values("reversals", reversals)
    if len(_values("saturation", saturation)) != 1:
        raise ValueError(f"saturation must be a number, got {saturation!r}")
    if len(known) == 0 or not (known < saturation).all():
        raise ValueError(f"reversals must lie below saturation = {saturation}, got {list(known)}")
    turns = [saturation]
    for reversal in known:
        turns += [reversal, saturation]
    return sweep(*turns, step=step, name=name)


def _values(name, value):
    known = concrete(value)
    try:
        array = None if known is None else np.atleast_1d(np.asarray(known, dtype=float))
    except (TypeError, ValueError):
        array = None
    if array is None or array.ndim != 1 or not np.isfinite(array).all():
        raise ValueError(f"{name} must be known finite numbers, one a step, got {value!r}")
    return array
