"""What a round takes on so many cores, simulated: `make simulate_round` prints the table of docs/round.md.

A core is a worker with one model at a time. Queue and claims are those of real workers, on a store in memory and on a
clock that jumps from event to event. What a model costs is what was measured; how many there are of which kind is an
assumption, and so is how many workers die.
"""

import heapq
import logging
import math
import random
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, field, replace
from typing import TypeAlias

from numerai_predict.round.claims import LEASE_S, Claims, WorkerName
from numerai_predict.round.deadline import Deadline
from numerai_predict.round.manifest import Row
from numerai_predict.round.queue import Claimed, Poisoned, Queue, Wait, in_order, outcome_key
from numerai_predict.round.store import Versioned
from tests.bench.table import table
from tests.round.memory_store import MemoryStore

Mix: TypeAlias = Sequence[tuple[float, float, str | None]]

MODELS = 5000
HOUR_S = 3600.0
# CPU seconds to import what the base template does not have.
IMPORTS_S = {"torch": 1.9, "tensorflow": 5.8}
# The assumption: which share of the models takes how many seconds of its own, and which library it needs. The first
# three are LightGBM on 7,000 rows, with 60 trees and with 2,000 on few and on many features.
MIX: Mix = (
    (0.60, 0.1, None),
    (0.25, 1.2, None),
    (0.08, 4.7, None),
    (0.02, 3.0, "torch"),
    (0.02, 3.0, "tensorflow"),
    (0.03, 60.0, None),
)
SMALL_S = 0.1
# How many take the ten minutes that a model may, instead of one.
TEN_MINUTES_S = 600.0
TEN_MINUTES = (0.0, 0.002, 0.01)
SOME = 0.002
# No round is the one before it: so many models are new, and the others take so much more or less, at most.
NEW = 0.03
CHANGE = 0.1
# How long a worker lives on average where workers die, and how soon there is another one.
LIFE_S = 20 * 60.0
RESTART_S = 5.0
# A holder renews its claim that often.
RENEWAL_S = LEASE_S / 4
# What a worker asks of the store besides its queue: it fetches the model, writes predictions and outcome, and renews
# the claim before it writes either.
REQUESTS = 5
# Names that one request lists: https://docs.aws.amazon.com/AmazonS3/latest/API/API_ListObjectsV2.html
LISTED = 1000
CORES = (1, 2, 4, 8, 16, 32)
SEEDS = range(3)


@dataclass(frozen=True)
class Way:
    """How models are run: the seconds until a worker is ready, that a run adds to the model's own, and that a request
    to the store takes; whether a library is imported once by a worker (a template) or by each model.
    """

    ready_s: float
    adds_s: float
    request_s: float = 0.0
    imports_once: bool = False


# Seconds of LightGBM with 60 trees on the sample, which takes next to none of its own, on one CPU: of `docker run` with
# the image of 3.11, and as make bench_round prints them (docs/round.md).
CONTAINERS = Way(ready_s=0, adds_s=1.4)
NATIVE = Way(ready_s=0, adds_s=1.0)
WARM = Way(ready_s=1.5, adds_s=0.1, imports_once=True)
# https://docs.aws.amazon.com/AmazonS3/latest/userguide/optimizing-performance.html: 100 to 200 ms for a small object.
WARM_S3 = replace(WARM, request_s=0.1)


@dataclass(frozen=True)
class Rules:
    """What a round is simulated without, or with: without knowledge of the last round models come in the order of the
    manifest, without stealing a worker has its own share only; `life_s` is how long workers live on average.
    """

    longest_first: bool = True
    stealing: bool = True
    life_s: float = math.inf


@dataclass(frozen=True)
class Model:
    """A model of the round: its row, and what it takes this time."""

    row: Row
    own_s: float
    library: str | None = None


@dataclass
class Ended:
    """What came of a round: when its last outcome was written; the seconds that workers spent on models, and those of
    them that were for nothing; which models have an outcome, which were given up, and how many workers died.
    """

    last_s: float = 0.0
    worked_s: float = 0.0
    for_nothing_s: float = 0.0
    outcomes: set[str] = field(default_factory=set)
    given_up: set[str] = field(default_factory=set)
    deaths: int = 0


class CountingStore(MemoryStore):
    """One that counts the requests, as many as S3 would need."""

    def __init__(self) -> None:
        super().__init__()
        self.requests = 0

    def read(self, key: str) -> Versioned | None:
        self.requests += 1
        return super().read(key)

    def create(self, key: str, content: bytes) -> str | None:
        self.requests += 1
        return super().create(key, content)

    def replace(self, key: str, content: bytes, version: str) -> str | None:
        self.requests += 1
        return super().replace(key, content, version)

    def names(self, folder: str) -> set[str]:
        found = super().names(folder)
        self.requests += 1 + len(found) // LISTED
        return found


