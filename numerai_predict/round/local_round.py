"""Runs a round on this machine: slots, each with one worker after the other, until nothing is left."""

import contextlib
import logging
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from numerai_predict.excerpt import excerpt
from numerai_predict.faults import Blame
from numerai_predict.round.slots import STOP_S, WorkerProcess, Workers
from numerai_predict.round.standing import RoundWatch, Standing
from numerai_predict.round.store import StoreError
from numerai_predict.sandbox import undisturbed
from numerai_predict.visible import visible

TICK_S = 0.1
# After a worker that ended because of the network, the disk or the store.
PAUSE_S = 5.0
# Of bad ends in a row, without a model that ended between them.
MOST_BAD_ENDS = 3
# Of a log, what is read to find its last line.
END_BYTES = 4096

_log = logging.getLogger(__name__)


@dataclass
class _Slot:
    """A place for one worker at a time; its log begins at `log_start` bytes of the slot's. Models of Pythons in `over`
    it does not run any more.
    """

    index: int
    log: Path
    process: WorkerProcess | None = None
    python: str = ""
    log_start: int = 0
    ends_before: int = 0
    bad_ends: int = 0
    not_before: float = 0.0
    over: set[str] = field(default_factory=set)


class LocalRound:
    """The supervisor of the workers of this machine. `logs` is a folder for theirs, `show` is called with the standing
    every `refresh_s` seconds.
    """

    def __init__(
        self,
        watch: RoundWatch,
        workers: Workers,
        slots: int,
        logs: Path,
        show: Callable[[Standing], None],
        refresh_s: float = 1.0,
        pause_s: float = PAUSE_S,
    ) -> None:
        self._watch = watch
        self._workers = workers
        self._slots = [_Slot(index, logs / f"worker-{index}.log") for index in range(slots)]
        self._show = show
        self._refresh_s = refresh_s
        self._pause_s = pause_s
        self._next_look = 0.0
        self._standing = watch.look()

    def run(self) -> Standing:
        """Run workers until nothing is left that they can do, and return how the round stands. Whatever ends this
        before, a signal too, ends them first: they let go what they hold. Raises StoreError.
        """
        try:
            while self._turn():
                time.sleep(TICK_S)
            return self._watch.look()
        finally:
            self._end_workers()

    def _turn(self) -> bool:
        """Look after each slot once; whether there is anything left to wait for."""
        if time.monotonic() >= self._next_look:
            self._look()
            self._show(self._standing)
            self._next_look = time.monotonic() + self._refresh_s
        for slot in self._slots:
            if slot.process and (status := slot.process.poll()) is not None:
                slot.process = None
                self._note_end(slot, status)
        waits = [self._start(slot) for slot in self._slots if not slot.process]
        return any(waits) or any(slot.process for slot in self._slots)

    def _look(self) -> None:
        try:
            self._standing = self._watch.look()
        except StoreError as error:  # The next look may find it again.
            _log.warning("The round cannot be read: %s", error)

    def _start(self, slot: _Slot) -> bool:
        """Start a worker if there is something for it to do; whether there is, now or after a pause."""
        python = self._python_for(slot)
        if python is None:
            return False
        if time.monotonic() < slot.not_before:
            return True
        if python != slot.python:
            slot.python, slot.bad_ends = python, 0
        slot.ends_before = self._ends_of(slot)
        slot.log.parent.mkdir(parents=True, exist_ok=True)
        with open(slot.log, "ab") as log, undisturbed():
            slot.log_start = log.tell()
            slot.process = self._workers.start(python, slot.index, len(self._slots), log)
        return True

    def _python_for(self, slot: _Slot) -> str | None:
        """The Python with most models left for each of its workers; None if no worker more is of use."""
        left = Counter(row.python or self._workers.pythons[0] for row in self._standing.left)
        running = Counter(other.python for other in self._slots if other.process)
        useful = [
            python for python in self._workers.pythons if python not in slot.over and left[python] > running[python]
        ]
        return max(useful, key=lambda python: left[python] / (running[python] + 1), default=None)

    def _note_end(self, slot: _Slot, status: int) -> None:
        """Decide what becomes of a slot whose worker has ended."""
        self._look()
        if status == 0:
            slot.over.add(slot.python)
            return
        slot.bad_ends = 1 if self._ends_of(slot) > slot.ends_before else slot.bad_ends + 1
        ended = f"was ended by signal {-status}" if status < 0 else f"ended with status {status}"
        who = f"Worker {slot.index} (Python {slot.python}) {ended}"
        is_late = self._standing.deadline_s is not None and self._standing.deadline_s <= 0
        if is_late or slot.bad_ends >= MOST_BAD_ENDS:
            slot.over.add(slot.python)
            why = "after the deadline" if is_late else f"{slot.bad_ends} times in a row"
            _log.error("%s %s, and is given up: %s", who, why, last_line(slot.log, slot.log_start))
        else:
            slot.not_before = time.monotonic() + (self._pause_s if status == Blame.RUNTIME.exit_status else 0)
            _log.warning("%s and is started again: %s", who, last_line(slot.log, slot.log_start))

    def _ends_of(self, slot: _Slot) -> int:
        return sum(end.worker == slot.index for end in self._standing.ends.values())

    def _end_workers(self) -> None:
        """Ask all workers to end and wait for them; those that take too long are killed, and all if a second signal
        comes.
        """
        running = [slot.process for slot in self._slots if slot.process]
        try:
            for process in running:
                process.stop()
            enough = time.monotonic() + STOP_S
            while [process for process in running if process.poll() is None] and time.monotonic() < enough:
                time.sleep(TICK_S)
        finally:
            with undisturbed():
                for process in running:
                    if process.poll() is None:
                        process.kill()


def last_line(log: Path, start: int) -> str:
    """The last line of a log, from so many bytes on, that is not blank; safe to show."""
    content = b""
    with contextlib.suppress(OSError), open(log, "rb") as file:
        file.seek(max(start, log.stat().st_size - END_BYTES))
        content = file.read()
    lines = [line for line in content.decode(errors="replace").splitlines() if line.strip()]
    return visible(excerpt(lines[-1])) if lines else "it wrote no log"
