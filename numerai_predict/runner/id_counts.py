"""Which of the live ids the predictions have: counted from their CSV while it is read."""

from collections.abc import Iterable
from functools import cached_property

from numerai_predict.runner.live_ids import LiveIds


class IdCounts:
    """How often each live id occurs, and what occurs besides; needs memory for the live ids only. `are_a_column` says
    that those are a column of the live features, and not their index.

    As long as the ids come in the order of the live features, which is how nearly all do, nothing is counted.
    """

    def __init__(self, live: LiveIds) -> None:
        self.live_rows = live.shape.rows
        self.are_a_column = live.are_a_column
        self.rows = 0
        self.first = ""
        self.unnamed = 0
        self.unknown = 0
        self.first_unknown = ""
        self.first_repeated = ""
        self._live = live
        self._seen_bytes = 0
        self._is_in_order = live.is_plain

    def take(self, ids: list[str]) -> None:
        """Count these ids, those of the next rows; none has line breaks."""
        self.first = ids[0] if not self.rows else self.first
        if self._is_in_order and self._are_next(ids):
            self.rows += len(ids)
        else:
            self._count_those_in_order()
            self._count(ids)

    @property
    def missing(self) -> list[str]:
        """The live ids that have not occurred, in their order."""
        if self._is_in_order and self._seen_bytes == len(self._live.csv):
            return []
        self._count_those_in_order()
        return [name for name, count in self._counts.items() if not count]

    @property
    def of_round(self) -> int:
        """How many rows have a live id."""
        return self.rows - self.unknown

    @property
    def repeated(self) -> int:
        """How many live ids have occurred more than once."""
        if self._is_in_order and self._live.are_unique:
            return 0
        self._count_those_in_order()
        return sum(count > 1 for count in self._counts.values())

    @cached_property
    def _counts(self) -> dict[str, int]:
        return dict.fromkeys(self._live, 0)

    def _are_next(self, ids: list[str]) -> bool:
        """Whether they are the live ids that come next; if so, these have been seen."""
        text = "".join(f"{name}\n" for name in ids).encode()
        if not self._live.csv.startswith(text, self._seen_bytes):
            return False
        self._seen_bytes += len(text)
        return True

    def _count_those_in_order(self) -> None:
        """Go on as if they had been counted all the time."""
        if self._is_in_order:
            self._is_in_order = False
            self.rows = 0
            self._count(self._live.csv[: self._seen_bytes].decode().split("\n")[:-1])

    def _count(self, ids: Iterable[str]) -> None:
        counts = self._counts
        for name in ids:
            self.rows += 1
            if name in counts:
                counts[name] += 1
                if counts[name] == 2 and not self.first_repeated:
                    self.first_repeated = name
            else:
                self._take_unknown(name)

    def _take_unknown(self, name: str) -> None:
        if not self.unknown:
            self.first_unknown = name
        self.unknown += 1
        self.unnamed += not name  # NaN, which a CSV has no text for.
