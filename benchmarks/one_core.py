"""A job in a process of its own, with one thread on one core: its results and what they cost.

Only so do CPU seconds compare: libraries divide their work differently among threads, and those that wait for each
other spin. A job is named as `module:function`; the function is called with keywords, makes ready, and returns a
call without arguments that is measured and answers a dictionary of arrays. Nothing here needs jax, so that the
interpreter of a peer can be another than this one.
"""

import argparse
import importlib
import importlib.util
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np

LIMITS = {
    "OMP_NUM_THREADS": "1",
    "OPENBLAS_NUM_THREADS": "1",
    "MKL_NUM_THREADS": "1",
    "XLA_FLAGS": "--xla_cpu_multi_thread_eigen=false",
    "JAX_PLATFORMS": "cpu",
    "JAX_ENABLE_X64": "1",
}
DETUNING = ("OPENBLAS_CORETYPE", "OPENBLAS_L2_SIZE")  # choose kernels and blocks that slow a current OpenBLAS


@dataclass(frozen=True)
class Cost:
    """Results of the last call, and the seconds and CPU seconds of every call, the first with any compilation."""

    results: dict[str, np.ndarray]
    seconds: list[float]
    cpu_seconds: list[float]


def run(job: str, arguments: dict, calls: int = 1, interpreter: str = sys.executable) -> Cost:
    """Run the job and wait for it; its output goes where this process's does.

    Raises:
        subprocess.CalledProcessError: the job failed.
    """
    environment = {name: value for name, value in os.environ.items() if name not in DETUNING} | LIMITS
    with tempfile.TemporaryDirectory() as directory:
        path = Path(directory) / "results.npz"
        command = [interpreter, "-m", "benchmarks.one_core", job, json.dumps(arguments), str(calls), str(path)]
        subprocess.run(command, cwd=Path(__file__).parents[1], env=environment, check=True)
        with np.load(path) as file:
            results = dict(file)
    return Cost(results, *(results.pop(name).tolist() for name in ("seconds", "cpu_seconds")))


def interpreter_with(package: str) -> str | None:
    """A Python that can import the package: the one that SCMAG_PEER_PYTHON names, or this one."""
    named = os.environ.get("SCMAG_PEER_PYTHON")
    if named:
        trial = [named, "-c", f"import {package}"]
        found = shutil.which(named) and subprocess.run(trial, capture_output=True, check=False).returncode == 0
        return named if found else None
    return sys.executable if importlib.util.find_spec(package) else None


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.one_core", description=__doc__)
    parser.add_argument("job", help="module:function")
    parser.add_argument("arguments", type=json.loads, help="the function's keywords, as JSON")
    parser.add_argument("calls", type=int)
    parser.add_argument("path", type=Path, help="an .npz file for the results")
    given = parser.parse_args()

    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})
    module, function = given.job.split(":")
    call = getattr(importlib.import_module(module), function)(**given.arguments)
    seconds, cpu_seconds = [], []
    for _ in range(given.calls):
        start, cpu_start = time.perf_counter(), time.process_time()
        results = call()
        seconds.append(time.perf_counter() - start)
        cpu_seconds.append(time.process_time() - cpu_start)
    np.savez(given.path, **results, seconds=seconds, cpu_seconds=cpu_seconds)


if __name__ == "__main__":
    main()
