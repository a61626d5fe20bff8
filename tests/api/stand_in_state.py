"""What the stand-in of Numerai's API has and knows, as tests set it and read it."""

import threading
from dataclasses import dataclass, field
from datetime import datetime, timedelta, timezone
from typing import Literal

PENDING = "pending"
ON_TIME = "on-time"
REFUSED = "none"
HOUR = timedelta(hours=1)
ALL_SCOPES = frozenset(("upload_submission", "read_submission_info", "read_user_info"))


class StandInClock:
    """The time of the stand-in: the machine's, moved by as much as a test wants."""

    def __init__(self) -> None:
        self._ahead = timedelta()
        self._lock = threading.Lock()

    def now(self) -> datetime:
        """The time, in UTC."""
        return datetime.now(timezone.utc) + self._ahead

    def set(self, time: datetime) -> None:
        """Go to that time, and on from there."""
        with self._lock:
            self._ahead = time - datetime.now(timezone.utc)

    def sleep(self, seconds: float) -> None:
        """Move by so many seconds, in none."""
        with self._lock:
            self._ahead += timedelta(seconds=seconds)


@dataclass
class StandInRound:
    """A round: when it really opens, the `announced` p90 and p99 of its data, and its live data. For the first `stale`
    downloads of live features the file of `stale_live` comes instead.
    """

    number: int
    opening: datetime
    deadline: datetime
    live: bytes
    benchmarks: bytes
    data_ready: datetime | None = None  # With the opening.
    p90: datetime | None = None
    p99: datetime | None = None
    datestamp: int | None = None
    stale: int = 0
    stale_live: bytes = b""

    @property
    def ready(self) -> datetime:
        """When its data is there."""
        return self.data_ready or self.opening

    def is_open(self, now: datetime) -> bool:
        """Whether a submission would be on time."""
        return self.opening <= now < self.deadline


@dataclass
class Sent:
    """A submission that the stand-in has: of which slot, for which round, what the CSV was, when it came, how it ended.
    Its status is `pending` for `processing_s` of the stand-in's clock; then it is its `outcome`.
    """

    id: str
    model: str
    round: int
    csv: bytes
    file_name: str
    at: datetime
    status: str
    error: str = ""
    trigger_id: str | None = None
    datestamp: int | None = None
    selected: bool = True
    outcome: str = ""
    unknown_ids: int = 0

    @property
    def is_good(self) -> bool:
        """Whether it is accepted, be it late, or will be."""
        return REFUSED not in (self.status, self.outcome)


@dataclass
class Diagnosed:
    """Predictions of validation eras that were sent for diagnostics, and what became of them."""

    id: str
    model: str
    csv: bytes
    at: datetime
    status: str
    message: str = ""
    eras: int = 0


@dataclass
class StandInSlot:
    """A model slot of the account. One that `has_pickle` refuses submissions, as the platform does."""

    id: str
    name: str
    tournament: int = 8
    has_pickle: bool = False


@dataclass
class Failure:
    """The next `times` requests of an operation fail. `operation` is a field of the API (`rounds`, `account`,
    `dataset`, `submissionUploadAuth`, `createSubmission`, `submissions`, …), "put" or "get" for the storage, "*" for
    all of the API. How: `status` (with `retry_after_s`), GraphQL's `error`, `body` that is no JSON, `cut` connection
    (of "get" in the midst of the file, else before any answer), `hang_s` seconds before the answer. With `after`, it is
    done first and only its answer is lost.
    """

    operation: str
    times: int = 1
    status: int | None = None
    error: str = ""
    body: bytes | None = None
    cut: bool = False
    hang_s: float = 0.0
    retry_after_s: float | None = None
    after: bool = False

    def is_of(self, operations: list[str]) -> bool:
        """Whether it is for a request of these operations."""
        is_api = operations not in (["put"], ["get"])
        return self.operation in operations or (self.operation == "*" and is_api)


