"""`python -m benchmarks [module ...] [--quick]`: runs the cases, prints the table, writes it to benchmarks/results/."""

import argparse
import os
import sys
from pathlib import Path

# On few cores two batched LAPACK calls at once may wait for each other for ever; more workers cure it.
os.environ.setdefault("PJRT_NPROC", "8")

import jax

jax.config.update("jax_enable_x64", True)

from benchmarks import bdg, bdg_lattice, film, flake, harness, impurities  # noqa: E402

MODULES = {"impurities": impurities, "bdg": bdg, "bdg_lattice": bdg_lattice, "film": film, "flake": flake}


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("modules", nargs="*", metavar="module", help=f"{' or '.join(MODULES)} (default: all)")
    parser.add_argument("--quick", action="store_true", help="small sizes, to see that all runs; no bars")
    parser.add_argument("--strict", action="store_true", help="exit with status 1 if a bar was missed")
    parser.add_argument("--output", type=Path, help="where to write (default: results/ if everything ran)")
    arguments = parser.parse_args()
    unknown = [name for name in arguments.modules if name not in MODULES]
    if unknown:
        parser.error(f"no module {unknown[0]!r}: {' or '.join(MODULES)}")

    cases = []
    for name in arguments.modules or MODULES:
        for case in MODULES[name].cases(quick=arguments.quick):
            print(harness.table([case]), flush=True)
            cases.append(case)

    # a part of the cases would overwrite the whole record of the day
    partial = arguments.quick or bool(arguments.modules)
    output = arguments.output or (None if partial else Path(__file__).parent / "results")
    if output is not None:
        print(f"written to {harness.write(cases, output)}")
    missed = [bar for case in cases for bar in case.bars if not bar.passed]
    print(f"{len(missed)} of {sum(len(case.bars) for case in cases)} bars missed")
    return 1 if arguments.strict and missed else 0


if __name__ == "__main__":
    sys.exit(main())
