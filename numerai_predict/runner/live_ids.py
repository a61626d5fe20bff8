"""The ids of the live features, as the model's process reported them before any line of the model had run."""

import csv
import io
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

from numerai_predict.child import Shape


@dataclass(frozen=True)
class LiveIds:
    """The ids of the live features, as `csv`: a line a row, as in the CSV of predictions with them as index. If they
    `are_a_column`, the index of the live features holds none.
    """

    shape: Shape
    csv: bytes
    are_a_column: bool = False

    @cached_property
    def is_plain(self) -> bool:
        """Whether each line is an id, as it is."""
        return not any(character in self.csv for character in b',"\r\0')

    @cached_property
    def are_unique(self) -> bool:
        """Whether none occurs twice."""
        ids = self.csv.splitlines()
        return len(set(ids)) == len(ids)

    def __iter__(self) -> Iterator[str]:
        """Each id, once for each row; an index of several levels holds no ids that predictions could have."""
        # Only NUL keeps Python 3.10 from reading on.
        text = io.StringIO(self.csv.decode().replace("\0", ""), newline="")
        for record in csv.reader(text):
            yield record[0] if len(record) == 1 else str(tuple(record))
