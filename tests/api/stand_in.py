"""A stand-in of Numerai's API and storage on loopback: it opens and closes rounds by a clock of its own, fails in every
way that the real one was seen to, and checks what it is sent.

The schema is that of schema.graphql; queries are parsed and validated by graphql-core, so that a field that does not
exist is an error here as there.
"""

import hashlib
import io
import json
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta

from tests.api.stand_in_csv import live_ids
from tests.api.stand_in_server import serving
from tests.api.stand_in_state import (
    ALL_SCOPES,
    HOUR,
    Asked,
    Diagnosed,
    Failure,
    NumeraiStandIn,
    Sent,
    StandInClock,
    StandInRound,
    StandInSlot,
)

__all__ = [
    "ALL_SCOPES",
    "HOUR",
    "Asked",
    "ClockOverHttp",
    "Diagnosed",
    "Failure",
    "NumeraiStandIn",
    "Sent",
    "StandInClock",
    "StandInRound",
    "StandInSlot",
    "live_ids",
    "standing_in",
    "week",
]


class ClockOverHttp:
    """The clock of a stand-in in another process (GET and POST URL/clock); a numerai_predict.tournament.clock.Clock."""

    def __init__(self, url: str) -> None:
        self._url = f"{url}/clock"
        self._opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))

    def now(self) -> datetime:
        """The time, in UTC."""
        return self._ask(None)

    def set(self, time: datetime) -> None:
        """Set the stand-in's clock."""
        self._ask({"set": time.isoformat()})

    def sleep(self, seconds: float) -> None:
        """Move the stand-in's clock."""
        self._ask({"sleep": seconds})

    def _ask(self, wish: dict[str, object] | None) -> datetime:
        body = None if wish is None else json.dumps(wish).encode()
        with self._opener.open(self._url, body, timeout=10) as answer:
            return datetime.fromisoformat(json.load(answer)["now"])


@contextmanager
def standing_in(port: int = 0) -> Iterator[NumeraiStandIn]:
    """Serve on loopback. Nothing but 127.0.0.1 reaches it."""
    stand_in = NumeraiStandIn()
    with serving(stand_in, port):
        yield stand_in


def week(start: datetime, live: bytes, benchmarks: bytes, first: int = 1340) -> list[StandInRound]:
    """The rounds of a week whose Monday is `start`: Tuesday to Friday from 12:00 to 13:00 UTC, Saturday from 12:00 to
    Sunday 14:00, each with live data of its own (the ids differ; features as in `live`).
    """
    monday = start.replace(hour=0, minute=0, second=0, microsecond=0)
    return [
        _round(
            first + day, monday + timedelta(days=1 + day, hours=12), live, benchmarks, HOUR if day < 4 else 26 * HOUR
        )
        for day in range(5)
    ]


def _round(number: int, opening: datetime, live: bytes, benchmarks: bytes, length: timedelta) -> StandInRound:
    return StandInRound(
        number=number,
        opening=opening,
        deadline=opening + length,
        live=_with_ids_of(number, live),
        benchmarks=_with_ids_of(number, benchmarks),
        p90=opening,
        p99=opening + HOUR / 3,
        datestamp=int(f"{opening:%Y%m%d}"),
    )


def _with_ids_of(number: int, parquet: bytes) -> bytes:
    """The same data under ids of that round."""
    import pandas as pd

    frame = pd.read_parquet(io.BytesIO(parquet))
    new = [f"n{hashlib.sha256(f'{number} {one}'.encode()).hexdigest()[:15]}" for one in frame.index]
    frame.index = pd.Index(new, name=frame.index.name)
    target = io.BytesIO()
    frame.to_parquet(target)
    return target.getvalue()
