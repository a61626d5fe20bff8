"""The ids of the live features, as the model's process reported them before any line of the model had run."""

import csv
import io
from collections.abc import Iterator
from dataclasses import dataclass

from numerai_predict.child import Shape


@dataclass(frozen=True)
class LiveIds:
    """The ids of the live features, as `csv`: a line a row, as in the CSV of predictions with them as index. If they
    `are_a_column`, the index of the live features holds none.
    """

    shape: Shape
    csv: bytes
    are_a_column: bool = False

    def __iter__(self) -> Iterator[str]:
        """Each id, once for each row; an index of several levels holds no ids that predictions could have."""
        # Only NUL keeps Python 3.10 from reading on.
        text = io.StringIO(self.csv.decode().replace("\0", ""), newline="")
        for record in csv.reader(text):
            yield record[0] if len(record) == 1 else str(tuple(record))
