"""Who runs which model: a claim is a small file that one worker writes, and renews while it lives.

Clocks of machines differ, and jump. So no claim says when it was written: who wants to take one over watches it, and
takes it once it has stayed the same for a lease, by its own monotonic clock. As each write names the version that it
replaces, of two who try the same one succeeds.
"""

import json
import logging
import os
import socket
import threading
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from typing import Any

from numerai_predict.round.store import Store

CLAIMS = "claims"
# Long enough for a store that answers nothing for half a minute, short beside the hour that a round is open.
LEASE_S = 60.0
# What a claim may ask others to wait: more is no claim of ours.
LONGEST_WAIT_S = 3600.0
RUNNING, WAITING, FREE = "running", "waiting", "free"
# The version of a claim may not be the one that is known of it: a write of ours whose answer was lost has changed it,
# then the next try finds our own; or another worker's has, then it is not ours any more.
TRIES = 3

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class WorkerName:
    """A worker: `name` is no other's, of no earlier attempt either. `index` is its number where an engine or a
    supervisor numbers them, and starts none again before the one of that number has ended; None where nobody does.
    Where several number their workers of one round, each has another `job`.
    """

    name: str
    index: int | None
    host: str
    job: str = ""

    @classmethod
    def of_this_process(cls, index: int | None, job: str = "") -> "WorkerName":
        """A new name for the worker that runs in this process."""
        host = socket.gethostname()
        return cls(f"{host}-{os.getpid()}-{os.urandom(4).hex()}", index, host, job)


@dataclass(frozen=True)
class ClaimRecord:
    """What a claim says: whose it is, and in which state; how many workers ended while they ran the model (`lost`); how
    many of its runs ended by a fault of ours (`errors`), and how long it waits since; how often its worker renewed it.
    `takings` counts how often it was taken: the versions of some stores are digests, so no content may come twice.
    """

    worker: str = ""
    index: int | None = None
    job: str = ""
    state: str = RUNNING
    lost: int = 0
    errors: int = 0
    wait_s: float = 0.0
    renewals: int = 0
    takings: int = 0

    @classmethod
    def of(cls, content: bytes) -> "ClaimRecord | None":
        """The claim of that content; None if it is none."""
        try:
            found = {**asdict(cls()), **json.loads(content)}
        except (ValueError, TypeError, RecursionError):
            return None
        return cls(**found) if _is_claim(found) else None

    @property
    def content(self) -> bytes:
        """What is stored."""
        return json.dumps(asdict(self)).encode()


class Claims:
    """The claims of a round, as this worker sees them. `now` is a monotonic clock. Everything raises StoreError."""

    def __init__(
        self, store: Store, worker: WorkerName, lease_s: float = LEASE_S, now: Callable[[], float] = time.monotonic
    ) -> None:
        self._store = store
        self._worker = worker
        self._lease_s = lease_s
        self._now = now
        self._watched: dict[str, _Watched] = {}
        self._looked_at: set[str] = set()
        self._has_taken = False

    def take(self, model_id: str) -> "Claim | None":
        """The model's claim, if it is there for the taking: nobody's, free, ours since a write whose answer was lost,
        an earlier attempt's of this worker, or unchanged for long enough since this worker first saw it so.
        """
        asked = self._now()
        found = self._store.read(_key(model_id))
        is_first_look = not self._has_taken and model_id not in self._looked_at
        self._looked_at.add(model_id)
        if found is None:
            taken = self._taken(ClaimRecord(state=FREE))
            return self._claim(model_id, taken, self._store.create(_key(model_id), taken.content))
        # What cannot be read may be a claim for all we know, and its worker at work.
        held = ClaimRecord.of(found.content) or ClaimRecord()
        if not self._is_ours(held, is_first_look) and not self._is_over(model_id, held, found.version, asked):
            return None
        taken = self._taken(held)
        claim = self._claim(model_id, taken, self._store.replace(_key(model_id), taken.content, found.version))
        if claim and taken.lost > held.lost:
            _log.warning("Worker %s ended while it ran %s, or was cut off from the round", held.worker or "?", model_id)
        return claim

    def due_s(self, model_id: str) -> float:
        """In how many seconds it can be taken if it does not change, as far as `take` has seen; 0 if it has not."""
        return self._watched[model_id].until - self._now() if model_id in self._watched else 0.0

    def is_run_by_another(self, model_id: str) -> bool:
        """Whether another worker has it now, as far as its claim says."""
        found = self._store.read(_key(model_id))
        held = ClaimRecord.of(found.content) if found else None
        return held is not None and held.state == RUNNING and held.worker != self._worker.name

    def _is_ours(self, held: ClaimRecord, is_first_look: bool) -> bool:
        """Whether it can be taken without waiting. What an earlier attempt had is there when this one begins; who else
        has its index was started in its place, as it was cut off, and would be robbed.
        """
        number = (self._worker.index, self._worker.job)
        is_earlier = is_first_look and held.index is not None and (held.index, held.job) == number
        return held.state == FREE or (held.state == RUNNING and (held.worker == self._worker.name or is_earlier))

    def _is_over(self, model_id: str, held: ClaimRecord, version: str, asked: float) -> bool:
        """Whether the version is old enough, if it was there still when it was `asked` for. It is as old as the end of
        the first reading of it: at the beginning it may not have been there.
        """
        watched = self._watched.get(model_id)
        if watched is not None and watched.version == version:
            return asked >= watched.until
        length_s = held.wait_s if held.state == WAITING else self._lease_s
        self._watched[model_id] = _Watched(version, self._now() + length_s)
        return False

    def _taken(self, held: ClaimRecord) -> ClaimRecord:
        """The claim after it was taken from its holder, who is lost if that is another who was to run it still."""
        is_lost = held.state == RUNNING and held.worker != self._worker.name
        return ClaimRecord(
            worker=self._worker.name,
            index=self._worker.index,
            job=self._worker.job,
            lost=held.lost + is_lost,
            errors=held.errors,
            takings=held.takings + 1,
        )

    def _claim(self, model_id: str, taken: ClaimRecord, version: str | None) -> "Claim | None":
        """The claim whose record was written as that version; None if it was not."""
        if version is None:
            return None
        self._has_taken = True
        self._watched.pop(model_id, None)
        return Claim(self._store, model_id, taken, version)


