"""What the confinement costs: predict.py beside the same without it."""

from pathlib import Path

from tests.bench.cases import CASES, PREDICT, TESTS, output_of, predict_argv
from tests.bench.costs import peaks_of
from tests.bench.measure import cpu_sets
from tests.bench.pairs import cpu, differences, median, progress, run_in_turn, wall
from tests.bench.table import table

# It costs little, and its measurement takes more pairs.
PAIRS_FOR_EACH_RUN = 4


def print_confinement(runs: int, memory_runs: int, folder: Path) -> None:
    """Print a row of time for each number of CPUs, with the memory."""
    files, output = CASES[0].files(folder), output_of(folder)
    free, confined = (predict_argv(program, files, output) for program in (TESTS / "unconfined.py", PREDICT))
    # Of the same program twice, for what the machine adds.
    programs = {"unconfined": free, "confined": confined, "again": free}
    more_mb = peaks_of(confined, memory_runs, output).tree_mb - peaks_of(free, memory_runs, output).tree_mb
    rows = []
    for cpus in cpu_sets():
        progress(f"the confinement on {len(cpus)} CPU")
        costs = run_in_turn(programs, cpus, runs * PAIRS_FOR_EACH_RUN, output)
        base = costs["unconfined"]
        row = [str(len(cpus)), f"{median(base, wall):.2f}"]
        row += [differences(costs["confined"], base, figure).show("+.3f") for figure in (wall, cpu)]
        row += [differences(costs["again"], base, wall).show("+.3f"), "+0.06", f"{more_mb:+.0f}", "+10"]
        rows.append(row)
    head = ["CPUs", "unconfined: wall s", "more wall s", "more CPU s", "noise: wall s", "allowed", "more MB", "allowed"]
    print("Confinement, sample: medians, and of the differences of pairs the quartiles\n")
    print(table(head, rows), end="\n\n", flush=True)
