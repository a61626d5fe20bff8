"""Submits predictions, each at most once, and reads back from the platform what became of them.

A record is written before each step, so that whoever starts again after a kill knows what may have happened:
begun -> sending (the file is uploaded) -> sent (createSubmission answered) -> accepted or rejected (read back).
"""

import hashlib
import logging
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import TypeVar

from numerai_predict.api import (
    ON_TIME,
    PENDING,
    ApiRefused,
    ApiUnreachable,
    NumeraiApi,
    OpenRound,
    Slot,
    Submission,
)
from numerai_predict.tournament.clock import Clock
from numerai_predict.tournament.round_folder import (
    ACCEPTED,
    BEGUN,
    REJECTED,
    SENDING,
    SENT,
    RoundFolder,
    SlotRecord,
    SubmissionRecord,
)

T = TypeVar("T")

# The first and the longest pause between two questions of one kind.
PAUSE_S = 5.0
LONGEST_PAUSE_S = 60.0
# So long before the deadline nothing is created any more: it takes its way to arrive. In place of one that is on time,
# a late one would do harm.
CREATE_S = 5.0
REPLACE_S = 90.0
# So long after the deadline it is still asked for what became of a submission.
READ_BACK_S = 300.0
# The status of a late one, which Numerai keeps for the round to come; and of any one for a while.
QUEUED = "queued"

TOO_LATE = "There was no time left before the deadline to send it."

_log = logging.getLogger(__name__)


