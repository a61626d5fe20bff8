"""How long whoever watches a program may look away: long while little changes, and never so long that it goes far."""

# The memory of a program that moves, or is close to the limit.
MOVING_SECONDS = 0.02
SHORTEST_SECONDS = 0.005
LONGEST_SECONDS = 0.2
# Of what several processes hold together, or of shared memory, the kernel remembers no peak: who looks away misses it.
LONGEST_TOGETHER_SECONDS = 0.05
# Of the most seen so far: from one look to the next, less is no change.
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
        self._still_seconds = MOVING_SECONDS

    def seconds(self, held_bytes: int, together: bool) -> float:
        """Until the next look, if it holds so much now, `together` if in several processes or in shared memory."""
        self._most_bytes = max(self._most_bytes, held_bytes)
        moved = abs(held_bytes - self._held_bytes) > STILL_SHARE * self._most_bytes
        self._held_bytes = held_bytes
        longest = LONGEST_TOGETHER_SECONDS if together else LONGEST_SECONDS
        self._still_seconds = MOVING_SECONDS if moved else min(2 * self._still_seconds, longest)
        if self._limit_bytes is None:
            return self._still_seconds
        to_limit = (self._limit_bytes - held_bytes) / self._bytes_per_second
        return max(SHORTEST_SECONDS, min(self._still_seconds, to_limit))
