"""What a worker is to do next: which models are left for it, in which order, and which there is time for."""

import logging
import math
import sys
from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass

from numerai_predict.faults import Code, Fault
from numerai_predict.round.claims import Claim, Claims
from numerai_predict.round.deadline import Deadline
from numerai_predict.round.manifest import Row
from numerai_predict.round.store import Store

OUTCOMES = "outcomes"
# So many workers may end while they run a model: one by accident, the second by the model.
MOST_LOST = 2
# What a run takes at most besides the model's own time: its download before, the check, CSV and upload after.
MARGIN_S = 15.0
# The part of it that comes after the model has ended.
DELIVERY_S = 5.0
# A model that was given less would hardly have begun; and a limit of 0 is none.
SHORTEST_LIMIT_S = 1.0
# Between two looks at models that others have: soon at first, then less often, as each look costs the store requests.
FIRST_PAUSE_S = 0.2
LONGEST_PAUSE_S = 5.0
# After so many models that others have, the outcomes are listed again: most of what lies ahead may have ended, and each
# claim costs a request.
MOST_REFUSED = 20

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Claimed:
    """Run this model: it has no outcome yet, and its claim is this worker's."""

    row: Row
    claim: Claim


@dataclass(frozen=True)
class Poisoned:
    """Do not run this model: it took down workers that ran it. Write the fault as its outcome."""

    row: Row
    claim: Claim

    @property
    def fault(self) -> Fault:
        """What is wrong with it."""
        return Fault(
            Code.WORKER_LOST, f"{self.claim.lost} workers ended while they ran the model; it is not run again."
        )


@dataclass(frozen=True)
class Wait:
    """Ask again after so many seconds: others run what is left, or it waits for its next run."""

    seconds: float


@dataclass(frozen=True)
class Nothing:
    """There is nothing left for this worker; so many models have no outcome and nobody who runs them, because the
    deadline is too near.
    """

    left_over: int


class Queue:
    """The models of a round that this worker may run. `index` of `workers` says which it begins with; `python` is the
    version of this interpreter. Rows of other Pythons are not its own.
    """

    def __init__(
        self,
        store: Store,
        rows: Iterable[Row],
        index: int,
        workers: int,
        claims: Claims,
        deadline: Deadline,
        python: str = f"{sys.version_info.major}.{sys.version_info.minor}",
    ) -> None:
        self._store = store
        self._rows = in_order([row for row in rows if row.python in (None, python)], index, workers)
        self._claims = claims
        self._deadline = deadline
        # Of this pass over the rows: those to come, whether one was given out, when the first of others' is due, and
        # those that there is no time for.
        self._ahead: deque[Row] = deque()
        self._gave = False
        self._due_s: list[float] = []
        self._late: list[Row] = []
        self._refused = 0
        self._pause_s = FIRST_PAUSE_S

    def next(self) -> Claimed | Poisoned | Wait | Nothing:
        """What to do now. Raises StoreError; nothing is lost if it is called again."""
        while True:
            if not self._ahead:
                self._begin_pass()
            while self._ahead:
                given = self._given(self._ahead[0])
                self._ahead.popleft()
                if given is not None:
                    self._gave = True
                    self._pause_s = FIRST_PAUSE_S
                    return given
                if self._refused >= MOST_REFUSED:
                    self._pass_over_ended()
            if not self._gave:
                return self._wait() if self._due_s else self._nothing()

    def allowed_s(self, row: Row) -> float:
        """The model's time limit, lowered to what the deadline leaves it (0: there is none, and no deadline). A model
        that ran into a lowered limit has not failed, and has no outcome.
        """
        left_s = max(SHORTEST_LIMIT_S, self._deadline.left_s - DELIVERY_S)
        allowed_s = min(row.time_limit or math.inf, left_s)
        return 0.0 if allowed_s == math.inf else allowed_s

    def _begin_pass(self) -> None:
        self._ahead.extend(self._without_outcome(self._rows))
        self._gave = False
        self._refused = 0
        self._due_s.clear()
        self._late.clear()

    def _pass_over_ended(self) -> None:
        self._ahead = deque(self._without_outcome(self._ahead))
        self._refused = 0

    def _without_outcome(self, rows: Iterable[Row]) -> list[Row]:
        names = self._store.names(OUTCOMES)
        return [row for row in rows if f"{row.id}.json" not in names]

    def _given(self, row: Row) -> Claimed | Poisoned | None:
        """The model, if it is for this worker now; else why not is noted."""
        if not self._fits(row):
            self._late.append(row)
            return None
        claim = self._claims.take(row.id)
        if claim is None:
            self._refused += 1
            self._due_s.append(self._claims.due_s(row.id))
            return None
        # Its last worker, if there was one, may have ended it since the outcomes were listed.
        if not claim.is_first and self._store.read(outcome_key(row.id)) is not None:
            return None
        return Poisoned(row, claim) if claim.lost >= MOST_LOST else Claimed(row, claim)

    def _fits(self, row: Row) -> bool:
        """Whether it can be run before the deadline, as far as is known: a new model may be quick."""
        known_s = row.cpu_s or 0.0
        return MARGIN_S + (min(known_s, row.time_limit) if row.time_limit else known_s) <= self._deadline.left_s

    def _wait(self) -> Wait:
        seconds = max(FIRST_PAUSE_S, min(self._pause_s, *self._due_s))
        self._pause_s = min(2 * self._pause_s, LONGEST_PAUSE_S)
        return Wait(seconds)

    def _nothing(self) -> Nothing:
        left_over = [row.id for row in self._late if not self._claims.is_run_by_another(row.id)]
        if left_over:
            _log.warning("There is no time left for %d models: %s", len(left_over), ", ".join(left_over[:5]))
        return Nothing(len(left_over))


def outcome_key(model_id: str) -> str:
    """Where the model's outcome is."""
    return f"{OUTCOMES}/{model_id}.json"


def in_order(rows: Iterable[Row], index: int, workers: int) -> list[Row]:
    """The rows as that worker goes through them: its share first, then those of the workers after it.

    Each share has the longest first, as a long one that begins last keeps the round open alone. Those that nobody has
    seen run come before all: an unknown one that takes ten minutes would hurt most.
    """
    ordered = sorted(rows, key=lambda row: -math.inf if row.cpu_s is None else -row.cpu_s)
    return [row for shift in range(workers) for row in ordered[(index + shift) % workers :: workers]]
