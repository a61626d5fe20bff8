"""Which of the live ids the predictions have: counted from their CSV while it is read."""

from collections.abc import Iterable

from numerai_predict.runner.live_ids import LiveIds


class IdCounts:
    """How often each live id occurs, and what occurs besides; needs memory for the live ids only. `are_a_column` says
    that those are a column of the live features, and not their index.
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
        self._counts = dict.fromkeys(live, 0)

    def take(self, ids: Iterable[str]) -> None:
        """Count these ids, those of the next rows."""
        counts = self._counts
        for name in ids:
            if not self.rows:
                self.first = name
            self.rows += 1
            if name in counts:
                counts[name] += 1
                if counts[name] == 2 and not self.first_repeated:
                    self.first_repeated = name
            else:
                self._take_unknown(name)

    @property
    def missing(self) -> list[str]:
        """The live ids that have not occurred, in their order."""
        return [name for name, count in self._counts.items() if not count]

    @property
    def of_round(self) -> int:
        """How many rows have a live id."""
        return self.rows - self.unknown

    @property
    def repeated(self) -> int:
        """How many live ids have occurred more than once."""
        return sum(count > 1 for count in self._counts.values())

    def _take_unknown(self, name: str) -> None:
        if not self.unknown:
            self.first_unknown = name
        self.unknown += 1
        self.unnamed += not name  # NaN, which a CSV has no text for.
