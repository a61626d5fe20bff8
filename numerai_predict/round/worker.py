"""A worker: runs the models of a round one at a time, until none is left for it. It may end at any moment, and loses
nothing by that: what it was about, others do.
"""

import contextlib
import logging
import os
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from functools import partial
from pathlib import Path

from numerai_predict.faults import Blame, Code, Interrupted
from numerai_predict.redaction import without_query
from numerai_predict.report import RunReport
from numerai_predict.round.claims import LEASE_S, Claim, Claims, WorkerName
from numerai_predict.round.deadline import Deadline
from numerai_predict.round.manifest import MANIFEST, Row, read_manifest, read_schedule
from numerai_predict.round.model_run import ModelRun, ModelRunner, RoundData
from numerai_predict.round.outcomes import outcome_json, predictions_key, write_predictions
from numerai_predict.round.private_folder import private_folder
from numerai_predict.round.queue import Claimed, Nothing, Poisoned, Queue, Wait, outcome_key
from numerai_predict.round.retries import Breaker, backoff_s
from numerai_predict.round.store import Store, StoreError
from numerai_predict.round.templates import Templates
from numerai_predict.round.warm_run import run_warm
from numerai_predict.runner import RunContext
from numerai_predict.sandbox import undisturbed

# A claim survives that three renewals in a row do not get through.
RENEWALS_A_LEASE = 4
# A worker runs one model at a time, and there are as many workers as CPUs.
CPUS = 1

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class WorkerEnd:
    """How a worker ended: how often each code, or "success", is the outcome of a model that it ran; how many models
    it left because the deadline was too near; and in one sentence why it stopped before the end (empty: it did not).
    """

    outcomes: Mapping[str, int]
    left_over: int = 0
    stopped: str = ""

    @property
    def exit_status(self) -> int:
        """What its process exits with: 3 if another try can do more, which it cannot at the deadline."""
        return Blame.RUNTIME.exit_status if self.stopped else 0


@dataclass(frozen=True)
class Share:
    """The part of a round with which a worker begins: `index` of `workers`, as `job` numbers them where others may do
    so too; the index is None where nobody numbers workers.
    """

    index: int | None = None
    workers: int = 1
    job: str = ""


def work(
    store: Store,
    share: Share = Share(),
    exposed: str = "",
    note_secrets: Callable[[Sequence[str]], None] = lambda secrets: None,
    lease_s: float = LEASE_S,
) -> WorkerEnd:
    """Run models of the round until none is left for this worker, or it has to stop.

    `exposed` says why others can see its secrets, if so. `note_secrets` is called before each model with what of its
    row must not be shown. Raises Fault for a manifest that is wrong, and for live data that is not there.
    """
    outcomes: Counter[str] = Counter()
    try:
        rows, schedule = read_manifest(store), read_schedule(store)
        exposed = exposed or _seen_secrets(store, rows)
        deadline = Deadline(schedule.deadline)
        with private_folder() as folder, contextlib.ExitStack() as until_end:
            data = RoundData.fetch(store, folder)
            templates = until_end.enter_context(Templates((data.live, data.benchmarks), CPUS, folder))
            run = partial(run_warm, templates=templates, left_s=lambda: deadline.left_s)
            # In the worker's folder, which goes too if it is killed before a model's own reaper could remove it.
            context = RunContext(exposed=exposed, workspaces=folder)
            runner = ModelRunner(store, data, folder, run, context, note_secrets)
            name = WorkerName.of_this_process(share.index, share.job)
            claims = WorkersClaims(store, name, lease_s)
            queue = Queue(store, rows, share.index or 0, share.workers, claims, deadline)
            until_end.enter_context(claims.given_back())
            left_over = _Worker(name, store, claims, queue, runner, lease_s, outcomes).run_all()
            return WorkerEnd(outcomes, left_over)
    except (_Stop, Interrupted, StoreError, OSError) as error:
        return WorkerEnd(outcomes, stopped=_why_stopped(error))


def _why_stopped(error: BaseException) -> str:
    match error:
        case Interrupted():
            return f"The worker was stopped by {error}."
        case StoreError():
            return f"The store failed: {error}."
        case OSError():
            return f"The worker's temporary folder cannot be used: {error.strerror or error}."
    return str(error)


class _Stop(Exception):
    """The worker has to stop; the text says why."""


class WorkersClaims(Claims):
    """The claims of a worker that has one at a time, and gives it back whenever it is interrupted."""

    held: Claim | None = None

    def take(self, model_id: str) -> Claim | None:
        """As Claims.take. A signal comes before or after it: what the store has, this worker knows."""
        with undisturbed():
            self.held = super().take(model_id)
        return self.held

    @contextlib.contextmanager
    def given_back(self) -> Iterator[None]:
        """Release in the end what is held then: else the next worker would wait for its lease, and think the model
        took this one down.
        """
        try:
            yield
        finally:
            if self.held is not None:
                with undisturbed(), contextlib.suppress(StoreError):  # Its lease will run out.
                    self.held.release()


