"""Wall and CPU time and peak memory of predict.py beside the bare minimum."""

import statistics
from pathlib import Path

from tests.bench.cases import Case, output_of
from tests.bench.measure import Cost, Peak, cpu_sets, peak
from tests.bench.pairs import cpu, empty, median, progress, ratios, run_in_turn, wall
from tests.bench.table import table

TIME_HEAD = ["case", "CPUs", "bare s", "CPU s", "ours s", "CPU s", "wall ratio", "CPU ratio"]
TIME_HEAD += ["noise of wall", "noise of CPU", "allowed"]
MEMORY_HEAD = ["case", "bare MB", "ours MB", "difference", "allowed", "our parent MB", "allowed"]
MORE_MB = 35
PARENT_MB = 40


def print_times(cases: list[Case], runs: int, folder: Path) -> None:
    """Print a row for each case and number of CPUs."""
    rows = []
    for case in cases:
        programs = case.programs(folder)
        # What the same program differs by from itself is what the machine adds.
        programs["bare again"] = programs["bare"]
        for cpus in cpu_sets():
            progress(f"the time of {case.name} on {len(cpus)} CPU")
            costs = run_in_turn(programs, cpus, runs, output_of(folder))
            rows.append([case.title, str(len(cpus)), *time_cells(costs), case.allowed])
    print("Time: medians, and of the ratios of pairs the quartiles; the noise is the bare minimum beside itself\n")
    print(table(TIME_HEAD, rows), end="\n\n", flush=True)


def time_cells(costs: dict[str, list[Cost]]) -> list[str]:
    """What two programs took, how they compare, and how the first compares with itself."""
    bare, ours, again = (costs[name] for name in ("bare", "predict.py", "bare again"))
    medians = [f"{median(found, figure):.2f}" for found in (bare, ours) for figure in (wall, cpu)]
    return [*medians, *(ratios(found, bare, figure).show() for found in (ours, again) for figure in (wall, cpu))]


def print_memory(cases: list[Case], runs: int, folder: Path) -> None:
    """Print a row for each case."""
    rows = []
    for case in cases:
        progress(f"the memory of {case.name}")
        peaks = {name: peaks_of(argv, runs, output_of(folder)) for name, argv in case.programs(folder).items()}
        bare, ours = peaks["bare"], peaks["predict.py"]
        more = f"{ours.tree_mb - bare.tree_mb:+.0f}"
        tree = [f"{bare.tree_mb:.0f}", f"{ours.tree_mb:.0f}", more, f"+{MORE_MB}"]
        rows.append([case.title, *tree, f"{ours.own_mb:.0f}", str(PARENT_MB)])
    print(f"Memory: medians of the peaks of {runs} runs\n")
    print(table(MEMORY_HEAD, rows), end="\n\n", flush=True)


def peaks_of(argv: list[str], runs: int, output: Path, expected: int = 0) -> Peak:
    """The medians of the peaks; the folder `output` is emptied after every run."""
    peaks = []
    for _ in range(runs):
        peaks.append(peak(argv, expected))
        empty(output)
    return Peak(statistics.median(p.tree_mb for p in peaks), statistics.median(p.own_mb for p in peaks))
