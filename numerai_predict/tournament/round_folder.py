"""What is kept of a round: rounds/NUMBER/ in the tournament's folder.

round.json             number, opening, deadline, datestamp
data/                  the live data, and its SHA-256 in data.json
models.json            of each slot: its pickle's SHA-256, and why it has no use of it if so
runs/1/ …              the pickles as rounds of their own (docs/round.md): one more when a pickle has changed
submissions/NAME.json  how far a submission is; written before each step
correlations.json      of the predictions
"""

import contextlib
import json
import math
import os
from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict, dataclass
from datetime import datetime, timezone
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import quote

from numerai_predict.api import ON_TIME, OpenRound
from numerai_predict.faults import Code, Fault
from numerai_predict.files import open_file, write_whole
from numerai_predict.round import ModelEnd, outcome_key, predictions_key
from numerai_predict.times import time_in

T = TypeVar("T")

ROUNDS = "rounds"
RUNS = "runs"
ROUND = "round.json"
SLOTS = "models.json"
DIGESTS = "data/data.json"
CORRELATIONS = "correlations.json"

# How far a submission is.
BEGUN = "begun"
SENDING = "sending"
SENT = "sent"
ACCEPTED = "accepted"
REJECTED = "rejected"
_STATES = (BEGUN, SENDING, SENT, ACCEPTED, REJECTED)


@dataclass(frozen=True)
class SubmissionRecord:
    """How far the submission of a slot is. `state` is "begun" (nothing is known to be created; `error` says why),
    "sending" (uploaded; created or not, nobody knows), "sent" (it has an `id`), "accepted" or "rejected" (read back;
    one without an `id` was refused before there was a submission). `known` are the ids of the submissions that were
    there before, `standing` is an earlier one that is on time for as long as this one is not. One of somebody else has
    no `pickle_sha256`.
    """

    state: str
    pickle_sha256: str
    csv_sha256: str
    file_name: str
    known: tuple[str, ...] = ()
    id: str = ""
    status: str = ""
    error: str = ""
    at: datetime | None = None
    standing: "SubmissionRecord | None" = None

    @property
    def on_time(self) -> "SubmissionRecord | None":
        """What is known to be on time: this one, or the one that stands; None: nothing."""
        return self if self.state == ACCEPTED and self.status == ON_TIME else self.standing

    def keeps(self, pickle_sha256: str) -> bool:
        """Whether predictions of this pickle are on time, and nothing is on its way in their place."""
        is_under_way = self.state in (SENDING, SENT)
        return not is_under_way and self.on_time is not None and self.on_time.pickle_sha256 == pickle_sha256

    @property
    def is_foreign(self) -> bool:
        """Whether somebody else submitted."""
        return self.state == ACCEPTED and not self.pickle_sha256


@dataclass(frozen=True)
class SlotRecord:
    """What a slot is to get in this round: the id of its pickle's row in a run, the pickle's SHA-256, its limits, and
    why nothing can be submitted (empty: it can).
    """

    row: str
    pickle_sha256: str
    time_limit: float
    memory_limit: int
    problem: str = ""


class RoundFolder:
    """The folder of a round. Everything is written whole; raises OSError, and Fault for what is there and damaged."""

    def __init__(self, path: Path) -> None:
        self.path = path.absolute()  # Workers have another working directory.

    @classmethod
    def of(cls, tournament: Path, round_: OpenRound) -> "RoundFolder":
        """The folder of this round, made if it is not there."""
        folder = cls(tournament / ROUNDS / str(round_.number))
        there = None
        with contextlib.suppress(FileNotFoundError, Fault):  # What was damaged is written again.
            there = folder.round
        if there != round_:
            _write(asdict(round_), folder.path / ROUND)
        return folder

    @property
    def number(self) -> int:
        """The number of the round, also of one whose files are damaged."""
        return int(self.path.name)

    @property
    def round(self) -> OpenRound:
        """Which round it is."""
        path = self.path / ROUND
        with _damage(path):
            return _round(_object(path))

    @property
    def runs(self) -> list[Path]:
        """The folders of its runs, the newest first."""
        return _numbered(self.path / RUNS)

    @property
    def live(self) -> Path:
        """Where its live features are, or will be."""
        return self.path / "data/live.parquet"

    @property
    def benchmarks(self) -> Path:
        """Where its live benchmark models are, or will be."""
        return self.path / "data/live_benchmark_models.parquet"

    def digests(self) -> dict[str, str]:
        """The SHA-256 of the files of the live data, by their names; empty before they are downloaded."""
        return self._objects(DIGESTS, lambda found: {name: _typed(found, name, str) for name in found})

    def write_digests(self, digests: Mapping[str, str]) -> None:
        """Replace what is there, durably."""
        _write(digests, self.path / DIGESTS)

    def slots(self) -> dict[str, SlotRecord]:
        """By the names of the slots; empty before the first start."""
        return self._objects(SLOTS, lambda found: {name: _slot(_typed(found, name, dict)) for name in found})

    def write_slots(self, slots: Mapping[str, SlotRecord]) -> None:
        """Replace what is there."""
        _write({name: asdict(record) for name, record in slots.items()}, self.path / SLOTS)

    def submission(self, name: str) -> SubmissionRecord | None:
        """How far the submission of that slot is; None if there is none."""
        path = self._submission_path(name)
        with contextlib.suppress(FileNotFoundError), _damage(path):
            return _submission(_object(path))
        return None

    def write_submission(self, name: str, record: SubmissionRecord) -> None:
        """Replace what is there, durably."""
        _write(asdict(record), self._submission_path(name))

    def correlations(self) -> dict[str, dict[str, float]]:
        """Of the predictions of each slot, by the slot's name; empty before they are known."""
        return self._objects(CORRELATIONS, lambda found: {name: _numbers(_typed(found, name, dict)) for name in found})

    def end(self, slot: SlotRecord) -> tuple[ModelEnd, Path] | None:
        """How the slot's pickle as it is now ended, and where its CSV is, from the latest run that has its outcome."""
        for run in self.runs:
            with contextlib.suppress(FileNotFoundError), open_file(run / outcome_key(slot.row)) as file:
                return ModelEnd.of(slot.row, file.read()), run / predictions_key(slot.row)
        return None

    def _objects(self, name: str, read: Callable[[dict[str, Any]], dict[str, T]]) -> dict[str, T]:
        path = self.path / name
        with contextlib.suppress(FileNotFoundError), _damage(path):
            return read(_object(path))
        return {}

    def _submission_path(self, name: str) -> Path:
        return self.path / "submissions" / f"{quote(name, safe='')}.json"


