"""What is known of a round at a moment: how its models ended, which run, how fast it goes, and when it will be over."""

import json
import time
from collections import Counter, deque
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime, timezone
from functools import cached_property
from typing import Any

from numerai_predict.faults import Blame, Code
from numerai_predict.round.claims import CLAIMS, LEASE_S, RUNNING, ClaimRecord
from numerai_predict.round.manifest import Row, Schedule, read_manifest, read_schedule
from numerai_predict.round.queue import OUTCOMES, outcome_key
from numerai_predict.round.store import Store

SUCCESS = "success"  # As the run report has it.
# The rate is that of so many seconds: the longest models come first, and say little of the others.
RATE_S = 300.0
# A store in S3 takes some 20 ms for each.
READERS = 8
# A claim is renewed every quarter of its lease.
RENEWAL_S = LEASE_S / 4


@dataclass(frozen=True)
class ModelEnd:
    """How a model of the round ended, by its outcome: the status of its run report, the code, message and hint of its
    fault (empty if it succeeded), what it used, the index of the worker that ran it (None: not known), and the SHA-256
    of its predictions (empty: it has none).
    """

    id: str
    status: str
    code: str = ""
    message: str = ""
    wall_s: float = 0.0
    cpu_s: float = 0.0
    worker: int | None = None
    hint: str = ""
    peak_memory_bytes: int = 0
    csv_sha256: str = ""

    @classmethod
    def of(cls, model_id: str, content: bytes) -> "ModelEnd":
        """The end that an outcome says; what is no outcome is an error of the runtime."""
        try:
            outcome: dict[str, Any] = json.loads(content)
            fault, usage = outcome["fault"] or {}, outcome["usage"]
            return cls(
                id=model_id,
                status=str(outcome["status"]),
                code=str(fault.get("code", "")),
                message=str(fault.get("message", "")),
                wall_s=float(usage.get("wall_s", 0)),
                cpu_s=float(usage.get("cpu_s", 0)),
                worker=(outcome.get("worker") or {}).get("index"),
                hint=str(fault.get("hint", "")),
                peak_memory_bytes=int(usage.get("peak_memory_bytes", 0)),
                csv_sha256=str(outcome.get("csv_sha256", "")),
            )
        except (ValueError, TypeError, KeyError, AttributeError):
            message = f"{outcome_key(model_id)} is no run report."
            return cls(model_id, Blame.RUNTIME.status, Code.INTERNAL_ERROR.label, message)


@dataclass(frozen=True)
class RunningModel:
    """A model that a worker has claimed, and for how many seconds at least."""

    id: str
    worker: str
    seconds: float


@dataclass(frozen=True)
class Standing:
    """A round at a moment. `ends` are by the models' ids; `per_minute` is how many models end in a minute (None: not
    known yet), `deadline_s` how many seconds are left until the deadline (negative: it is over; None: there is none).
    """

    address: str
    schedule: Schedule
    rows: Sequence[Row]
    ends: Mapping[str, ModelEnd]
    running: Sequence[RunningModel] = ()
    per_minute: float | None = None
    deadline_s: float | None = None

    @cached_property
    def delivered(self) -> list[ModelEnd]:
        """The models whose predictions are there, in the order of the manifest."""
        return [end for end in self._in_order() if end.status == SUCCESS]

    @cached_property
    def failed(self) -> list[ModelEnd]:
        """Those that failed by their own fault."""
        return [end for end in self._in_order() if end.status == Blame.MODEL.status]

    @cached_property
    def errors(self) -> list[ModelEnd]:
        """Those that could not be run, by the fault of something else."""
        return [end for end in self._in_order() if end.status not in (SUCCESS, Blame.MODEL.status)]

    @cached_property
    def left(self) -> list[Row]:
        """Those without an outcome, running ones too."""
        return [row for row in self.rows if row.id not in self.ends]

    @property
    def codes(self) -> Counter[str]:
        """How many models ended with each fault."""
        return Counter(end.code for end in (*self.failed, *self.errors))

    @property
    def cpu_s(self) -> float:
        """The CPU seconds of all models that ended."""
        return sum(end.cpu_s for end in self.ends.values())

    @property
    def estimated_s(self) -> float | None:
        """In how many seconds the round will be over at this rate; None if that is not known."""
        return 60 * len(self.left) / self.per_minute if self.per_minute else None

    @property
    def exit_status(self) -> int:
        """0: all predictions were delivered, 1: some models failed, 3: some could not be run, or not yet."""
        if self.errors or self.left:
            return Blame.RUNTIME.exit_status
        return Blame.MODEL.exit_status if self.failed else 0

    def _in_order(self) -> list[ModelEnd]:
        return [self.ends[row.id] for row in self.rows if row.id in self.ends]


