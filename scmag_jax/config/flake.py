"""Run files of the flake: what `scmag flake FILE.toml` takes through a schedule.

A run file names a preset with what is changed of it, and a protocol or drives of one's own::

    output = "loop.nc"

    [flake]
    preset = "weak"
    spacing = 2.5

    [schedule]
    protocol = "bias loop"
    amplitude = 200.0
    step = 5.0
"""

import inspect
import pathlib
from typing import Annotated, Any, Literal

from pydantic import Field, FiniteFloat, NonNegativeFloat, PositiveFloat, PositiveInt, field_validator, model_validator

from ..flake import Flake, Measurements, bias_loop, field_loop, write_and_warm
from ..spins import Schedule
from .common import RunFile, RunFileError, Section, load, nearest

PRESETS = ("weak", "screened")
DRIVES = ("bias", "field", "temperature")
PROTOCOLS: dict[str, Any] = {"bias loop": bias_loop, "field loop": field_loop, "write and warm": write_and_warm}
SET_BY = {"bias loop": ("bias",), "field loop": ("field",), "write and warm": ("bias", "temperature")}
Values = tuple[FiniteFloat, ...]


def load_flake_run(path: str | pathlib.Path) -> "FlakeRun":
    """Read and validate a run file of the flake.

    Args:
        path: a TOML file; the paths in it are relative to its folder.

    Raises:
        RunFileError: the file cannot be read, or a key is unknown, missing or has a wrong value.
    """
    return load(path, FlakeRun)


class Protocol(Section):
    """The section [schedule]: a protocol with its numbers, or drives of one's own, all of one length or numbers.

    What a protocol is not given it has its own default for.
    """

    protocol: Literal["bias loop", "field loop", "write and warm"] | None = None
    amplitude: FiniteFloat | None = None
    step: PositiveFloat | None = None
    temperatures: Values | None = None
    bias: FiniteFloat | Values | None = None
    field: FiniteFloat | Values | None = None
    temperature: FiniteFloat | Values | None = None

    @model_validator(mode="after")
    def _one_kind(self) -> "Protocol":
        own = [name for name in DRIVES if getattr(self, name) is not None]
        numbers = [name for name in ("amplitude", "step", "temperatures") if getattr(self, name) is not None]
        if self.protocol is None:
            if not own:
                raise ValueError("needs a protocol, or drives of its own: bias, field, temperature")
            if numbers:
                raise ValueError(f"{numbers[0]} belongs to a protocol")
        elif self.protocol != "write and warm" and self.temperatures is not None:
            raise ValueError(f"temperatures do not belong to the protocol {self.protocol!r}")
        else:
            for name in own:
                if name in SET_BY[self.protocol]:
                    raise ValueError(f"{name} is what the protocol {self.protocol!r} sets")
                if isinstance(getattr(self, name), tuple):
                    raise ValueError(f"{name} must be one number beside a protocol, at which it is held")
        return self

    def schedule(self, flake: Flake) -> Schedule:
        """The schedule of a flake; drives beside a protocol are held.

        Raises:
            ValueError: lengths that differ, temperatures that do not rise.
        """
        numbers = {"amplitude": self.amplitude, "step": self.step, "temperatures": self.temperatures}
        given: dict[str, Any] = {name: value for name, value in numbers.items() if value is not None}
        own = {name: getattr(self, name) for name in DRIVES if getattr(self, name) is not None}
        if self.protocol is None:
            return Schedule(own)
        if self.protocol == "write and warm":
            if "amplitude" in given:
                given["bias"] = given.pop("amplitude")
            given["flake"] = flake
        made = PROTOCOLS[self.protocol](**given)
        return made.with_drives(**own) if own else made


class Measure(Section):
    """The section [measure]: the arguments of `Measurements`, lengths in um."""

    height: PositiveFloat = 1.0
    parked: tuple[FiniteFloat, FiniteFloat] = (75.0, 5.0)
    section: FiniteFloat = 50.0
    rim_width: PositiveFloat = 7.5
    margin: NonNegativeFloat = 10.0


class Solve(Section):
    """The section [solve]: how far every step relaxes."""

    tolerance: PositiveFloat = 1e-6
    max_steps: PositiveInt = 20_000


class FlakeRun(RunFile):
    """A whole run file of the flake."""

    suffix = ".nc"

    flake: Annotated[dict[str, Any], Field(default_factory=dict)]
    schedule: Protocol
    measure: Measure = Measure()
    solve: Solve = Solve()

    @field_validator("flake")
    @classmethod
    def _parameters(cls, flake: dict[str, Any]) -> dict[str, Any]:
        # the numbers have one home: the class and its presets
        known = {"preset", *inspect.signature(Flake).parameters}
        for name in flake:
            if name not in known:
                raise ValueError(f"has an unknown key '{name}', nearest known key: '{nearest(name, known)}'")
        if flake.get("preset", "weak") not in PRESETS:
            raise ValueError(f"has an unknown preset {flake['preset']!r}, known are {', '.join(PRESETS)}")
        return flake

    def make(self) -> tuple[Flake, Schedule, Measurements]:
        """The flake, what it is taken through, and what is measured.

        Raises:
            RunFileError: numbers that one of them refuses.
        """
        changes = {name: value for name, value in self.flake.items() if name != "preset"}
        try:
            flake = getattr(Flake, self.flake.get("preset", "weak"))(**changes)
            return flake, self.schedule.schedule(flake), Measurements(flake, **self.measure.model_dump())
        except (TypeError, ValueError) as error:
            raise RunFileError(str(error)) from None