class Claim:
    """The claim of a model that this worker holds, as long as no other takes it over. One thread may renew it while
    another ends it: it is not renewed after that. `lost` and `errors` are as they were when it was taken, `is_first`
    says that nobody has taken it before. Everything raises StoreError.
    """

    def __init__(self, store: Store, model_id: str, record: ClaimRecord, version: str) -> None:
        self.id = model_id
        self.lost = record.lost
        self.errors = record.errors
        self.is_first = record.takings == 1
        # What is stored, as far as is known: it saves to read it before each change.
        self._known: tuple[ClaimRecord, str] | None = (record, version)
        self._store = store
        self._worker = record.worker
        self._lock = threading.Lock()
        self._has_ended = False

    def renew(self) -> bool:
        """Say that the worker lives, as it must every quarter of a lease; whether the claim is its own still."""
        with self._lock:
            if self._has_ended:
                return False
            return self._change(lambda held: replace(held, renewals=held.renewals + 1))

    def release(self) -> None:
        """Give it back: the model was not run, and anybody may take it at once."""
        self._end(lambda held: replace(held, state=FREE))

    def wait(self, seconds: float) -> None:
        """Give it back after a run that ended by a fault of ours: nobody runs the model for so many seconds."""
        self._end(lambda held: replace(held, state=WAITING, wait_s=seconds, errors=held.errors + 1))

    def _end(self, change: Callable[[ClaimRecord], ClaimRecord]) -> None:
        # Before the lock: a thread that renews may have to wait for the store.
        self._has_ended = True
        with self._lock:
            self._change(change)

    def _change(self, change: Callable[[ClaimRecord], ClaimRecord]) -> bool:
        """Write what has changed, if it is this worker's still; whether it was written."""
        for _ in range(TRIES):
            known, self._known = self._known or self._read(), None
            if known is None:
                return False
            changed = change(known[0])
            if version := self._store.replace(_key(self.id), changed.content, known[1]):
                self._known = (changed, version)
                return True
        return False

    def _read(self) -> tuple[ClaimRecord, str] | None:
        """The record and its version, if it is this worker's still."""
        found = self._store.read(_key(self.id))
        held = ClaimRecord.of(found.content) if found else None
        if found is None or held is None or held.worker != self._worker or held.state != RUNNING:
            return None
        return held, found.version


@dataclass(frozen=True)
class _Watched:
    """A version of a claim, and the moment from which on it can be taken over."""

    version: str
    until: float


def _key(model_id: str) -> str:
    return f"{CLAIMS}/{model_id}"


def _is_claim(found: dict[str, Any]) -> bool:
    """Whether it is what a worker writes."""
    counts = [found[name] for name in ("lost", "errors", "renewals", "takings")]
    return (
        found.keys() == asdict(ClaimRecord()).keys()
        and isinstance(found["worker"], str)
        and isinstance(found["job"], str)
        and (found["index"] is None or type(found["index"]) is int)
        and found["state"] in (RUNNING, WAITING, FREE)
        and all(type(count) is int and count >= 0 for count in counts)
        and isinstance(found["wait_s"], int | float)
        and 0 <= found["wait_s"] <= LONGEST_WAIT_S
    )
