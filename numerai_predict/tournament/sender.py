"""Submits what the models of a round predicted, several slots at a time, while other models still run."""

import logging
from collections.abc import Mapping
from concurrent.futures import Future, ThreadPoolExecutor

from numerai_predict.api import ApiError, Slot
from numerai_predict.faults import Fault
from numerai_predict.round import SUCCESS
from numerai_predict.tournament.round_folder import RoundFolder, SlotRecord
from numerai_predict.tournament.submissions import Submitter

# Submissions at a time: each waits for the platform most of the time.
THREADS = 4

_log = logging.getLogger(__name__)


class Sender:
    """Submits for these slots, each as soon as `send` is called for its row. What goes wrong is in the record of the
    submission, or in the log. Leaving it waits for what is under way, but not if an exception, or a signal, leaves it:
    what was begun then, the next start finds out.
    """

    def __init__(
        self, submitter: Submitter, folder: RoundFolder, slots: Mapping[str, Slot], records: Mapping[str, SlotRecord]
    ) -> None:
        self._submitter = submitter
        self._folder = folder
        self._slots = slots
        self._records = records
        self._pool = ThreadPoolExecutor(THREADS, thread_name_prefix="sender")
        self._under_way: list[Future[None]] = []

    def __enter__(self) -> "Sender":
        return self

    def __exit__(self, kind: object, *_: object) -> None:
        if kind is not None:
            self._pool.shutdown(wait=False, cancel_futures=True)
            return
        self._pool.shutdown()
        for sent in self._under_way:
            sent.result()

    def left(self) -> list[str]:
        """The slots for which there is something to do. One whose record is damaged is left alone, and keeps no other:
        nobody knows what it was sent.
        """
        return [name for name in self._slots if not self._is_settled(name)]

    def send(self, row: str) -> None:
        """Submit, in a thread, what the pickle of this row predicted, if it did."""
        names = [name for name in self._slots if self._records[name].row == row]
        self._under_way += [self._pool.submit(self._submit, name) for name in names]

    def read_back(self) -> None:
        """Find out what became of what a start that was killed has sent, if nothing was sent since."""
        for name, slot in self._slots.items():
            try:
                self._submitter.read_back(name, slot)
            except (ApiError, Fault, OSError) as error:
                _log.warning("%s: it is not known what became of its submission: %s", name, error)

    def _is_settled(self, name: str) -> bool:
        try:
            return self._submitter.is_settled(name, self._slots[name], self._records[name])
        except Fault as fault:
            _log.error("%s is not submitted: %s %s", name, fault.message, fault.hint)
            return True

    def _submit(self, name: str) -> None:
        try:
            ended = self._folder.end(self._records[name])
            if ended is not None and ended[0].status == SUCCESS:
                self._submitter.submit(name, self._slots[name], self._records[name], ended[1])
        except (ApiError, Fault, OSError) as error:
            _log.error("%s is not submitted: %s", name, error)