@dataclass(frozen=True)
class _SeenClaim:
    version: str
    worker: str
    renewals: int
    began: float
    changed: float


class RoundWatch:
    """Looks at a round again and again, from anywhere, and reads every outcome once. `now` is a monotonic clock. Raises
    Fault for a round whose manifest or schedule is wrong, and StoreError.
    """

    def __init__(self, store: Store, now: Callable[[], float] = time.monotonic) -> None:
        self._store = store
        self._now = now
        self.rows = read_manifest(store)
        self._schedule = read_schedule(store)
        self._ends: dict[str, ModelEnd] = {}
        self._claims: dict[str, _SeenClaim] = {}
        self._counts: deque[tuple[float, int]] = deque()

    def look(self) -> Standing:
        """The round as it is now. Raises StoreError."""
        self._ends |= {end.id: end for end in read_ends(self._store, [row.id for row in self.rows], self._ends)}
        running = self._running()
        deadline = self._schedule.deadline
        return Standing(
            address=self._store.address,
            schedule=self._schedule,
            rows=self.rows,
            ends=dict(self._ends),
            running=running,
            per_minute=self._rate(),
            deadline_s=(deadline - datetime.now(timezone.utc)).total_seconds() if deadline else None,
        )

    def _running(self) -> list[RunningModel]:
        """What is claimed, as far as its claim is renewed: how old a version is, only who has seen it before knows."""
        now = self._now()
        claimed = self._store.names(CLAIMS)
        looks = {
            row.id: self._claim(row.id, now) for row in self.rows if row.id in claimed and row.id not in self._ends
        }
        self._claims = {model_id: claim for model_id, claim in looks.items() if claim}
        running = [
            RunningModel(model_id, claim.worker, max(now - claim.began, RENEWAL_S * claim.renewals))
            for model_id, claim in self._claims.items()
            if now - claim.changed <= LEASE_S
        ]
        return sorted(running, key=lambda model: -model.seconds)

    def _claim(self, model_id: str, now: float) -> _SeenClaim | None:
        """The claim of a model, and since when it is as it is; None if it does not say that the model runs."""
        found = self._store.read(f"{CLAIMS}/{model_id}")
        record = ClaimRecord.of(found.content) if found else None
        if found is None or record is None or record.state != RUNNING:
            return None
        before = self._claims.get(model_id)
        began = before.began if before and before.worker == record.worker else now
        changed = before.changed if before and before.version == found.version else now
        return _SeenClaim(found.version, record.worker, record.renewals, began, changed)

    def _rate(self) -> float | None:
        """Models a minute since the first look, or for RATE_S."""
        now, count = self._now(), len(self._ends)
        self._counts.append((now, count))
        while len(self._counts) > 2 and now - self._counts[1][0] >= RATE_S:
            self._counts.popleft()
        then, before = self._counts[0]
        return 60 * (count - before) / (now - then) if count > before and now > then else None


def read_ends(store: Store, ids: Sequence[str], known: Mapping[str, ModelEnd] | None = None) -> list[ModelEnd]:
    """The outcomes of these models that are there and not `known` yet. Raises StoreError."""
    names = store.names(OUTCOMES)
    new = [name for name in ids if f"{name}.json" in names and name not in (known or {})]

    def read(model_id: str) -> ModelEnd | None:
        found = store.read(outcome_key(model_id))
        return ModelEnd.of(model_id, found.content) if found else None

    if not new:
        return []
    with ThreadPoolExecutor(min(READERS, len(new))) as pool:
        return [end for end in pool.map(read, new) if end]
