"""`python -m benchmarks.large_lattice`: the self-consistent gap of one 100 x 100 texture, kept as a reference run.

The texture varies along both axes and is in no plane: n is the direction of a vector of random waves, the longest of
the lattice. Dense matrices of that size take 26 GB each and hours. The gap is saved after every few steps, and a run
that is called again goes on from there; its Anderson mixing starts anew each time, which costs a few steps.
"""

import argparse
import io
import json
import os
import sys
import time
from pathlib import Path

# As in benchmarks/__main__.py.
os.environ.setdefault("PJRT_NPROC", "8")

import jax

jax.config.update("jax_enable_x64", True)

import jax.numpy as jnp  # noqa: E402
import numpy as np  # noqa: E402

import scmag_jax as sm  # noqa: E402
from benchmarks import harness  # noqa: E402
from benchmarks.bdg_lattice import ATTRACTION, MODEL, POLES, TEMPERATURE  # noqa: E402

WINDING = (1, 0)


def texture(side: int, seed: int, waves: int) -> np.ndarray:
    """Unit vectors (side, side, 3): random waves of up to `waves` periods along each axis."""
    angle = 2.0 * np.pi * np.outer(np.arange(side) / side, np.arange(1, waves + 1))
    along = np.concatenate([np.ones((side, 1)), np.cos(angle), np.sin(angle)], 1)
    amplitudes = np.random.default_rng(seed).normal(size=(along.shape[1], along.shape[1], 3))
    n = np.einsum("xi,yj,ija->xya", along, along, amplitudes)
    return n / np.linalg.norm(n, axis=-1, keepdims=True)


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.large_lattice", description=__doc__)
    parser.add_argument("--side", type=int, default=100)
    parser.add_argument("--seed", type=int, default=1, help="of the texture")
    parser.add_argument("--waves", type=int, default=1, help="periods of the texture along an axis, at most")
    parser.add_argument("--tolerance", type=float, default=1e-9, help="of max |V S - D| / max |D|")
    parser.add_argument("--together", type=int, default=8, help="steps between two savings")
    parser.add_argument("--max-steps", type=int, default=60)
    parser.add_argument("--output", type=Path, default=Path(__file__).parent / "results")
    given = parser.parse_args()

    shape = (given.side, given.side)
    n = jnp.asarray(texture(given.side, given.seed, given.waves))
    lattice = sm.LatticeBdG(
        sm.Altermagnet(**MODEL),
        shape,
        attraction=ATTRACTION,
        temperature=TEMPERATURE,
        winding=WINDING,
        poles=POLES,
    )
    parameters = {"side": given.side, "seed": given.seed, "waves": given.waves, "winding": WINDING, **MODEL}
    parameters |= {"temperature": TEMPERATURE, "attraction": ATTRACTION, "poles": POLES}
    unfinished = given.output / f"lattice-{given.side}-{given.seed}-{given.waves}.unfinished.tmp"
    gap, progress = _begun(unfinished)
    done = sum(each["steps"] for each in progress)

    state, first = None, True
    print(f"compiles, then reports every {given.together} steps", flush=True)
    while state is None or float(state.residual) > given.tolerance:
        if done >= given.max_steps:
            print(f"not converged in {done} steps; the gap so far is in {unfinished}", file=sys.stderr)
            return 1
        start = time.perf_counter()
        state = lattice.solve(n, gap=gap, tolerance=given.tolerance, max_steps=given.together, throw=False)
        state = jax.block_until_ready(state)
        seconds, steps = time.perf_counter() - start, int(state.stats["steps"])
        gap, done = state.gap, done + steps
        residual, memory = float(state.residual), harness.peak_resident()
        progress.append(
            {"steps": steps, "seconds": seconds, "compiled": first, "residual": residual, "peak_resident_gb": memory}
        )
        harness.write_whole(unfinished, _npz(gap=np.asarray(gap), progress=json.dumps(progress)))
        print(
            f"{done:3d} steps, residual {residual:.1e}, {seconds / steps:.3g} s a step"
            f"{' with compilation' if first else ''}, peak memory {memory or np.nan:.2f} GB",
            flush=True,
        )
        first = False

    record = {
        "environment": harness.environment(),
        "parameters": parameters,
        "steps": done,
        "residual": float(state.residual),
        "free_energy": float(state.free_energy),
        "current": np.asarray(state.current).tolist(),
        "largest_divergence": float(jnp.abs(state.divergence()).max()),
        "progress": progress,
    }
    path = given.output / f"lattice-{given.side}x{given.side}-{harness.device_and_date()}"
    harness.write_whole(path.with_suffix(".json"), (json.dumps(record, indent=2) + "\n").encode())
    fields = {name: np.asarray(getattr(state, name)) for name in ("gap", "free_energy", "neel_field", "current")}
    harness.write_whole(path.with_suffix(".npz"), _npz(parameters=json.dumps(parameters), **fields))
    unfinished.unlink()
    print(f"F = {float(state.free_energy):.10f}, written to {path}.npz and .json")
    return 0


def _begun(path):
    """The gap that an earlier run has saved, and its progress."""
    if not path.exists():
        return None, []
    with np.load(path) as file:
        gap, progress = jnp.asarray(file["gap"]), json.loads(str(file["progress"]))
    print(f"goes on from {path}")
    return gap, progress


def _npz(**arrays):
    buffer = io.BytesIO()
    np.savez_compressed(buffer, **arrays)
    return buffer.getvalue()


if __name__ == "__main__":
    sys.exit(main())
