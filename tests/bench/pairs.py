"""Programs that run in turn, and how their costs compare from pair to pair."""

import random
import statistics
import sys
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

from tests.bench.measure import Cost, timed


@dataclass(frozen=True)
class Spread:
    """The median of some values, and their quartiles: half of them lie between these."""

    median: float
    low: float
    high: float

    @staticmethod
    def of(values: Iterable[float]) -> "Spread":
        """The spread of at least one value."""
        ordered = sorted(values)
        if len(ordered) == 1:
            return Spread(*ordered * 3)
        low, median, high = statistics.quantiles(ordered, n=4, method="inclusive")
        return Spread(median, low, high)

    def show(self, form: str = ".2f") -> str:
        """The median, with the quartiles in brackets."""
        return f"{self.median:{form}} [{self.low:{form}}, {self.high:{form}}]"


def run_in_turn(programs: dict[str, list[str]], cpus: set[int], runs: int, output: Path) -> dict[str, list[Cost]]:
    """What each program cost in each of its runs: all run once a round, in random order, so that what else the
    machine does falls on all alike. The folder `output` is emptied after every run.
    """
    costs: dict[str, list[Cost]] = {name: [] for name in programs}
    for run in range(runs + 1):
        for name, argv in random.sample(list(programs.items()), len(programs)):
            cost = timed(argv, cpus)
            empty(output)
            if run:  # The first one warms the disk's cache.
                costs[name].append(cost)
    return costs


def empty(folder: Path) -> None:
    """Remove the files in a folder."""
    for path in folder.iterdir():
        path.unlink()


def ratios(costs: list[Cost], base: list[Cost], figure: Callable[[Cost], float]) -> Spread:
    """By how much each run exceeds the one of its round that it is held against, as a factor."""
    return Spread.of(figure(cost) / figure(other) for cost, other in zip(costs, base, strict=True))


def differences(costs: list[Cost], base: list[Cost], figure: Callable[[Cost], float]) -> Spread:
    """Like `ratios`, in seconds."""
    return Spread.of(figure(cost) - figure(other) for cost, other in zip(costs, base, strict=True))


def median(costs: list[Cost], figure: Callable[[Cost], float]) -> float:
    """The median of one figure."""
    return statistics.median(map(figure, costs))


def wall(cost: Cost) -> float:
    return cost.wall_s


def cpu(cost: Cost) -> float:
    return cost.cpu_s


def progress(text: str) -> None:
    """Say what is measured now, where it is in no table."""
    print(f"measuring {text}", file=sys.stderr, flush=True)
