"""What it costs to look into a large pickle with --inspect."""

import pickle
import random
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np

from tests.bench.cases import ARRAY_NUMBERS, PREDICT, output_of
from tests.bench.costs import peaks_of
from tests.bench.measure import cpu_sets, timed
from tests.bench.pairs import cpu, median, progress, wall
from tests.bench.table import table

ARRAYS = 10
PAIRS = 550_000
NODES = 200_000


class Node:
    """One of many small objects."""

    def __init__(self, number: int) -> None:
        self.number = number
        self.threshold = random.random()


def write_arrays(path: Path) -> None:
    """A pickle of 500 MB in a few large arrays."""
    generator = np.random.default_rng(0)
    path.write_bytes(pickle.dumps([generator.random(ARRAY_NUMBERS) for _ in range(ARRAYS)]))


def write_objects(path: Path) -> None:
    """A pickle of 30 MB with 1.5 million objects: texts, numbers, and instances with their attributes."""
    weights = {f"feature_{number:020}": random.random() for number in range(PAIRS)}
    path.write_bytes(pickle.dumps([weights, [Node(number) for number in range(NODES)]]))


PICKLES: dict[str, tuple[Callable[[Path], None], str]] = {
    "arrays": (write_arrays, "1.5 s, the pickle's size"),
    "1.5 million objects": (write_objects, "3 s"),
}
# The pickles hold no model, which --inspect says with a status of its own.
NO_MODEL = 1


def print_inspection(runs: int, memory_runs: int, folder: Path) -> None:
    """Print a row for each pickle and number of CPUs."""
    rows = []
    for title, (write, allowed) in PICKLES.items():
        path = folder / f"{title}.pkl"
        write(path)
        argv = [sys.executable, str(PREDICT), "--inspect", "--model", str(path)]
        peak_mb = peaks_of(argv, memory_runs, output_of(folder), NO_MODEL).tree_mb
        for cpus in cpu_sets():
            progress(f"the look into {title} on {len(cpus)} CPU")
            costs = [timed(argv, cpus, NO_MODEL) for _ in range(runs)]
            seconds = [f"{median(costs, figure):.2f}" for figure in (wall, cpu)]
            size = f"{path.stat().st_size / 1e6:.0f}"
            rows.append([title, str(len(cpus)), size, *seconds, f"{peak_mb:.0f}", allowed])
    print("A look into a large pickle: medians\n")
    print(table(["pickle", "CPUs", "MB", "wall s", "CPU s", "peak MB", "allowed"], rows), end="\n\n", flush=True)
