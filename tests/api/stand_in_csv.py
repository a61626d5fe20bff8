"""What the platform checks of the CSV of a submission."""

import csv
import io
import math
import statistics
from functools import lru_cache

COLUMNS = (["id", "prediction"], ["id", "probability"])
# Below it a standard deviation is none: what numpy.isclose(0, …) takes for zero, as in numerai_tools.submissions.
NO_DEVIATION = 1e-8


@lru_cache(maxsize=32)
def live_ids(live: bytes) -> frozenset[str]:
    """The ids of live data, a parquet file."""
    import pyarrow.parquet

    return frozenset(pyarrow.parquet.read_table(io.BytesIO(live), columns=["id"])["id"].to_pylist())


def predicted(content: bytes) -> tuple[list[str], list[float]]:
    """The ids and values of a CSV; raises ValueError for one that has no such columns, or no numbers."""
    rows = list(csv.reader(io.StringIO(content.decode())))
    if not rows or rows[0] not in COLUMNS:
        raise ValueError("headers must be one of ['id'] and one of ['prediction', 'probability']")
    if any(len(row) != 2 for row in rows[1:]):
        raise ValueError("a row has not as many values as the header")
    return [row[0] for row in rows[1:]], [float(row[1] or "nan") for row in rows[1:]]


def ids_in(content: bytes) -> set[str]:
    """The ids of a CSV; none if it is no such CSV."""
    try:
        return set(predicted(content)[0])
    except ValueError:
        return set()


def what_is_wrong(content: bytes, ids: frozenset[str]) -> str:
    """Why the platform refuses this CSV as a submission for these ids; empty if it does not."""
    try:
        found, values = predicted(content)
    except ValueError as error:
        return str(error)
    if len(set(found)) < len(found):
        return "Duplicates detected in id for live period."
    if missing := len(ids.difference(found)):
        return f"{missing} ids are missing. Are you using the latest live ids?"
    if unknown := len(set(found) - ids):
        return f"{unknown} ids are not live."
    return _wrong_values(values)


def _wrong_values(values: list[float]) -> str:
    if any(math.isnan(value) for value in values):
        return "submission must not contain NaNs"
    if not all(0 <= value <= 1 for value in values):
        return "values must be between 0 and 1 exclusive"
    if len(values) < 2 or statistics.stdev(values) < NO_DEVIATION:
        return "submission must have non-zero standard deviation"
    return ""


def whole_eras(content: bytes, eras: dict[str, set[str]]) -> tuple[int, str]:
    """How many validation eras the CSV has, and why it is refused (empty if it is not): an era must be whole."""
    ids = ids_in(content)
    begun = {era: members for era, members in eras.items() if members & ids}
    incomplete = sorted(era for era, members in begun.items() if members - ids)
    if incomplete:
        return 0, f"Predictions of these eras are incomplete: {', '.join(incomplete)}"
    return len(begun), "" if begun else "No predictions of validation eras found"
