"""How the models of a round stand: what status, messages and the page show."""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from enum import Enum
from pathlib import Path

from numerai_predict.faults import Blame, Fault
from numerai_predict.round import SUCCESS, ModelEnd
from numerai_predict.tournament.round_folder import (
    ACCEPTED,
    BEGUN,
    REJECTED,
    SENT,
    RoundFolder,
    SlotRecord,
    SubmissionRecord,
)

REJECTED_HINT = "Set right what Numerai says, and start again before the deadline."
UNKNOWN_HINT = "Start again: it is read back then, and not sent twice. Or look at https://numer.ai/models."
LATE_HINT = "Start earlier, or with more slots: it has to arrive before the deadline."


class State(Enum):
    """How a model stands in a round, as a word, and the exit status that it leads to."""

    ON_TIME = ("on time", 0)  # Read back from the platform.
    READY = ("ready", 0)  # Predictions are there, and nobody asked to submit them.
    FAILED = ("failed", Blame.MODEL.exit_status)  # By the model's own fault.
    NO_SLOT = ("no slot", Blame.MODEL.exit_status)  # The account has none of that name, or it takes no submissions.
    REJECTED = ("rejected", Blame.MODEL.exit_status)  # By the platform, which says why.
    LATE = ("late", Blame.RUNTIME.exit_status)  # Nothing is on time, and the deadline is over.
    ERROR = ("error", Blame.RUNTIME.exit_status)  # The network, the platform, this machine.
    WAITING = ("waiting", Blame.RUNTIME.exit_status)  # Not run, or not submitted yet.

    def __init__(self, label: str, exit_status: int) -> None:
        self.label = label
        self.exit_status = exit_status


@dataclass(frozen=True)
class ModelResult:
    """A model in a round: how it stands; the code (of faults.Code, empty if it did not fail), message and hint that say
    why; what it used, against its limits (0: no limit); and the correlations of its predictions that are known.

    `predictions` is its CSV, if nothing was submitted.
    `submitted` is when it was read back, `correlations` has "yesterday" (the round before) and each benchmark model.
    """

    name: str
    state: State
    code: str = ""
    message: str = ""
    hint: str = ""
    pickle_sha256: str = ""
    wall_s: float | None = None
    peak_memory_bytes: int | None = None
    time_limit: float = 0.0
    memory_limit: int = 0
    submitted: datetime | None = None
    correlations: "dict[str, float] | None" = None
    predictions: Path | None = None


@dataclass(frozen=True)
class RoundResults:
    """A round and its models, in the order of their names. `problem` is what kept all of them (empty: nothing)."""

    number: int
    opening: datetime
    deadline: datetime
    models: Sequence[ModelResult]
    problem: str = ""

    @property
    def exit_status(self) -> int:
        """0: all are on time, or ready; 1: models failed; 3: the platform, the network or this machine kept some."""
        statuses = [model.state.exit_status for model in self.models]
        return Blame.RUNTIME.exit_status if self.problem else max(statuses, default=0)


def counted(models: Iterable[ModelResult]) -> dict[State, int]:
    """How many models are in each state that occurs, in the order of the states."""
    counts = Counter(model.state for model in models)
    return {state: counts[state] for state in State if counts[state]}


def how_it_went(models: Iterable[ModelResult]) -> str:
    """In a line: "17 on time, 2 failed"."""
    return ", ".join(f"{count:,} {state.label}" for state, count in counted(models).items()) or "no models"


def read_results(folder: RoundFolder, now: datetime) -> RoundResults:
    """How the models of the round stand now. Raises OSError, and Fault for what is damaged and of the whole round."""
    round_ = folder.round
    correlations = folder.correlations()
    models = []
    for name, slot in sorted(folder.slots().items()):
        result = _result_of(folder, name, slot, is_over=now >= round_.deadline)
        models.append(replace(result, correlations=correlations.get(name)))
    return RoundResults(round_.number, round_.opening, round_.deadline, models)


