"""DataFrames as CSV: what `DataFrame.to_csv` writes, byte for byte, and sooner for what predictions usually are."""

from collections.abc import Iterator
from typing import Any

import numpy as np
import pandas as pd

# What csv.writer quotes a field for, and NUL, which not every version of it writes.
SPECIAL = '",\r\n\0'
# The texts of so many numbers are in memory at a time.
ROWS_AT_A_TIME = 20_000


def frame_as_csv(frame: pd.DataFrame) -> str:
    """What `frame.to_csv()` returns. A single column of floats under ids that are text is written from its arrays."""
    ids, numbers = _plain_ids(frame.index), _plain_numbers(frame)
    if ids is None or numbers is None:
        return str(frame.to_csv())
    return header_as_csv(frame) + "".join(_parts(ids, numbers))


def header_as_csv(frame: pd.DataFrame) -> str:
    """What the CSV of the frame begins with: its names."""
    return str(frame.iloc[:0].to_csv())


def index_lines(index: pd.Index) -> str:
    """The index, as the CSV of a frame without columns has it below its names."""
    ids = _plain_ids(index)
    if ids is None or "" in ids:  # An empty text is quoted where it is all that a line has.
        return str(pd.DataFrame(index=index).to_csv(header=False))
    return "".join(f"{name}\n" for name in ids)


def _plain_ids(index: pd.Index) -> list[str] | None:
    """The values of the index, if they are text that a CSV holds as it is."""
    ids: list[str] = index.tolist()
    if set(map(type, ids)) != {str}:
        return None
    text = "".join(ids)
    return None if any(character in text for character in SPECIAL) else ids


def _plain_numbers(frame: pd.DataFrame) -> "np.ndarray[Any, np.dtype[Any]] | None":
    """The values of the only column, if they are floats of NumPy's and none is NaN, for which a CSV has no text."""
    if len(frame.columns) != 1:
        return None
    column = frame.iloc[:, 0]
    if not isinstance(column.dtype, np.dtype) or column.dtype.kind != "f":
        return None
    numbers = column.to_numpy()
    return None if np.isnan(numbers).any() else numbers


def _parts(ids: list[str], numbers: "np.ndarray[Any, np.dtype[Any]]") -> Iterator[str]:
    for begin in range(0, len(ids), ROWS_AT_A_TIME):
        rows = slice(begin, begin + ROWS_AT_A_TIME)
        # pandas, too, has NumPy make their texts, which depend on the type.
        texts = numbers[rows].astype(str).tolist()
        yield "".join(f"{name},{text}\n" for name, text in zip(ids[rows], texts, strict=True))
