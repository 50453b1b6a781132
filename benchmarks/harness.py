"""Times the package beside its reference: compilation apart from running, in turns, with the spread."""

import datetime
import importlib.metadata
import json
import os
import platform
import re
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from pathlib import Path

import jax
import numpy as np

PACKAGES = ("jax", "jaxlib", "equinox", "numpy", "scipy", "scmag_jax")


@dataclass(frozen=True)
class Timing:
    """Seconds: the first call (with any compilation), then median and quartiles of the later calls."""

    first: float
    median: float
    lower: float
    upper: float
    runs: int

    @classmethod
    def of(cls, seconds: list[float]) -> "Timing":
        """From the seconds of every call; of a single one, of a reference that takes minutes, all are its own."""
        later = seconds[1:] or seconds
        return cls(seconds[0], *(float(q) for q in np.percentile(later, [50, 25, 75])), len(later))


@dataclass(frozen=True)
class Bar:
    """A promise and what was measured; `at_least` tells a speed-up from a cost, in seconds unless `unit` says."""

    name: str
    required: float
    measured: float
    at_least: bool
    unit: str = "s"

    @property
    def passed(self) -> bool:
        return self.measured >= self.required if self.at_least else self.measured <= self.required

    def __str__(self) -> str:
        sign, unit = ("at least", "x") if self.at_least else ("at most", f" {self.unit}")
        verdict = "passed" if self.passed else "MISSED"
        return f"{verdict}: {self.name}: {self.measured:.3g}{unit}, {sign} {self.required:g}{unit} required"


@dataclass
class Case:
    """One comparison: timings by name, largest disagreement with each reference, bars, remarks.

    The package's own timings are named `project` or `project, ...`; `against` says which of them a reference
    is compared with, where that is not `project`.
    """

    name: str
    timings: dict[str, Timing]
    disagreement: dict[str, float] = field(default_factory=dict)
    bars: list[Bar] = field(default_factory=list)
    remarks: list[str] = field(default_factory=list)
    against: dict[str, str] = field(default_factory=dict)

    def speedup(self, reference: str) -> float:
        """Median time of the reference over that of the project."""
        return self.timings[reference].median / self.timings[self.against.get(reference, "project")].median


def time_together(
    callables: dict[str, Callable[[], object]], runs: int = 7, budget: float = 30.0
) -> tuple[dict[str, Timing], dict[str, object]]:
    """Time each callable's first call, then all of them in turn, so that a busy machine slows them alike.

    Stops after `runs` rounds, or after three once `budget` seconds are spent. Results are waited for.

    Returns:
        Timings and the last results, by name.
    """
    taken: dict[str, list[float]] = {}
    results = {}
    for name, call in callables.items():
        seconds, results[name] = _timed(call)
        taken[name] = [seconds]
    start = time.perf_counter()
    for round_ in range(runs):
        if round_ >= 3 and time.perf_counter() - start > budget:
            break
        for name, call in callables.items():
            seconds, results[name] = _timed(call)
            taken[name].append(seconds)
    return {name: Timing.of(seconds) for name, seconds in taken.items()}, results


def _timed(call):
    start = time.perf_counter()
    result = jax.block_until_ready(call())
    return time.perf_counter() - start, result


def relative_disagreement(project, reference, scale=None) -> float:
    """Largest |project - reference|, relative to the reference element by element or to one given scale."""
    project, reference = np.asarray(project), np.asarray(reference)
    return float(np.max(np.abs(project - reference) / (np.abs(reference) if scale is None else scale)))


def peak_resident() -> float | None:
    """GB, from the kernel's record of this program, None where there is none; getrusage would count the parent."""
    status = Path("/proc/self/status")
    if not status.exists():
        return None
    line = next(line for line in status.read_text().splitlines() if line.startswith("VmHWM"))
    return int(line.split()[1]) * 1024 / 1e9


# --- the record


def environment() -> dict:
    """Machine, device, versions and date of this run."""
    device = jax.devices()[0]
    return {
        "date": datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
        "device": f"{device.platform}: {device.device_kind}",
        "devices": len(jax.devices()),
        "cpu": _cpu_model(),
        "cores": len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count(),
        "memory_gib": round(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30, 1),
        "system": f"{platform.system()} {platform.machine()}",
        "python": platform.python_version(),
        "x64": bool(jax.config.jax_enable_x64),
        "versions": {name: _version(name) for name in PACKAGES},
    }


def _cpu_model() -> str:
    information = Path("/proc/cpuinfo")
    if information.exists():
        found = re.search(r"^model name\s*:\s*(.+)$", information.read_text(), re.MULTILINE)
        if found:
            return found.group(1)
    return platform.processor() or platform.machine()


def _version(name: str) -> str:
    try:
        return importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        return "not installed"


def table(cases: list[Case]) -> str:
    """The cases as text: a line for each timing, then disagreements, bars and remarks."""
    lines = []
    for case in cases:
        width = max(30, *map(len, case.timings))
        lines.append(case.name)
        lines.append(f"  {'':{width}}  first call    median   quartiles               runs   project is")
        for name, timing in case.timings.items():
            spread = f"{timing.lower:.3g} to {timing.upper:.3g} s"
            speed = "" if name.startswith("project") else f"{case.speedup(name):.3g}x faster"
            seconds = f"{timing.first:8.3g} s {timing.median:8.3g} s   {spread:22}"
            lines.append(f"  {name:{width}}  {seconds}  {timing.runs:4d}   {speed}".rstrip())
        lines += [f"  disagreement with {name}: {value:.1e}" for name, value in case.disagreement.items()]
        lines += [f"  {bar}" for bar in case.bars] + [f"  {remark}" for remark in case.remarks] + [""]
    return "\n".join(lines)


def write(cases: list[Case], directory: Path) -> Path:
    """Write `<device>-<date>.json` into the directory, complete or not at all, and return its path."""
    record = {"environment": environment(), "cases": [_case_record(case) for case in cases]}
    path = directory / f"{device_and_date()}.json"
    write_whole(path, (json.dumps(record, indent=2) + "\n").encode())
    return path


def device_and_date() -> str:
    """Name of a record of today."""
    device = re.sub(r"[^a-z0-9]+", "-", jax.devices()[0].device_kind.lower()).strip("-")
    return f"{device}-{datetime.datetime.now(datetime.UTC):%Y-%m-%d}"


def write_whole(path: Path, content: bytes) -> None:
    """Write a file, complete or not at all, and its directory if need be."""
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f"{path.name}.{os.getpid()}.tmp")
    try:
        temporary.write_bytes(content)
        os.replace(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)


def _case_record(case: Case) -> dict:
    record = asdict(case)
    for bar, written in zip(case.bars, record["bars"], strict=True):
        written["passed"] = bar.passed
    return record
