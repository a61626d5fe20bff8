"""What predict.py costs beside the bare minimum, and what the confinement costs of that: wall seconds and peak memory,
in one run, as a table.

The programs are run in turn and in random order, so that all see the same weather of the machine. Allowed are 15 % of
wall time plus 0.3 s and 60 MB of memory, of which 0.06 s and 10 MB for the confinement.
"""

import argparse
import json
import os
import random
import statistics
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

TESTS = Path(__file__).resolve().parent
sys.path.insert(0, str(TESTS.parent))

from numerai_predict.sandbox.process_tree import ProcessTree  # noqa: E402

PREDICT = TESTS.parent / "predict.py"
POLL_SECONDS = 0.01
# What the confinement costs is little, and its measurement takes more of them.
PAIRS_FOR_EACH_RUN = 4


@dataclass(frozen=True)
class Case:
    """A model and the data that it runs on."""

    name: str
    model: Path
    live: Path
    benchmarks: Path


@dataclass(frozen=True)
class Cost:
    """Wall seconds and peak memory of the process tree, in bytes."""

    wall_s: float
    peak_bytes: int


def measure(argv: list[str], expected: int = 0) -> Cost:
    """Run the command to its end; raises CalledProcessError if it ends with another status than expected."""
    began = time.perf_counter()
    process = subprocess.Popen(argv, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True)
    tree = ProcessTree(os.getpid())  # All that is below us.
    tree.program = process.pid
    while process.poll() is None:
        tree.memory_bytes()
        time.sleep(POLL_SECONDS)
    if process.returncode != expected:
        raise subprocess.CalledProcessError(process.returncode, argv)
    return Cost(time.perf_counter() - began, tree.peak_memory_bytes)


def run_in_turn(programs: dict[str, list[str]], runs: int) -> dict[str, list[Cost]]:
    """What each program cost in each of its runs."""
    costs: dict[str, list[Cost]] = {name: [] for name in programs}
    for run in range(runs + 1):
        for name, argv in random.sample(list(programs.items()), len(programs)):
            cost = measure([sys.executable, *argv])
            if run:  # The first one warms the disk's cache.
                costs[name].append(cost)
    return costs


def argv_of(program: Path, case: Case, folder: Path) -> list[str]:
    """The command of a run of predict.py, or of what stands in for it, that writes to the folder."""
    data = ["--dataset", str(case.live), "--benchmarks", str(case.benchmarks)]
    output = ["--output_dir", str(folder), "--report", str(folder / "report.json")]
    return [str(program), "--model", str(case.model), *data, *output]


def compare_with_bare_minimum(case: Case, runs: int, folder: Path) -> None:
    """Print a row for each program and one for the difference."""
    inputs = map(str, (case.model, case.live, case.benchmarks))
    programs = {
        "bare minimum": [str(TESTS / "bare_minimum.py"), *inputs, str(folder / "bare.csv")],
        "predict.py": argv_of(PREDICT, case, folder),
    }
    found = {name: medians(costs) for name, costs in run_in_turn(programs, runs).items()}
    print(case.name)
    for name, (wall_s, peak_mb) in found.items():
        print(f"  {name:<14}{wall_s:>8.2f} s{peak_mb:>8.0f} MB")
    (bare_s, bare_mb), (whole_s, whole_mb) = found.values()
    print(f"  {'overhead':<14}{whole_s - bare_s:>+8.2f} s{whole_mb - bare_mb:>+8.0f} MB", end="")
    print(f"   allowed {bare_s * 0.15 + 0.3:+.2f} s, +60 MB; ratio {whole_s / bare_s:.2f}\n")


def compare_with_unconfined(case: Case, runs: int, folder: Path) -> None:
    """Print what the confinement adds, of the fastest third of the runs: it is less than what disturbs the others."""
    programs = {
        "unconfined": argv_of(TESTS / "unconfined.py", case, folder),
        "confined": argv_of(PREDICT, case, folder),
    }
    print(f"Confinement: {case.name}, mean of the fastest third of {runs} runs")
    found = []
    for name, costs in run_in_turn(programs, runs).items():
        fastest = sorted(costs, key=lambda cost: cost.wall_s)[: max(1, runs // 3)]
        wall_s, (_, peak_mb) = statistics.mean(cost.wall_s for cost in fastest), medians(fastest)
        print(f"  {name:<14}{wall_s:>8.2f} s{peak_mb:>8.0f} MB")
        found.append((wall_s, peak_mb))
    (free_s, free_mb), (confined_s, confined_mb) = found
    print(f"  {'confinement':<14}{confined_s - free_s:>+8.2f} s{confined_mb - free_mb:>+8.0f} MB", end="")
    print("   allowed +0.06 s, +10 MB")


def medians(costs: list[Cost]) -> tuple[float, float]:
    """Median wall seconds and median peak MB."""
    seconds = statistics.median(cost.wall_s for cost in costs)
    return seconds, statistics.median(cost.peak_bytes for cost in costs) / 1e6


def make_full_size(folder: Path) -> tuple[Path, Path]:
    """A full-size live round and a LightGBM of 2,000 trees on 42 features; returns the folder and the model."""
    python = [sys.executable]
    data = ["--rows", "7000", "--features", "3555", "--output_dir", str(folder)]
    subprocess.run([*python, str(TESTS / "data/make_data.py"), *data], check=True)
    train = ["--trees", "2000", "--features", "42", "--data_dir", str(folder), "--output_dir", str(folder)]
    subprocess.run([*python, str(TESTS / "models/train_models.py"), *train, "--name", "big"], check=True)
    return folder, folder / "big.pkl"


def main() -> None:
    """Print the tables for the sample and the full-size data, and the phases of the full-size run."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=11, help="counted runs of each program (default: 11)")
    runs = parser.parse_args().runs
    sample = TESTS / "data"
    sample_model = TESTS / f"models/model_{sys.version_info.major}_{sys.version_info.minor}.pkl"
    with tempfile.TemporaryDirectory() as name:
        full, big_model = make_full_size(Path(name))
        cases = [
            Case("sample (650 x 42), 60 trees", sample_model, *data_files(sample)),
            Case("full size (7000 x 3555), 60 trees", sample_model, *data_files(full)),
            Case("full size, 2,000 trees", big_model, *data_files(full)),
        ]
        print(f"Python {sys.version.split()[0]}, median of {runs} runs, peak of the whole process tree\n")
        for case in cases:
            compare_with_bare_minimum(case, runs, Path(name))
        usage = json.loads(Path(name, "report.json").read_text())["usage"]
        print("Where the time of the last run went, from its report:")
        for phase, seconds in usage["phases"].items():
            print(f"  {phase:<12}{seconds:>8.3f} s")
        print()
        compare_with_unconfined(cases[0], PAIRS_FOR_EACH_RUN * runs, Path(name))


def data_files(folder: Path) -> tuple[Path, Path]:
    """The two data files of a folder."""
    return folder / "live.parquet", folder / "live_benchmark_models.parquet"


if __name__ == "__main__":
    main()