@dataclass
class Worker:
    """A core, in one of its lives."""

    index: int
    queue: Queue
    dies_s: float = math.inf
    imported: set[str] = field(default_factory=set)
    run: Claimed | None = None
    began_s: float = 0.0


Step: TypeAlias = Callable[[Worker], None]


class Simulation:
    """A round of these models by so many workers; `run` says what came of it."""

    def __init__(self, models: Sequence[Model], workers: int, way: Way, rules: Rules = Rules(), seed: int = 0) -> None:
        self._models = {model.row.id: model for model in models}
        self._rows = [model.row if rules.longest_first else replace(model.row, cpu_s=None) for model in models]
        self._workers, self._way, self._rules = workers, way, rules
        self._chance = random.Random(seed)
        self._store = CountingStore()
        self._now = 0.0
        self._events: list[tuple[float, int, Worker, Step]] = []
        self._names = 0
        self._ended = Ended()

    def run(self) -> Ended:
        """Go from event to event until no worker has anything left to do."""
        for index in range(self._workers):
            self._start(index)
        while self._events:
            self._now, _, worker, step = heapq.heappop(self._events)
            step(worker)
        return self._ended

    def _start(self, index: int) -> None:
        """A new process with that index."""
        self._names += 1
        claims = Claims(self._store, WorkerName(f"w{self._names}", index, "host"), now=lambda: self._now)
        rows, share, shares = self._rows, index, self._workers
        if not self._rules.stealing:
            rows, share, shares = in_order(rows, index, shares)[: len(rows[index::shares])], 0, 1
        worker = Worker(index, Queue(self._store, rows, share, shares, claims, Deadline(None)))
        if self._rules.life_s < math.inf:
            worker.dies_s = self._now + self._chance.expovariate(1 / self._rules.life_s)
        self._after(self._way.ready_s, worker, self._next)

    def _after(self, seconds: float, worker: Worker, step: Step) -> None:
        """The step after so many seconds, unless the worker dies before."""
        when = self._now + seconds
        self._at(*((worker.dies_s, worker, self._die) if worker.dies_s < when else (when, worker, step)))

    def _at(self, when: float, worker: Worker, step: Step) -> None:
        self._names += 1
        heapq.heappush(self._events, (when, self._names, worker, step))

    def _next(self, worker: Worker) -> None:
        before = self._store.requests
        given = worker.queue.next()
        asked_s = (self._store.requests - before) * self._way.request_s
        if isinstance(given, Wait):
            self._after(asked_s + given.seconds, worker, self._next)
        elif isinstance(given, Poisoned):
            self._ended.given_up.add(given.row.id)
            self._write(given.row.id)
            self._after(asked_s, worker, self._next)
        elif isinstance(given, Claimed):
            worker.run, worker.began_s = given, self._now
            self._at(self._now + RENEWAL_S, worker, lambda same: self._renew(same, given))
            self._after(asked_s + self._run_s(worker, self._models[given.row.id]), worker, self._finish)

    def _run_s(self, worker: Worker, model: Model) -> float:
        seconds = self._way.adds_s + REQUESTS * self._way.request_s + model.own_s
        if model.library and model.library not in worker.imported:
            seconds += IMPORTS_S[model.library]
            if self._way.imports_once:
                worker.imported.add(model.library)
        return seconds

    def _renew(self, worker: Worker, run: Claimed) -> None:
        if worker.run is run:
            run.claim.renew()
            self._at(self._now + RENEWAL_S, worker, lambda same: self._renew(same, run))

    def _finish(self, worker: Worker) -> None:
        assert worker.run
        self._ended.worked_s += self._now - worker.began_s
        self._write(worker.run.row.id)
        worker.run = None
        self._next(worker)

    def _write(self, model_id: str) -> None:
        if self._store.create(outcome_key(model_id), b""):
            self._ended.outcomes.add(model_id)
            self._ended.last_s = self._now

    def _die(self, worker: Worker) -> None:
        self._ended.deaths += 1
        if worker.run:
            self._ended.worked_s += self._now - worker.began_s
            self._ended.for_nothing_s += self._now - worker.began_s
            worker.run = None
        self._at(self._now + RESTART_S, worker, lambda dead: self._start(dead.index))