@dataclass
class Asked:
    """A request as it came: the operation, its variables, whether the keys were there, and when."""

    operation: str
    variables: dict[str, object]
    authorized: bool
    at: datetime


@dataclass
class Upload:
    """An address that was given out for one file, and what came there: `answered` is the status of the last PUT, 0 if
    its answer was lost, None if there was none.
    """

    name: str
    model: str | None
    is_submission: bool
    body: bytes | None = None
    answered: int | None = None
    used: bool = False


@dataclass
class NumeraiStandIn:
    """What the stand-in has and knows; tests change it at any time. `violations` are what no client should ever do:
    keys in a URL, a PUT without Content-Length, to an expired address, keys sent to the storage, …

    `between_rounds` is what `rounds(number: 0)` answers while none is open: an error, `[null]`, the last round, or the
    next one. `datasets` are files besides live data, `eras` the ids of each validation era, for diagnostics.
    """

    url: str = ""
    clock: StandInClock = field(default_factory=StandInClock)
    rounds: list[StandInRound] = field(default_factory=list)
    slots: list[StandInSlot] = field(default_factory=list)
    scopes: dict[str, set[str]] = field(default_factory=dict)  # By "PUBLIC$SECRET".
    failures: list[Failure] = field(default_factory=list)
    processing_s: float = 5.0
    asked: list[Asked] = field(default_factory=list)
    violations: list[str] = field(default_factory=list)
    between_rounds: Literal["error", "null", "last", "next"] = "error"
    address_s: float = 300.0  # So long an address of the storage is good.
    data_version: str = "v5.3"
    datasets: dict[str, bytes] = field(default_factory=dict)
    eras: dict[str, set[str]] = field(default_factory=dict)
    validation_corr: float = 0.02
    diagnosed: list[Diagnosed] = field(default_factory=list)
    uploads: dict[str, Upload] = field(default_factory=dict)
    lock: threading.RLock = field(default_factory=threading.RLock, repr=False)
    _sent: list[Sent] = field(default_factory=list)

    @property
    def sent(self) -> list[Sent]:
        """All submissions, in order, as they stand now; tests may add some that were there before."""
        with self.lock:
            for one in self._sent:
                self._settle(one)
            return self._sent

    def on_time(self, round_number: int) -> dict[str, list[Sent]]:
        """The accepted submissions for a round, in order, by the names of their slots."""
        names = {slot.id: slot.name for slot in self.slots}
        found: dict[str, list[Sent]] = {}
        for one in self.sent:
            if one.round == round_number and one.status == ON_TIME:
                found.setdefault(names[one.model], []).append(one)
        return found

    def open_round(self) -> StandInRound | None:
        """The round that takes submissions on time now."""
        now = self.clock.now()
        return next((one for one in self.rounds if one.is_open(now)), None)

    def last_round(self) -> StandInRound | None:
        """The latest round that is closed by now."""
        now = self.clock.now()
        return max((one for one in self.rounds if one.deadline <= now), key=lambda one: one.opening, default=None)

    def next_round(self) -> StandInRound | None:
        """The first round that is still to open."""
        now = self.clock.now()
        return min((one for one in self.rounds if one.opening > now), key=lambda one: one.opening, default=None)

    def take_failure(self, operations: list[str]) -> Failure | None:
        """The failure that is due for such a request, if any; it is due once less from now on."""
        with self.lock:
            due = next((one for one in self.failures if one.times > 0 and one.is_of(operations)), None)
            if due is not None:
                due.times -= 1
            return due

    def _settle(self, one: Sent) -> None:
        """End its processing when it is time; the last that is accepted is the one that counts."""
        if one.status != PENDING or self.clock.now() < one.at + timedelta(seconds=self.processing_s):
            return
        one.status = one.outcome or ON_TIME
        if one.is_good:
            for other in self._sent:
                if (other.model, other.round) == (one.model, one.round):
                    other.selected = other is one
