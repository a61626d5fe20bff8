"""How the models of a round stand: what status, messages and the page show."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import Enum

from numerai_predict.faults import Blame


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
