"""The command `scmag`: info, relax, flake, reproduce.

What the user got wrong is one line on standard error and exit status 2; a solve that did not converge is exit
status 1.
"""

import difflib
import importlib.metadata
import os
import pathlib
import platform
import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated, Any, NoReturn

import typer

if TYPE_CHECKING:
    from .config import Run

# Starts relaxed in one compiled call: enough to fill a device, few enough for the progress bar to move.
BATCH = 8

PAPERS = ("lu2023", "vakili2026", "xiang2023")

app = typer.Typer(no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False, help=__doc__)


class UserError(Exception):
    """What the user got wrong, in one line."""


def main(arguments: Sequence[str] | None = None) -> NoReturn:
    """Run the command line; always ends in SystemExit."""
    _configure()
    try:
        app(args=arguments, prog_name="scmag")
    except UserError as error:
        print(f"scmag: {error}", file=sys.stderr)
        raise SystemExit(2) from None
    raise SystemExit(0)


@app.command()
def info() -> None:
    """Print the versions and devices that a result or a bug report should state."""
    import jax

    for package in ("scmag_jax", "jax", "jaxlib", "equinox", "optax", "lineax", "optimistix", "numpy"):
        print(f"{package:12} {importlib.metadata.version(package)}")
    print(f"{'python':12} {platform.python_version()} on {platform.system()} {platform.machine()}")
    print(f"{'devices':12} {', '.join(str(device) for device in jax.devices())}")
    print(f"{'x64':12} {'on' if jax.config.read('jax_enable_x64') else 'off'}")


@app.command()
def relax(
    file: Annotated[pathlib.Path, typer.Argument(help="Run file: coupling, moments, relax and output.")],
) -> None:
    """Relax the moments of a run file from random starts and write every final state to its output."""
    from .config import RunFileError, load_run

    try:
        run = load_run(file)
        output, positions = run.output_path, run.positions()
        ensemble = _ensemble(run, positions)
    except RunFileError as error:
        raise UserError(error) from None
    except ValueError as error:  # the library names its argument, which is the key of the run file
        raise UserError(f"{file}: {error}") from None

    answer = _relax_starts(run, ensemble, len(positions))
    converged, energy = answer["converged"], answer["energy"]
    from .files import complete_file

    with complete_file(output) as temporary:
        _save(temporary, run, positions, answer)

    lowest = answer["lowest"]
    print(f"{len(positions)} moments, {len(energy)} starts, {converged.sum()} converged")
    print(f"lowest energy {energy[lowest]:.10g}, {energy[lowest] / len(positions):.10g} per moment")
    print(f"start {lowest}, residual {answer['residual'][lowest]:.2g}")
    print(f"written to {output}")
    if not converged.any():
        print("scmag: no start met relax.tolerance within relax.max_steps", file=sys.stderr)
        raise typer.Exit(1)


@app.command()
def flake(
    file: Annotated[pathlib.Path, typer.Argument(help="Run file: flake, schedule, measure, solve and output.")],
) -> None:
    """Take the Fe(Se,Te) flake of a run file through its schedule; goes on where a killed run ended."""
    from .config import RunFileError, load_flake_run

    try:
        run = load_flake_run(file)
        output = run.output_path
        model, schedule, measure = run.make()
    except RunFileError as error:
        raise UserError(f"{file}: {str(error).removeprefix(f'{file}: ')}") from None
    from tqdm import tqdm

    from .flake import run as take

    # a line in a log now and then, a bar for a person
    show = lambda steps: tqdm(steps, desc="flake", unit="step", mininterval=0.1 if sys.stderr.isatty() else 20.0)
    try:
        data = take(model, schedule, measure=measure, path=output, progress=show, **run.solve.model_dump())
    except ValueError as error:  # a file of another run
        raise UserError(str(error)) from None
    except RuntimeError as error:
        print(f"scmag: {error}", file=sys.stderr)
        raise typer.Exit(1) from None
    print(f"{len(data.step)} steps, all at rest to {float(data.residual.max()):.1e} of the largest field")
    print(f"parked flux {float(data.parked.min()):.2f} to {float(data.parked.max()):.2f} mG")
    print(f"written to {output}")


