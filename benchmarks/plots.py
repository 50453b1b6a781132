"""`python -m benchmarks.plots RECORD.json`: draws the cost of a lattice against its size, beside the record."""

import argparse
import io
import json
import re
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure

from benchmarks.harness import write_whole

CASE = "cost against size"
ROW = re.compile(r"project, (\d+) sites(.*)")
STYLES = {"": ("F and all fields", "#0072B2", "o"), ", F alone": ("F alone", "#D55E00", "s")}


def cost_against_size(record: dict) -> Figure:
    """Median seconds with quartiles on log axes, and the power of the number of sites that fits the larger half."""
    case = next(case for case in record["cases"] if case["name"].startswith(CASE))
    rows = [(ROW.fullmatch(name).groups(), timing) for name, timing in case["timings"].items()]
    figure = Figure(figsize=(6.4, 4.6), layout="constrained")
    axes = figure.subplots()
    for kind, (label, colour, marker) in STYLES.items():
        chosen = [(int(sites), t["median"], t["lower"], t["upper"]) for (sites, of), t in rows if of == kind]
        sites, median, lower, upper = map(np.array, zip(*sorted(chosen), strict=True))
        half = slice(len(sites) // 2, None)
        power, constant = np.polyfit(np.log(sites[half]), np.log(median[half]), 1)
        spread = [median - lower, upper - median]
        axes.errorbar(sites, median, spread, color=colour, marker=marker, linestyle="none", capsize=3, label=label)
        line = np.exp(constant) * sites[half] ** power
        axes.plot(sites[half], line, color=colour, linewidth=1, label=f"sites$^{{{power:.2f}}}$")
    axes.set(xscale="log", yscale="log", xlabel="sites of a square lattice", ylabel="time of one evaluation [s]")
    place = record["environment"]
    axes.set_title(f"16 poles, any texture; {place['cpu'] if place['device'].startswith('cpu') else place['device']}")
    axes.grid(which="both", linewidth=0.3)
    axes.legend()
    return figure


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.plots", description=__doc__)
    parser.add_argument("record", type=Path)
    record = parser.parse_args().record
    picture = io.BytesIO()
    cost_against_size(json.loads(record.read_text())).savefig(picture, format="png", dpi=110)
    path = record.with_name(f"{record.stem}-lattice-cost.png")
    write_whole(path, picture.getvalue())
    print(path)


if __name__ == "__main__":
    main()