@dataclass(frozen=True)
class _Worker:
    name: WorkerName
    store: Store
    claims: WorkersClaims
    queue: Queue
    runner: ModelRunner
    lease_s: float
    outcomes: Counter[str]
    breaker: Breaker = field(default_factory=Breaker)

    def run_all(self) -> int:
        """Do all that the queue gives; returns how many models are left over. Raises what ends the worker early."""
        while not isinstance(todo := self.queue.next(), Nothing):
            if isinstance(todo, Wait):
                time.sleep(todo.seconds)
            elif isinstance(todo, Poisoned):
                self._conclude(todo.row, todo.claim, _not_run(todo), time.monotonic())
            else:
                self._run(todo)
        return todo.left_over

    def _run(self, todo: Claimed) -> None:
        row, claim = todo.row, todo.claim
        began, limit_s = time.monotonic(), self.queue.allowed_s(row)
        with renewing(claim, self.lease_s / RENEWALS_A_LEASE):
            ran = self.runner.run_row(row, limit_s)
        code = ran.code
        if code is Code.INTERRUPTED:
            raise _Stop(ran.message)
        if code is Code.TIMEOUT and limit_s != row.time_limit:
            claim.release()
            _log.warning("%s was ended after %.0f s, as the deadline is near; it has no outcome", row.id, limit_s)
            return
        self.breaker.note(row.id, code)
        if self.breaker.code is not None:
            raise _Stop(
                f"Model after model ends with {self.breaker.code.label}, which is no fault of theirs: {ran.message}"
            )
        if code is not None and code.blame is not Blame.MODEL and self._is_tried_again(row, claim, ran):
            return
        self._conclude(row, claim, ran, began)

    def _is_tried_again(self, row: Row, claim: Claim, ran: ModelRun) -> bool:
        """Let the model wait for another try, if it has one."""
        seconds = backoff_s(claim.errors + 1)
        if seconds is None:
            return False
        claim.wait(seconds)
        _log.warning("%s: %s It is tried again in %.0f s or more", row.id, ran.message, seconds)
        return True

    def _conclude(self, row: Row, claim: Claim, ran: ModelRun, began: float) -> None:
        """Write what came of the model, unless it is another worker's by now."""
        with undisturbed():
            is_ours = self._write(row, claim, ran)
            self.claims.held = None
        label = ran.code.label if ran.code else "success"
        usage = ran.report.usage
        took = f"{time.monotonic() - began:.1f} s, {usage.cpu_s if usage else 0:.1f} CPU s"
        if is_ours:
            self.outcomes[label] += 1
            _log.info("%s: %s, %s", row.id, label, took)
        else:
            _log.warning("%s: %s, %s; somebody else was first", row.id, label, took)

    def _write(self, row: Row, claim: Claim, ran: ModelRun) -> bool:
        """Write the predictions, then the outcome; whether it is this worker's.

        Between the last renewal and the outcome a worker may stand still for a lease, and another may write other
        predictions, if the model is not deterministic: then the outcome has the digest of the first.
        """
        if ran.csv is not None and not write_predictions(self.store, claim, predictions_key(row.id), ran.csv):
            return False
        outcome = outcome_json(row.id, ran.report, asdict(self.name), ran.csv)
        return claim.renew() and self.store.create(outcome_key(row.id), outcome) is not None


def _not_run(todo: Poisoned) -> ModelRun:
    report = RunReport()
    report.model.path = without_query(todo.row.model)
    report.note_fault(todo.fault)
    return ModelRun(report)


@contextlib.contextmanager
def renewing(claim: Claim, every_s: float) -> Iterator[None]:
    """While inside, renew the claim from a thread. That it is lost shows when the result is to be written."""
    is_over = threading.Event()

    def renew() -> None:
        while not is_over.wait(every_s):
            try:
                if not claim.renew():
                    return
            except StoreError as error:
                _log.warning("The claim of %s could not be renewed: %s", claim.id, error)

    thread = threading.Thread(target=renew, name="renewal", daemon=True)
    thread.start()
    try:
        yield
    finally:
        is_over.set()
        thread.join()


def _seen_secrets(store: Store, rows: Sequence[Row]) -> str:
    """Why a model can read what the manifest has to hide; empty if it cannot, or there is nothing to hide.

    As root, models run as users of their own, and read what everybody may.
    """
    path = Path(store.address, MANIFEST).absolute()
    if not path.is_file() or not any(row.post_data or "?" in row.model for row in rows):
        return ""
    if os.getuid() != 0:
        return f"models run as the user who may read {path}"
    is_open = path.stat().st_mode & 0o004 and all(folder.stat().st_mode & 0o001 for folder in path.parents)
    return f"every user may read {path}" if is_open else ""
