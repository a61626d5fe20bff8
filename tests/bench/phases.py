"""Where the time of a full-size run goes, by its report, and what the runtime uses of it; and what it uses beside a
model that computes.
"""

import json
import statistics
import time
from collections import defaultdict
from pathlib import Path

from tests.bench.cases import CASES, Case, computing, output_of, sample_data
from tests.bench.measure import children, cpu_s, cpu_sets, started, timed
from tests.bench.pairs import empty, progress
from tests.bench.table import table

ALLOWED = {"checking": "0.040"}
# A model has begun to compute before the first, and computes on after the minute.
BEGIN_SECONDS = 5
MINUTE_SECONDS = 60
COMPUTING_SECONDS = BEGIN_SECONDS + MINUTE_SECONDS + 5
ALLOWED_SHARE = 0.5


def print_phases(runs: int, folder: Path) -> None:
    """Print the seconds of each phase, and the CPU seconds of the runtime and of all."""
    columns = {}
    for cpus in cpu_sets():
        progress(f"the phases on {len(cpus)} CPU")
        columns[f"{len(cpus)} CPU"] = phases_of(cpus, runs, folder)
    found = list(columns.values())
    rows = [[name, *(f"{column[name]:.3f}" for column in found), ALLOWED.get(name, "")] for name in found[0]]
    print("Phases of LightGBM, 60 trees, full size, from its report: medians in seconds\n")
    print(table(["phase", *columns, "allowed"], rows), end="\n\n", flush=True)


def phases_of(cpus: set[int], runs: int, folder: Path) -> dict[str, float]:
    """The median of each figure."""
    full_size = next(case for case in CASES if case.name == "full")
    report = folder / "report.json"
    argv = [*full_size.programs(folder)["predict.py"], "--report", str(report)]
    found: dict[str, list[float]] = defaultdict(list)
    for _ in range(runs):
        cost = timed(argv, cpus)
        figures = json.loads(report.read_text())["usage"]["phases"]
        figures |= {"all, wall": cost.wall_s, "all, CPU": cost.cpu_s, "the parent alone, CPU": cost.own_cpu_s}
        for name, seconds in figures.items():
            found[name].append(seconds)
        empty(output_of(folder))
    return {name: statistics.median(values) for name, values in found.items()}


def print_beside(folder: Path) -> None:
    """Print what the runtime uses of a core while the model computes."""
    case = Case("beside", "", "", sample_data, lambda folder: computing(folder, COMPUTING_SECONDS))
    argv = case.programs(folder)["predict.py"]
    rows = []
    for cpus in cpu_sets():
        progress(f"the runtime beside a computing model on {len(cpus)} CPU, which takes a minute")
        rows.append([str(len(cpus)), *(f"{share:.2f} %" for share in shares(argv, cpus)), f"{ALLOWED_SHARE} %"])
        empty(output_of(folder))
    print(f"Beside a model that computes: CPU time of the parent and its reaper in {MINUTE_SECONDS} s, of a core\n")
    print(table(["CPUs", "parent", "reaper", "together", "allowed"], rows), end="\n\n", flush=True)


def shares(argv: list[str], cpus: set[int]) -> tuple[float, float, float]:
    """Percent of a core that the parent uses over a minute, its child, and both."""
    with started(argv, cpus) as process:
        time.sleep(BEGIN_SECONDS)
        ours = [process.pid, *children(process.pid)]
        before = [cpu_s(pid) for pid in ours]
        time.sleep(MINUTE_SECONDS)
        parent, *others = (100 * (cpu_s(pid) - was) / MINUTE_SECONDS for pid, was in zip(ours, before, strict=True))
    return parent, sum(others), parent + sum(others)
