"""Papers recomputed: pictures, data, and a report of what holds."""

import dataclasses
import datetime
import importlib.metadata
import pathlib
import platform
import sys
import time
from collections.abc import Callable, Iterable
from typing import Any

import numpy as np

from ..files import complete_file
from . import claims as tables
from .paper import Paper

DPI = 150


def run(
    names: Iterable[str] | None = None,
    output: str | pathlib.Path = "out",
    full: bool = False,
    progress: bool = True,
) -> pathlib.Path:
    """Recompute papers: figures, data and the table of their claims.

    For each paper a folder of its name with a picture (`.png`) and the data behind it (`.npz`) a figure; beside the
    folders `claims.json`, `claims.csv` and `report.md`. A file appears under its name only when it is complete, the
    report last.

    Args:
        names: keys of `PAPERS`; None for all of them.
        output: folder, made if needed.
        full: the sizes of `--full` instead of the default ones.
        progress: show a bar with the time left on standard error; a line every 20 s where that is no terminal.

    Returns:
        The path of the report.

    Raises:
        ValueError: an unknown name, or an output that is not a folder.
        RuntimeError: double precision is off.
    """
    import jax

    chosen = list(PAPERS) if names is None else list(names)
    unknown = sorted(set(chosen) - set(PAPERS))
    if unknown or isinstance(names, str):
        raise ValueError(f"names must be a list of {sorted(PAPERS)}, got {unknown or repr(names)}")
    folder = pathlib.Path(output)
    if folder.exists() and not folder.is_dir():
        raise ValueError(f"output must be a folder, got the file {folder}")
    if not jax.config.read("jax_enable_x64"):
        raise RuntimeError('the figures need double precision: jax.config.update("jax_enable_x64", True)')

    papers = {name: PAPERS[name]() for name in chosen}
    start = time.perf_counter()
    found: list[tables.Claim] = []
    with _bar(papers.values(), progress) as bar:
        for name, paper in papers.items():
            found += _reproduce(paper, folder / name, paper.full if full else paper.quick, bar)
    for suffix, text in (("json", tables.to_json(found)), ("csv", tables.to_csv(found))):
        _write(folder / f"claims.{suffix}", text)
    report = folder / "report.md"
    _write(report, _report(papers, found, full, time.perf_counter() - start))
    return report


def _lu2023() -> Paper:
    from . import lu2023
    from .lu2023_claims import claims

    citation = "Y. Lu, I. V. Tokatly and F. S. Bergeret, arXiv:2307.10723; Phys. Rev. B 108, L180506 (2023)"
    return Paper(citation, lu2023.Parameters(), lu2023.QUICK, lu2023.FULL, lu2023.FIGURES, claims, 8)


def _vakili2026() -> Paper:
    from . import vakili2026, vakili2026_claims, vakili2026_lattice, vakili2026_lattice_claims

    def claims(parameters: Any, data: Any) -> list[tables.Claim]:
        return [*vakili2026_claims.claims(parameters, data), *vakili2026_lattice_claims.claims(parameters, data)]

    citation = "Vakili et al., arXiv:2603.22243 (2026)"
    sizes = vakili2026.QUICK, vakili2026.FULL
    figures = (*vakili2026.FIGURES, *vakili2026_lattice.FIGURES, *vakili2026.TEXTS)
    return Paper(citation, vakili2026.Parameters(), *sizes, figures, claims, 2)


def _xiang2023() -> Paper:
    from . import xiang2023, xiang2023_claims, xiang2023_field_claims, xiang2023_runs

    def claims(parameters: Any, data: Any) -> list[tables.Claim]:
        return [*xiang2023_claims.claims(parameters, data), *xiang2023_field_claims.claims(parameters, data)]

    citation = "B. K. Xiang et al., preprint of 2023; Nat. Commun. 17, 4294 (2026)"
    sizes = xiang2023.QUICK, xiang2023.FULL
    return Paper(citation, xiang2023_runs.Parameters(), *sizes, xiang2023.FIGURES, claims, 1)


PAPERS: dict[str, Callable[[], Paper]] = {"lu2023": _lu2023, "vakili2026": _vakili2026, "xiang2023": _xiang2023}


def _reproduce(paper: Paper, folder: pathlib.Path, sizes: Any, bar: Any) -> list[tables.Claim]:
    folder.mkdir(parents=True, exist_ok=True)
    data = {}
    for figure in paper.figures:
        bar.set_description(figure.name)
        data[figure.name] = arrays = figure.compute(paper.parameters, sizes)
        with complete_file(folder / f"{figure.name}.npz") as file:
            np.savez(file, **arrays)
        with complete_file(folder / f"{figure.name}.png") as file:
            figure.draw(**arrays, title=figure.title).savefig(file, format="png", dpi=DPI)
        bar.update(figure.seconds)
    bar.set_description("claims")
    found = paper.claims(paper.parameters, data)
    bar.update(paper.claims_seconds)
    return found


def _bar(papers: Iterable[Paper], progress: bool) -> Any:
    from tqdm import tqdm

    total = sum(paper.claims_seconds + sum(figure.seconds for figure in paper.figures) for paper in papers)
    layout = "{desc:16}{percentage:3.0f}% |{bar}| {elapsed}, {remaining} left"
    # a terminal sees it move; a log file gets a line now and then
    interval = 0.1 if sys.stderr.isatty() else 20.0
    return tqdm(total=total, bar_format=layout, disable=not progress, mininterval=interval)


def _write(path: pathlib.Path, text: str) -> None:
    with complete_file(path) as file:
        file.write(text.encode())


def _report(papers: dict[str, Paper], found: list[tables.Claim], full: bool, seconds: float) -> str:
    import jax

    holding = sum(claim.holds for claim in found)
    versions = ", ".join(
        f"{name} {importlib.metadata.version(name)}" for name in ("scmag_jax", "jax", "jaxlib", "numpy")
    )
    devices = ", ".join(f"{device} ({device.device_kind})" for device in jax.devices())
    lines = [
        "# Papers recomputed",
        "",
        f"{holding} of {len(found)} claims reproduced.",
        "",
        "Not reproduced means that the statement does not follow from the paper's own model as computed here, or only "
        "under another reading; the last column of the table says why, with numbers.",
        "",
        f"- sizes: {'--full' if full else 'default (not --full)'}",
        f"- wall time: {seconds:.1f} s, compilation included",
        f"- finished: {datetime.datetime.now(datetime.UTC):%Y-%m-%d %H:%M} UTC",
        f"- versions: {versions}, Python {platform.python_version()}",
        f"- devices: {devices}",
        "",
        "## Claims",
        "",
        tables.to_markdown(found),
    ]
    for name, paper in papers.items():
        lines += [f"## {name}", "", paper.citation, ""]
        lines += [f"- parameters: {_listed(paper.parameters)}"]
        lines += [f"- sizes: {_listed(paper.full if full else paper.quick)}", ""]
        for figure in paper.figures:
            lines += [f"### {figure.title}", "", f"![{figure.title}]({name}/{figure.name}.png)", ""]
            lines += [f"Data: [{figure.name}.npz]({name}/{figure.name}.npz)", ""]
    return "\n".join(lines)


def _listed(values: Any) -> str:
    return ", ".join(f"{key} = {value}" for key, value in dataclasses.asdict(values).items())