def _result_of(folder: RoundFolder, name: str, slot: SlotRecord, is_over: bool) -> ModelResult:
    result = ModelResult(
        name=name,
        state=State.LATE if is_over else State.WAITING,
        pickle_sha256=slot.pickle_sha256,
        time_limit=slot.time_limit,
        memory_limit=slot.memory_limit,
    )
    try:
        submission, found = folder.submission(name), folder.end(slot)
    except Fault as fault:  # What is damaged of one model says nothing of the others.
        return replace(result, state=State.ERROR, code=fault.code.label, message=fault.message, hint=fault.hint)
    end, csv = found or (None, None)
    result = _with_usage(result, end)
    return (
        (_of_submission(result, submission, is_over) if submission else None)
        or _of_slot(result, slot, submission)
        or _of_end(result, end, csv, submission)
    )


def _with_usage(result: ModelResult, end: ModelEnd | None) -> ModelResult:
    if end is None:
        return result
    return replace(result, wall_s=end.wall_s or None, peak_memory_bytes=end.peak_memory_bytes or None)


def _of_submission(result: ModelResult, submission: SubmissionRecord, is_over: bool) -> ModelResult | None:
    """How it stands by the submission of this pickle, or of somebody else; None if that does not say it."""
    if submission.is_foreign:
        message = "Somebody else submitted for this slot; it was left as it is."
        return replace(result, state=State.ON_TIME, message=message, submitted=submission.at)
    if submission.on_time and submission.keeps(result.pickle_sha256):
        return replace(result, state=State.ON_TIME, submitted=submission.on_time.at)
    if submission.pickle_sha256 != result.pickle_sha256 or submission.state == BEGUN:
        return None
    if submission.state == ACCEPTED:
        message = f"Numerai took the submission as {submission.status}."
        return replace(result, state=State.LATE, message=message, hint=LATE_HINT, submitted=submission.at)
    if submission.state == REJECTED:
        message = _sentence(submission.error) + _stays(submission)
        return replace(result, state=State.REJECTED, message=message, hint=REJECTED_HINT)
    state = State.ERROR if is_over else State.WAITING
    what = "Numerai did not say" if submission.state == SENT else "It could not be found out"
    message = f"{what} what became of the submission." if is_over else "The submission is yet to be read back."
    return replace(result, state=state, message=message, hint=UNKNOWN_HINT if is_over else "")


def _of_slot(result: ModelResult, slot: SlotRecord, submission: SubmissionRecord | None) -> ModelResult | None:
    """How it stands if nothing can be submitted in this slot."""
    if not slot.problem:
        return None
    return replace(result, state=State.NO_SLOT, message=_sentence(slot.problem) + _stays(submission))


def _of_end(
    result: ModelResult, end: ModelEnd | None, csv: Path | None, submission: SubmissionRecord | None
) -> ModelResult:
    """How it stands by how the pickle ran, if it did; what is on time counts more than that it was not sent."""
    standing = submission.on_time if submission else None
    if end and end.status != SUCCESS:
        state = State.FAILED if end.status == Blame.MODEL.status else State.ERROR
        return replace(result, state=state, code=end.code, message=end.message + _stays(submission), hint=end.hint)
    began = submission if submission and submission.pickle_sha256 == result.pickle_sha256 else None
    problem = _sentence(began.error) if began and began.error else ""
    if standing:
        message = (problem or "The pickle has changed since.") + _stays(submission)
        return replace(result, state=State.ON_TIME, message=message, submitted=standing.at)
    if end and not began:
        return replace(result, state=State.READY, predictions=csv)
    if result.state is State.LATE and not problem:
        return replace(result, message="The deadline was over before its predictions were there.", hint=LATE_HINT)
    return replace(result, message=problem)


def _stays(submission: SubmissionRecord | None) -> str:
    """That what is on time was not replaced."""
    standing = submission.on_time if submission else None
    return f" The submission of {standing.at:%H:%M} UTC stays." if standing and standing.at else ""


def _sentence(text: str) -> str:
    return text if text.endswith((".", "!", "?")) else f"{text}."
