"""Which models a round has, and when: manifest.jsonl and round.json."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from numerai_predict.platform_limits import MEMORY_LIMIT, TIME_LIMIT_S

MANIFEST = "manifest.jsonl"
ROUND = "round.json"


@dataclass(frozen=True)
class Row:
    """A model of the round: `model` is a key of the store, an absolute path or an http(s) URL; `python` the version
    that wrote the pickle ("3.11"; None: any worker may run it); `cpu_s` the CPU seconds that it used in the last
    round (None: unknown). Limits as in RunRequest.
    """

    id: str
    model: str
    python: str | None = None
    sha256: str | None = None
    post_url: str | None = None
    post_data: Mapping[str, str] | None = None
    time_limit: float = TIME_LIMIT_S
    memory_limit: int = MEMORY_LIMIT
    cpu_s: float | None = None


@dataclass(frozen=True)
class Schedule:
    """What round.json says: the round's number, when it opened, and until when predictions count (None: unknown)."""

    number: int | None = None
    opening: datetime | None = None
    deadline: datetime | None = None
