"""A stand-in of Numerai's API and storage on loopback: it opens and closes rounds by a clock of its own, fails in every
way that the real one was seen to, and checks what it is sent.

The schema is that of schema.graphql; queries are parsed and validated by graphql-core, so that a field that does not
exist is an error here as there.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta


class StandInClock:
    """The time of the stand-in: the machine's, moved by as much as it was told to."""

    def now(self) -> datetime:
        """The time, in UTC."""
        raise NotImplementedError

    def set(self, time: datetime) -> None:
        """Go to that time, and on from there."""
        raise NotImplementedError

    def sleep(self, seconds: float) -> None:
        """Move by so many seconds, in none."""
        raise NotImplementedError


class ClockOverHttp:
    """The clock of a stand-in in another process (GET and POST URL/clock); a numerai_predict.tournament.clock.Clock."""

    def __init__(self, url: str) -> None:
        raise NotImplementedError

    def now(self) -> datetime:
        """The time, in UTC."""
        raise NotImplementedError

    def sleep(self, seconds: float) -> None:
        """Move the stand-in's clock."""
        raise NotImplementedError


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
    data_ready: datetime | None = None
    p90: datetime | None = None
    p99: datetime | None = None
    datestamp: int | None = None
    stale: int = 0
    stale_live: bytes = b""


@dataclass
class Sent:
    """A submission that the stand-in has: of which slot, for which round, what the CSV was, when it came, how it ended.
    Its status is `pending` for `processing_s` of the stand-in's clock.
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
    `dataset`, `submissionUploadAuth`, `createSubmission`, `submissions`, …), "put" or "get" for the storage, "*" for all
    of the API. How: `status` (with `retry_after_s`), GraphQL's `error`, `body` that is no JSON, `cut` connection, `hang_s`
    seconds. With `after`, it is done first and only its answer is lost.
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


@dataclass
class Asked:
    """A request as it came: the operation, its variables, whether the keys were there, and when."""

    operation: str
    variables: dict[str, object]
    authorized: bool
    at: datetime


@dataclass
class NumeraiStandIn:
    """What the stand-in has and knows; tests change it at any time. `violations` are what no client should ever do:
    keys in a URL, a PUT without Content-Length, to an expired address, keys sent to the storage, …
    """

    url: str = ""
    clock: StandInClock = field(default_factory=StandInClock)
    rounds: list[StandInRound] = field(default_factory=list)
    slots: list[StandInSlot] = field(default_factory=list)
    scopes: dict[str, set[str]] = field(default_factory=dict)  # By "PUBLIC$SECRET".
    failures: list[Failure] = field(default_factory=list)
    processing_s: float = 5.0
    sent: list[Sent] = field(default_factory=list)
    asked: list[Asked] = field(default_factory=list)
    violations: list[str] = field(default_factory=list)

    def on_time(self, round_number: int) -> dict[str, list[Sent]]:
        """The accepted submissions for a round, in order, by the names of their slots."""
        raise NotImplementedError


@contextmanager
def standing_in(port: int = 0) -> Iterator[NumeraiStandIn]:
    """Serve on loopback. Nothing but 127.0.0.1 reaches it."""
    raise NotImplementedError
    yield NumeraiStandIn()


def week(start: datetime, live: bytes, benchmarks: bytes, first: int = 1340) -> list[StandInRound]:
    """The rounds of a week whose Monday is `start`: Tuesday to Friday from 12:00 to 13:00 UTC, Saturday from 12:00 to
    Sunday 14:00, each with live data of its own (the ids differ; features as in `live`).
    """
    raise NotImplementedError


HOUR = timedelta(hours=1)
