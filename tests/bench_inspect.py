"""What it costs to look into a large pickle with --inspect: wall seconds and peak memory of the whole process tree, as
a table. Allowed are 1.5 s and the file's own size of memory for 500 MB of arrays, and 3 s for 1.5 million objects.
"""

import argparse
import pickle
import random
import sys
import tempfile
from pathlib import Path

import numpy as np

TESTS = Path(__file__).resolve().parent
sys.path.insert(0, str(TESTS.parent))

from tests.bench import PREDICT, measure, medians  # noqa: E402

ARRAYS = 10
ARRAY_NUMBERS = 6_250_000
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


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=5, help="counted runs for each pickle (default: 5)")
    runs = parser.parse_args().runs
    print(f"Inspection, Python {sys.version.split()[0]}, median of {runs} runs, peak of the whole process tree")
    cases = {
        "arrays": (write_arrays, "1.5 s and the pickle's size"),
        "1.5 million objects": (write_objects, "3 s"),
    }
    with tempfile.TemporaryDirectory() as name:
        for title, (write, allowed) in cases.items():
            path = Path(name) / "model.pkl"
            write(path)
            # They hold no model, which --inspect says with a status of its own.
            costs = [measure([sys.executable, str(PREDICT), "--inspect", "--model", str(path)], 1) for _ in range(runs)]
            wall_s, peak_mb = medians(costs)
            size = path.stat().st_size / 1e6
            print(f"  {title:<20}{size:>6.0f} MB{wall_s:>8.2f} s{peak_mb:>8.0f} MB   allowed {allowed}")


if __name__ == "__main__":
    main()
