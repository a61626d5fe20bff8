"""How long whoever watches a program may look away: so that what it can do meanwhile does not matter."""

SHORTEST_SECONDS = 0.005
LONGEST_SECONDS = 0.2
# Of what several processes hold together, or of shared memory, the kernel remembers no peak: who looks away misses it.
TOGETHER_SECONDS = 0.05
MOVING_SECONDS = 0.02
# Of the most that was seen so far: what changes by less from one look to the next does not move.
STILL_SHARE = 0.1
# Faster than one CPU fills new pages, and than many do that wait for each other.
BYTES_PER_CPU_SECOND = 4 << 30
MOST_CPUS = 8


class Pace:
    """Says after each look at a program's memory how many seconds later the next is due.

    `limit_bytes` is the most that it may hold (None: no limit), `cpus` how many CPUs it has to get there.
    """

    def __init__(self, limit_bytes: int | None, cpus: int) -> None:
        self._limit_bytes = limit_bytes
        self._bytes_per_second = BYTES_PER_CPU_SECOND * min(cpus, MOST_CPUS)
        self._held_bytes = self._most_bytes = 0

    def seconds(self, held_bytes: int, together: bool) -> float:
        """Until the next look, if it holds so much now, `together` if in several processes or in shared memory."""
        self._most_bytes = max(self._most_bytes, held_bytes)
        moves = abs(held_bytes - self._held_bytes) > STILL_SHARE * self._most_bytes
        self._held_bytes = held_bytes
        pause = LONGEST_SECONDS if not together else MOVING_SECONDS if moves else TOGETHER_SECONDS
        if self._limit_bytes is None:
            return pause
        return min(pause, max(SHORTEST_SECONDS, (self._limit_bytes - held_bytes) / self._bytes_per_second))
