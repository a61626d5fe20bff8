"""Print what predict.py costs, as tables: `python -m tests.bench`, or with --large what large models and data cost.

Time is taken on one CPU and on two of the machine's, in pairs with the bare minimum (tests/bare_minimum.py), in random
order; the memory in runs of its own. Nothing of it asks for a report but the phases.
"""

import argparse
import os
import platform
import tempfile
from pathlib import Path

from tests.bench.cases import CASES, LARGE_CASES
from tests.bench.confinement import print_confinement
from tests.bench.costs import print_memory, print_times
from tests.bench.inspection import print_inspection
from tests.bench.phases import print_beside, print_phases

OTHERS = ("phases", "beside", "confinement", "inspection")
MEMORY_RUNS = 3


def main() -> None:
    """Print the tables that the command line asks for."""
    arguments = parse_arguments()
    wanted, runs = arguments.case, arguments.runs
    memory_runs = min(runs, MEMORY_RUNS)
    print(machine(runs), end="\n\n", flush=True)
    with tempfile.TemporaryDirectory(prefix="bench-") as name:
        folder = Path(name)
        folder.chmod(0o755)  # The model's user reads what is in it.
        if cases := [case for case in CASES + LARGE_CASES if case.name in wanted]:
            print_times(cases, runs, folder)
            print_memory(cases, memory_runs, folder)
        if "phases" in wanted:
            print_phases(runs, folder)
        if "beside" in wanted:
            print_beside(folder)
        if "confinement" in wanted:
            print_confinement(runs, memory_runs, folder)
        if "inspection" in wanted:
            print_inspection(memory_runs, memory_runs, folder)
        used = sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())
    print(f"Temporary files: {used / 1e6:,.0f} MB, removed")


def parse_arguments() -> argparse.Namespace:
    """The command line; without --case all cases, of the large or of the others."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench", description=__doc__)
    cases, large = ([*(case.name for case in CASES), *OTHERS], [case.name for case in LARGE_CASES])
    parser.add_argument("--runs", type=int, help="counted runs of each program (default: 11, with --large 3)")
    parser.add_argument("--large", action="store_true", help=f"measure {', '.join(large)}")
    parser.add_argument(
        "--case", action="append", choices=cases + large, help="measure this, and what else is named so"
    )
    arguments = parser.parse_args()
    arguments.case = arguments.case or (large if arguments.large else cases)
    arguments.runs = arguments.runs or (3 if arguments.large else 11)
    return arguments


def machine(runs: int) -> str:
    """Where and how it is measured."""
    count = len(os.sched_getaffinity(0))
    load = f"load average {os.getloadavg()[0]:.1f} before"
    few = "" if count > 1 else "; it has no second CPU, so there are no rows for two"
    return f"Python {platform.python_version()}, {runs} runs of each program; machine of {count} CPU, {load}{few}"


if __name__ == "__main__":
    main()
