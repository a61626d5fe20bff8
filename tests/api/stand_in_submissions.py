"""What becomes of a file that was uploaded: a submission, or diagnostics."""

import uuid

from tests.api.stand_in_csv import ids_in, live_ids, what_is_wrong, whole_eras
from tests.api.stand_in_state import (
    ON_TIME,
    PENDING,
    REFUSED,
    Diagnosed,
    NumeraiStandIn,
    Sent,
    StandInRound,
    StandInSlot,
    Upload,
)


class NotPossible(Exception):
    """What the API answers with an error."""


class Submissions:
    """Makes submissions and diagnostics of uploads."""

    def __init__(self, state: NumeraiStandIn) -> None:
        self._state = state

    def create(
        self,
        filename: str,
        tournament: int,
        model_id: str | None = None,
        trigger_id: str | None = None,
        data_datestamp: int | None = None,
    ) -> Sent:
        """The new submission. Raises NotPossible."""
        slot = self.slot(model_id, tournament)
        if slot.has_pickle:
            raise NotPossible("This model has a pickle uploaded and takes no submissions")
        upload = self._uploaded(filename, slot, is_submission=True)
        round_, outcome = self._round()
        self._note_day(slot, round_, data_datestamp)
        sent = Sent(
            id=str(uuid.uuid4()),
            model=slot.id,
            round=round_.number,
            csv=upload.body or b"",
            file_name=filename,
            at=self._state.clock.now(),
            status=PENDING,
            trigger_id=trigger_id,
            datestamp=data_datestamp,
            selected=False,
            outcome=outcome,
        )
        self._check(sent, upload, round_)
        self._note_replaced(sent, slot)
        self._state.sent.append(sent)
        return sent

    def diagnose(self, filename: str, tournament: int, model_id: str | None = None) -> Diagnosed:
        """The new diagnostics. Raises NotPossible."""
        slot = self.slot(model_id, tournament)
        upload = self._uploaded(filename, slot, is_submission=False)
        eras, message = whole_eras(upload.body or b"", self._state.eras)
        one = Diagnosed(
            id=str(uuid.uuid4()),
            model=slot.id,
            csv=upload.body or b"",
            at=self._state.clock.now(),
            status="failed" if message else "done",
            message=message,
            eras=eras,
        )
        self._state.diagnosed.append(one)
        return one

    def slot(self, model_id: str | None, tournament: int) -> StandInSlot:
        """The slot of that id; the only one if none is given. Raises NotPossible."""
        slots = [one for one in self._state.slots if one.tournament == tournament and model_id in (None, one.id)]
        if len(slots) != 1:
            raise NotPossible("Model not found" if model_id else "modelId is required for accounts with several models")
        return slots[0]

    def _uploaded(self, file_name: str, slot: StandInSlot, is_submission: bool) -> Upload:
        """The file, which somebody has at least tried to upload."""
        upload = self._state.uploads.get(file_name)
        if upload is None or upload.answered is None or upload.is_submission != is_submission:
            self._state.violations.append(f"{file_name} was submitted, and nobody uploaded it")
            raise NotPossible(f"File {file_name} was not uploaded")
        if upload.answered != 200:
            seen = f"status {upload.answered}" if upload.answered else "no answer"
            self._state.violations.append(f"{file_name} was submitted, and its PUT had {seen}")
        if upload.model not in (None, slot.id):
            self._state.violations.append(f"{file_name} was uploaded for another model than {slot.name}")
        if upload.used:
            self._state.violations.append(f"{file_name} was submitted twice")
        upload.used = True
        return upload

    def _round(self) -> tuple[StandInRound, str]:
        """The round that a submission goes to now, and what it is there."""
        if round_ := self._state.open_round():
            return round_, ON_TIME
        if round_ := self._state.last_round():
            return round_, "late"
        if round_ := self._state.next_round():
            return round_, "queued"
        raise NotPossible("There is no round")

    def _check(self, sent: Sent, upload: Upload, round_: StandInRound) -> None:
        """Note in the submission what is wrong with it."""
        if upload.body is None:
            sent.error = f"File {upload.name} could not be read"
        else:
            ids = live_ids(round_.live)
            sent.error = what_is_wrong(sent.csv, ids)
            sent.unknown_ids = len(ids_in(sent.csv) - ids)
            self._note_other_round(sent, round_)
        if sent.error:
            sent.outcome = REFUSED

    def _note_day(self, slot: StandInSlot, round_: StandInRound, datestamp: int | None) -> None:
        if None not in (datestamp, round_.datestamp) and datestamp != round_.datestamp:
            days = f"data of {datestamp}, and round {round_.number} has that of {round_.datestamp}"
            self._state.violations.append(f"a submission of {slot.name} names {days}")

    def _note_other_round(self, sent: Sent, round_: StandInRound) -> None:
        found = ids_in(sent.csv)
        for other in self._state.rounds:
            if other is not round_ and found and found <= live_ids(other.live) and not found <= live_ids(round_.live):
                self._state.violations.append(
                    f"{sent.file_name} went to round {round_.number}, and its ids are those of round {other.number}"
                )

    def _note_replaced(self, sent: Sent, slot: StandInSlot) -> None:
        """A good submission is there already: of the same predictions, or one that is replaced by a worse."""
        good = [one for one in self._state.sent if (one.model, one.round) == (sent.model, sent.round) and one.is_good]
        if any(one.csv == sent.csv for one in good):
            self._state.violations.append(f"{slot.name} got the same predictions twice for round {sent.round}")
        on_time = any((one.outcome or one.status) == ON_TIME for one in good)
        if on_time and sent.outcome != ON_TIME:
            what = sent.error or sent.outcome
            self._state.violations.append(
                f"{slot.name} was on time in round {sent.round} and got another submission: {what}"
            )