def rounds_in(tournament: Path) -> list[RoundFolder]:
    """The rounds that are kept, the newest first."""
    return [RoundFolder(path) for path in _numbered(tournament / ROUNDS) if (path / ROUND).is_file()]


def _numbered(folder: Path) -> list[Path]:
    """What has a number for its name, the highest first."""
    found = list(folder.iterdir()) if folder.is_dir() else []
    return sorted((path for path in found if path.name.isdecimal()), key=lambda path: int(path.name), reverse=True)


def _write(values: Mapping[str, Any], path: Path) -> None:
    """Write it so that it is there after a power cut too: a submission that is forgotten would be sent twice."""
    path.parent.mkdir(parents=True, exist_ok=True)
    write_whole(json.dumps(values, indent=2, allow_nan=False, default=_as_text).encode() + b"\n", path)
    descriptor = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        with contextlib.suppress(OSError):  # Some file systems of networks cannot.
            os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _as_text(value: object) -> str:
    """A time, in UTC."""
    if not isinstance(value, datetime):
        raise TypeError(f"{type(value)} is not JSON")
    return value.astimezone(timezone.utc).isoformat().replace("+00:00", "Z")


@contextlib.contextmanager
def _damage(path: Path) -> Iterator[None]:
    """Raises Fault for a ValueError."""
    try:
        yield
    except (ValueError, RecursionError) as error:  # Thousands of brackets.
        hint = "Remove this file and start again: what is on time at Numerai stays."
        raise Fault(Code.INTERNAL_ERROR, f"{path} is damaged: {error}.", hint) from None


def _object(path: Path) -> dict[str, Any]:
    with open_file(path) as file:
        content = file.read()
    try:
        found = json.loads(content)
    except ValueError:
        raise ValueError("it is not JSON") from None
    if isinstance(found, dict):
        return found
    raise ValueError("it is not a JSON object")


def _typed(found: Mapping[str, Any], name: str, kind: type[T]) -> T:
    value = found.get(name)
    if isinstance(value, kind) and not isinstance(value, bool):
        return value
    raise ValueError(f"{name} is not of type {kind.__name__}")


def _number(found: Mapping[str, Any], name: str) -> float:
    return float(_typed(found, name, int) if isinstance(found.get(name), int) else _typed(found, name, float))


def _numbers(found: Mapping[str, Any]) -> dict[str, float]:
    """Without those that are not known: NaN."""
    numbers = {name: _number(found, name) for name in found}
    return {name: number for name, number in numbers.items() if math.isfinite(number)}


def _time(found: Mapping[str, Any], name: str) -> datetime:
    time = time_in(_typed(found, name, str))
    if time.tzinfo is None:
        raise ValueError(f"{name} has no time zone")
    return time.astimezone(timezone.utc)


def _round(found: Mapping[str, Any]) -> OpenRound:
    day = None if found.get("datestamp") is None else _typed(found, "datestamp", int)
    return OpenRound(_typed(found, "number", int), _time(found, "opening"), _time(found, "deadline"), day)


def _slot(found: Mapping[str, Any]) -> SlotRecord:
    return SlotRecord(
        row=_typed(found, "row", str),
        pickle_sha256=_typed(found, "pickle_sha256", str),
        time_limit=_number(found, "time_limit"),
        memory_limit=_typed(found, "memory_limit", int),
        problem=_typed(found, "problem", str),
    )


def _submission(found: Mapping[str, Any]) -> SubmissionRecord:
    texts = ("state", "pickle_sha256", "csv_sha256", "file_name", "id", "status", "error")
    record = SubmissionRecord(
        **{name: _typed(found, name, str) for name in texts},
        known=tuple(str(known) for known in _typed(found, "known", list)),
        at=None if found.get("at") is None else _time(found, "at"),
        standing=None if found.get("standing") is None else _submission(_typed(found, "standing", dict)),
    )
    if record.state not in _STATES:
        raise ValueError(f"its state is none of {', '.join(_STATES)}")
    return record