def mix_with(ten_minutes: float) -> Mix:
    """The mix with a share of models of ten minutes, in place of as many of a minute."""
    *others, (share, minute_s, library) = MIX
    return [*others, (share - ten_minutes, minute_s, library), (ten_minutes, TEN_MINUTES_S, None)]


def models_of(mix: Mix, count: int, seed: int) -> list[Model]:
    """So many models, in an order that says nothing of them."""
    chance = random.Random(seed)
    kinds = [(seconds, library) for share, seconds, library in mix for _ in range(round(share * count))]
    chance.shuffle(kinds)
    return [_model(f"m{number}", *kind, chance) for number, kind in enumerate(kinds)]


def _model(model_id: str, seconds: float, library: str | None, chance: random.Random) -> Model:
    last_s = seconds * (1 + chance.uniform(-CHANGE, CHANGE))
    row = Row(model_id, f"models/{model_id}.pkl", cpu_s=None if chance.random() < NEW else last_s)
    return Model(row, seconds, library)


@dataclass(frozen=True)
class Line:
    """What a line of the table is of."""

    name: str
    way: Way = WARM
    rules: Rules = Rules()
    largest_s: float = math.inf


LINES = (
    Line("a container for each model", CONTAINERS),
    Line("a native run for each model", NATIVE),
    Line("warm workers, a folder"),
    Line("warm workers, S3", WARM_S3),
    Line("warm, in any order", rules=Rules(longest_first=False)),
    Line("warm, own share only", rules=Rules(stealing=False)),
    Line("warm, own share only, in any order", rules=Rules(longest_first=False, stealing=False)),
    Line("warm, workers die", rules=Rules(life_s=LIFE_S)),
    Line("small models, a container for each", CONTAINERS, largest_s=SMALL_S),
    Line("small models, warm workers", largest_s=SMALL_S),
)


def rounds(line: Line, ten_minutes: float) -> list[list[Model]]:
    """The same rounds for every line, one for each seed."""
    mix = [kind for kind in mix_with(ten_minutes) if kind[1] <= line.largest_s]
    whole = sum(share for share, _, _ in mix)
    scaled = [(share / whole, seconds, library) for share, seconds, library in mix]
    return [models_of(scaled, MODELS, seed) for seed in SEEDS]


def ended(line: Line, ten_minutes: float, cores: int) -> Iterator[Ended]:
    """How the line's rounds end on so many cores."""
    for seed, models in enumerate(rounds(line, ten_minutes)):
        yield Simulation(models, cores, line.way, line.rules, seed).run()


def fewest_cores(line: Line, ten_minutes: float) -> int:
    """With how many all of the line's rounds end within an hour."""
    models = rounds(line, ten_minutes)[0]
    cores = math.ceil(sum(model.own_s + line.way.adds_s for model in models) / HOUR_S)
    while any(one.last_s > HOUR_S for one in ended(line, ten_minutes, cores)):
        cores += 1
    return cores


def cells(line: Line) -> list[str]:
    """The line of the table; the minutes are those of its first round."""
    minutes = [f"{next(ended(line, SOME, cores)).last_s / 60:.0f}" for cores in CORES]
    return [line.name, *minutes, *(str(fewest_cores(line, share)) for share in TEN_MINUTES)]


def of_deaths(line: Line) -> str:
    """What deaths of workers come to, on as many cores as the round needs with them."""
    cores = fewest_cores(line, SOME)
    found = [*ended(line, SOME, cores)]
    deaths = sum(one.deaths for one in found) / len(found)
    given_up = sum(len(one.given_up) for one in found) / len(found)
    for_nothing = sum(one.for_nothing_s for one in found) / sum(one.worked_s for one in found)
    return (
        f"Where workers die after {line.rules.life_s / 60:.0f} minutes on average, {deaths:.0f} do on {cores} cores; "
        f"{for_nothing:.1%} of the work is for nothing, and {given_up:.1f} of {MODELS:,} models are given up."
    )


def main() -> None:
    """Print the table, and what deaths come to. The last columns are the fewest cores on which a round ends within an
    hour, by the share of models that take ten minutes; the minutes are those of the share in the middle.
    """
    logging.getLogger("numerai_predict").setLevel(logging.ERROR)
    head = ["minutes on so many cores", *map(str, CORES), *(f"cores: {share:.1%}" for share in TEN_MINUTES)]
    with ProcessPoolExecutor() as pool:
        print(table(head, list(pool.map(cells, LINES))), end="\n\n")
        print(*pool.map(of_deaths, [line for line in LINES if line.rules.life_s < math.inf]), sep="\n")


if __name__ == "__main__":
    main()