class Submitter:
    """Submits for one round. Threads may share it, each for another slot. It sends nothing after the deadline, nothing
    when the platform is in another round, and nothing in place of the same pickle's submission that is on time.
    """

    def __init__(self, api: NumeraiApi, folder: RoundFolder, round_: OpenRound, clock: Clock, trigger_id: str | None):
        self._api = api
        self._folder = folder
        self._round = round_
        self._clock = clock
        self._trigger_id = trigger_id

    def submit(self, name: str, slot: Slot, record: SlotRecord, csv: Path) -> None:
        """Bring the submission as far as it goes until the deadline, reading it back until it is accepted or rejected.
        What became of it is in the folder; raises OSError, Fault for a damaged record, and ApiError, after which
        `submit` may be called again.
        """
        for pause in _pauses():
            found = self.read_back(name, slot)
            if found is not None and found.state == SENT:  # How it ended was not to be known by READ_BACK_S.
                return
            if self.is_settled(name, slot, record) or not self._send(name, slot, record, csv):
                return
            found = self.read_back(name, slot)
            if found is not None and found.state != BEGUN and found.pickle_sha256 == record.pickle_sha256:
                return
            self._clock.sleep(pause)

    def is_settled(self, name: str, slot: Slot, record: SlotRecord) -> bool:
        """Whether there is nothing to do for this slot: this pickle's predictions are at Numerai, or those of a pickle
        that somebody else submitted, of which nothing is known here. That is recorded then. Raises OSError and Fault.
        """
        found = self._folder.submission(name)
        if found is None or not (found.id or found.standing or found.file_name):
            theirs = [
                latest for latest in slot.latest if (latest.round, latest.status) == (self._round.number, ON_TIME)
            ]
            if theirs:
                self._note_foreign(name, theirs[0].file_name)
            return bool(theirs)
        if found.is_foreign or found.keeps(record.pickle_sha256):
            return True
        if found.pickle_sha256 != record.pickle_sha256:
            return False
        return found.state == ACCEPTED or (found.state == REJECTED and self._is_of(found, record))

    def read_back(self, name: str, slot: Slot) -> SubmissionRecord | None:
        """Find out what became of a submission that was begun, by this start or one that was killed; returns what is
        known of it now. Sends nothing. Raises as `submit`.
        """
        found = self._folder.submission(name)
        if found is not None and (found.state == SENDING or (found.state == BEGUN and found.file_name)):
            found = self._find(name, slot, found)
        if found is not None and found.state == SENT:
            found = self._follow(name, slot, found)
        return found

    @property
    def _end(self) -> datetime:
        """Until when what became of submissions is asked for."""
        return self._round.deadline + timedelta(seconds=READ_BACK_S)

    def _is_of(self, found: SubmissionRecord, record: SlotRecord) -> bool:
        """Whether it was made of the predictions that are there: those that Numerai rejected once, it would again."""
        ended = self._folder.end(record)
        return bool(found.id) and ended is not None and ended[0].csv_sha256 == found.csv_sha256

    def _write(self, name: str, record: SubmissionRecord) -> SubmissionRecord:
        record = replace(record, at=self._clock.now())
        self._folder.write_submission(name, record)
        return record

    def _note_foreign(self, name: str, file_name: str, id_: str = "") -> None:
        _log.warning("%s: somebody else submitted for round %d; it is left as it is.", name, self._round.number)
        self._write(name, SubmissionRecord(ACCEPTED, "", "", file_name, id=id_, status=ON_TIME))

    # What became of it

    def _find(self, name: str, slot: Slot, found: SubmissionRecord) -> SubmissionRecord:
        """Whether a submission was made of the file. One that is not there is looked for again: all that is known is
        that it was asked for, and Numerai may be at it still.
        """
        for is_last in (False, True) if found.state == SENDING else (True,):
            there = self._ask(lambda: self._api.submissions(slot.id), self._end)
            if (id_ := self._created(there, found)) is not None:
                return self._write(name, replace(found, state=SENT, id=id_, error=""))
            if not is_last:
                self._clock.sleep(PAUSE_S)
        return self._write(name, replace(found, state=BEGUN, error=found.error or "It did not arrive at Numerai."))

    def _created(self, there: Iterable[Submission], found: SubmissionRecord) -> str | None:
        """The id of the submission of the file of this record, if there is one."""
        for submission in there:
            is_here = submission.round in (None, self._round.number)
            is_of_file = submission.file_name == found.file_name or (not submission.file_name and is_here)
            if is_of_file and submission.id not in found.known:
                return submission.id
        return None

    def _follow(self, name: str, slot: Slot, found: SubmissionRecord) -> SubmissionRecord:
        """Wait until it is known how the submission ended."""
        for pause in _pauses():
            there = self._ask(lambda: self._api.submissions(slot.id), self._end)
            seen = next((submission for submission in there if submission.id == found.id), None)
            is_last = self._clock.now() + timedelta(seconds=pause) >= self._end
            if seen is not None and (ended := self._ended(found, seen, is_last)) is not None:
                _log.info("%s: %s %s", name, ended.state, ended.error or ended.status)
                return self._write(name, ended)
            if is_last:
                break
            self._clock.sleep(pause)
        return found

    def _ended(self, found: SubmissionRecord, seen: Submission, is_last: bool) -> SubmissionRecord | None:
        """How it ended; None if it has not."""
        if seen.round not in (None, self._round.number):
            error = f"It went to round {seen.round}, not to round {self._round.number}."
            return replace(found, state=REJECTED, status=seen.status, error=error)
        if seen.error:
            return replace(found, state=REJECTED, status=seen.status, error=seen.error)
        if seen.status not in PENDING or (is_last and seen.status == QUEUED):
            standing = None if seen.status == ON_TIME else found.standing
            return replace(found, state=ACCEPTED, status=seen.status, standing=standing)
        return None

    # The steps until it is there

    def _send(self, name: str, slot: Slot, record: SlotRecord, csv: Path) -> bool:
        """Upload the predictions and make a submission of them; whether that was tried, and what became of it is to be
        found out. If not, the record says why.
        """
        content = csv.read_bytes()
        draft = _draft(record, hashlib.sha256(content).hexdigest(), self._folder.submission(name))
        try:
            if problem := self._obstacle(draft):
                _log.warning("%s: %s", name, problem)
                if not draft.error:  # What hindered it while there was time says more.
                    self._write(name, replace(draft, error=problem))
                return False
            return self._send_now(name, slot, draft, content)
        except ApiUnreachable as error:
            self._write(name, replace(draft, error=str(error)))
            raise
        except ApiRefused as error:
            _log.warning("%s: Numerai refuses the submission: %s", name, error)
            self._write(name, replace(draft, state=REJECTED, error=str(error)))
            return False

    def _send_now(self, name: str, slot: Slot, draft: SubmissionRecord, content: bytes) -> bool:
        until = self._last_moment(draft)
        file_name = self._ask(lambda: self._api.upload(slot.id, content, f"{name}.csv"), until)
        there = self._ask(lambda: self._api.submissions(slot.id), until)
        if (theirs := self._foreign(there, draft.standing)) is not None:
            self._note_foreign(name, theirs.file_name, theirs.id)
            return False
        if self._clock.now() >= until:
            self._write(name, replace(draft, error=TOO_LATE))
            return False
        known = tuple(submission.id for submission in there)
        sending = replace(draft, state=SENDING, file_name=file_name, known=known, error="")
        self._create(name, slot, self._write(name, sending))
        return True

    def _create(self, name: str, slot: Slot, sending: SubmissionRecord) -> None:
        left_s = (self._round.deadline - self._clock.now()).total_seconds()
        try:
            id_ = self._api.create_submission(
                slot.id, sending.file_name, self._round.datestamp, self._trigger_id, within_s=left_s
            )
        except ApiUnreachable as error:
            _log.warning("%s: whether the submission was made is to be found out: %s", name, error)
        else:
            self._write(name, replace(sending, state=SENT, id=id_))

    def _last_moment(self, draft: SubmissionRecord) -> datetime:
        """Until when this may be created."""
        return self._round.deadline - timedelta(seconds=REPLACE_S if draft.standing else CREATE_S)

    def _obstacle(self, draft: SubmissionRecord) -> str:
        """Why nothing can be sent now, as a sentence; empty: it can."""
        until = self._last_moment(draft)
        if self._clock.now() < until:
            current = self._ask(self._api.current_round, until)
            if current is None or current.opening > self._clock.now():
                return f"Numerai is between rounds, and takes no predictions of round {self._round.number}."
            if current.number != self._round.number:
                return f"Numerai is in round {current.number}: these predictions are of round {self._round.number}."
            until = min(until, current.deadline)
        return "" if self._clock.now() < until else TOO_LATE

    def _foreign(self, there: Iterable[Submission], standing: SubmissionRecord | None) -> Submission | None:
        """The latest submission that is on time for this round, if it is none of ours."""
        good = (one for one in there if (one.round, one.status) == (self._round.number, ON_TIME) and not one.error)
        latest = next(good, None)
        return None if latest is None or (standing and latest.id == standing.id) else latest

    def _ask(self, question: Callable[[], T], until: datetime) -> T:
        """The answer; asked again until then while there is none. Raises ApiUnreachable and ApiRefused."""
        for pause in _pauses():
            try:
                return question()
            except ApiUnreachable:
                if self._clock.now() + timedelta(seconds=pause) >= until:
                    raise
            self._clock.sleep(pause)
        raise AssertionError("pauses never end")


def _draft(record: SlotRecord, csv_sha256: str, before: SubmissionRecord | None) -> SubmissionRecord:
    """What is to be sent. Of what was begun with the same pickle, it keeps why it is not there, and its file: it may
    be there yet, later than it was looked for.
    """
    draft = SubmissionRecord(BEGUN, record.pickle_sha256, csv_sha256, "", standing=before.on_time if before else None)
    if before is None or before.pickle_sha256 != record.pickle_sha256 or before.id:
        return draft
    return replace(draft, file_name=before.file_name, known=before.known, error=before.error)


def _pauses() -> Iterator[float]:
    """How long to wait before the next try, for ever."""
    pause = PAUSE_S
    while True:
        yield pause
        pause = min(1.5 * pause, LONGEST_PAUSE_S)
