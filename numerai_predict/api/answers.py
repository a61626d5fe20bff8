"""What Numerai's API says of rounds, data, model slots and submissions, as typed values; all times are in UTC."""

from dataclasses import dataclass
from datetime import datetime

# Of a submission: https://docs.numer.ai/numerai-tournament/submissions
ON_TIME = "on-time"
PENDING = frozenset(("pending", "none", "queued"))


@dataclass(frozen=True)
class OpenRound:
    """A round as the API shows it: its number, when it opens, until when a submission is on time, and the day of its
    live data (20261126; None: not said).
    """

    number: int
    opening: datetime
    deadline: datetime
    datestamp: int | None = None


@dataclass(frozen=True)
class Pipeline:
    """Today's live data: when it was ready, and when it is expected in 90 and in 99 of 100 cases; None: unknown."""

    ready: datetime | None = None
    p90: datetime | None = None
    p99: datetime | None = None


@dataclass(frozen=True)
class Slot:
    """A model of the account, into which submissions go. One with an uploaded pickle takes none. `latest` are its last
    submissions, one for each round that has one.
    """

    id: str
    name: str
    has_pickle: bool = False
    latest: tuple["LatestSubmission", ...] = ()


@dataclass(frozen=True)
class LatestSubmission:
    """The last submission of a slot for a round."""

    round: int
    status: str
    file_name: str


@dataclass(frozen=True)
class Submission:
    """A submission as it is read back: its status (`on-time`, `late`, `queued`, `pending`, `none`), whether it is the
    one that counts, what is wrong with it (empty: nothing), and the round that it went to (None: not known yet).
    """

    id: str
    status: str
    selected: bool = False
    error: str = ""
    file_name: str = ""
    round: int | None = None
