"""How much time a round has left."""

import math
import time
from collections.abc import Callable
from datetime import datetime


def boot_time() -> float:
    """Seconds on a clock that nobody sets and that does not stop while the machine sleeps, where there is one."""
    return time.clock_gettime(time.CLOCK_BOOTTIME) if hasattr(time, "CLOCK_BOOTTIME") else time.monotonic()


class Deadline:
    """Until when predictions count (None: for ever). The wall clock is read once, now; what it is set to later changes
    nothing. `now` is a clock that nobody sets.
    """

    def __init__(
        self, at: datetime | None, now: Callable[[], float] = boot_time, wall: Callable[[], float] = time.time
    ) -> None:
        self._now = now
        self._end = math.inf if at is None else now() + (at.timestamp() - wall())

    @property
    def left_s(self) -> float:
        """Seconds until then, negative after it."""
        return self._end - self._now()
