"""The time of day and the pauses of a morning, which tests make pass faster."""

import time
from datetime import datetime, timezone
from typing import Protocol


class Clock(Protocol):
    """What a morning goes by."""

    def now(self) -> datetime:
        """The time, in UTC."""

    def sleep(self, seconds: float) -> None:
        """Wait."""


class SystemClock:
    """The clock of this machine."""

    def now(self) -> datetime:
        """The time, in UTC."""
        return datetime.now(timezone.utc)

    def sleep(self, seconds: float) -> None:
        """Wait."""
        time.sleep(seconds)