@app.command()
def reproduce(
    papers: Annotated[
        list[str] | None, typer.Argument(help="lu2023, vakili2026, xiang2023, or all.", show_default="all")
    ] = None,
    output: Annotated[pathlib.Path, typer.Option(help="Folder of pictures, data and report.")] = pathlib.Path("out"),
    full: Annotated[bool, typer.Option("--full", help="The papers' resolution instead of a quick one.")] = False,
) -> None:
    """Recompute the figures and check the claims of a paper."""
    unknown = sorted(set(papers or ()) - {*PAPERS, "all"})
    if unknown:
        nearest = difflib.get_close_matches(unknown[0], [*PAPERS, "all"], n=1, cutoff=0.0)[0]
        raise UserError(f"unknown paper '{unknown[0]}', nearest known one: '{nearest}'")
    from .reproduce import run

    names = None if not papers or "all" in papers else papers
    print(run(names, output=str(output), full=full, progress=True))


def _configure() -> None:
    # Before jax starts its CPU pool, which can deadlock on few cores in batched LAPACK calls.
    os.environ.setdefault("PJRT_NPROC", "8")
    import jax

    jax.config.update("jax_enable_x64", True)


def _ensemble(run: "Run", positions: Any) -> Any:
    import scmag_jax as sm

    coupling = sm.PearlCoupling(**run.coupling.model_dump())
    moments = run.moments.model_dump(include={"box", "weights", "applied_current", "method"})
    return sm.Ensemble(positions, coupling, **moments)


def _relax_starts(run: "Run", ensemble: Any, count: int) -> dict[str, Any]:
    """Relax from every random start, BATCH at a time, so that one compilation serves all of them."""
    import equinox as eqx
    import jax
    import jax.numpy as jnp
    import numpy as np
    from tqdm import tqdm

    import scmag_jax as sm

    starts, options = run.relax.starts, run.relax.model_dump(include={"tolerance", "max_steps"})
    angles = 2 * jnp.pi * jax.random.uniform(jax.random.key(run.relax.seed), (starts, count))
    first = jnp.stack([jnp.cos(angles), jnp.sin(angles)], axis=-1)
    batch = min(BATCH, starts)

    @eqx.filter_jit  # the ensemble is an argument: its matrices would be constants of the program otherwise
    def relax_batch(ensemble, moments):
        answer = jax.vmap(lambda m: sm.relax(ensemble, m, throw=False, **options))(moments)
        return {
            "moments": answer.moments,
            "energy": answer.energy,
            "converged": answer.result == sm.RESULTS.successful,
            "steps": answer.stats["steps"],
            "residual": answer.stats["residual"],
        }

    parts = []
    # A bar only for a person who waits: tqdm leaves it out when standard error is no terminal.
    with tqdm(total=starts, desc="relaxing", unit="start", disable=None) as bar:
        for begin in range(0, starts, batch):
            chosen = jnp.minimum(jnp.arange(begin, begin + batch), starts - 1)
            parts.append(jax.tree.map(np.asarray, relax_batch(ensemble, first[chosen])))
            bar.update(min(batch, starts - begin))
    answer: dict[str, Any] = {key: np.concatenate([part[key] for part in parts])[:starts] for key in parts[0]}
    # A state that did not converge is the lowest only where none did.
    among = answer["converged"] if answer["converged"].any() else np.ones(starts, bool)
    answer["lowest"] = int(np.argmin(np.where(among, answer["energy"], np.inf)))
    return answer


def _save(file: Any, run: "Run", positions: Any, answer: dict[str, Any]) -> None:
    import numpy as np

    versions = {name: importlib.metadata.version(name) for name in ("scmag_jax", "jax", "jaxlib")}
    np.savez(file, positions=positions, run=run.model_dump_json(), versions=str(versions), **answer)


if __name__ == "__main__":
    main()
