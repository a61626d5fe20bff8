"""What is kept of a round: rounds/NUMBER/ in the tournament's folder.

round.json             number, opening, deadline, datestamp
data/                  the live data, and its SHA-256 in data.json
models.json            of each slot: its pickle's SHA-256, and why it has no use of it if so
runs/1/ …              the pickles as rounds of their own (docs/round.md): one more when a pickle has changed
submissions/NAME.json  how far a submission is; written before each step
correlations.json      of the predictions
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from numerai_predict.api import OpenRound
from numerai_predict.tournament.results import RoundResults

ROUNDS = "rounds"


@dataclass(frozen=True)
class SubmissionRecord:
    """How far the submission of a slot is. `state` is "sending" (uploaded; created or not, nobody knows), "sent" (it
    has an `id`), "accepted" or "rejected" (read back). `known` are the ids of the submissions that were there before.
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
        self.path = path

    @classmethod
    def of(cls, tournament: Path, round_: OpenRound) -> "RoundFolder":
        """The folder of this round, made if it is not there."""
        raise NotImplementedError

    @property
    def round(self) -> OpenRound:
        """Which round it is."""
        raise NotImplementedError

    @property
    def live(self) -> Path:
        """Where its live features are, or will be."""
        return self.path / "data/live.parquet"

    @property
    def benchmarks(self) -> Path:
        """Where its live benchmark models are, or will be."""
        return self.path / "data/live_benchmark_models.parquet"

    def slots(self) -> dict[str, SlotRecord]:
        """By the names of the slots; empty before the first start."""
        raise NotImplementedError

    def write_slots(self, slots: Mapping[str, SlotRecord]) -> None:
        """Replace what is there."""
        raise NotImplementedError

    def submission(self, name: str) -> SubmissionRecord | None:
        """How far the submission of that slot is; None if there is none."""
        raise NotImplementedError

    def write_submission(self, name: str, record: SubmissionRecord) -> None:
        """Replace what is there, durably."""
        raise NotImplementedError

    def outcome(self, slot: SlotRecord) -> tuple[dict[str, Any], Path] | None:
        """The outcome of the slot's pickle as it is now, and where its CSV is, from the latest run that has one."""
        raise NotImplementedError


def rounds_in(tournament: Path) -> list[RoundFolder]:
    """The rounds that are kept, the newest first."""
    raise NotImplementedError


def read_results(folder: RoundFolder, now: datetime) -> RoundResults:
    """How the models of the round stand now."""
    raise NotImplementedError
