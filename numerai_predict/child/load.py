"""Loads the model and reads the live data, in the model's process."""

import pickle
from typing import TYPE_CHECKING, Any, BinaryIO

from numerai_predict.child.parquet import read_parquet
from numerai_predict.faults import Code, Fault
from numerai_predict.inspection import open_pickle

if TYPE_CHECKING:
    import pandas as pd

ID = "id"
# A round's take a hundred kB.
MAX_IDS_BYTES = 32 << 20


def load_model(file: BinaryIO, name: str) -> Any:
    """What the pickle holds, read as pandas.read_pickle reads it (compressed ones by the suffix of `name`), but once.

    pandas tries again, in pure Python, after most errors: that runs the pickle's side effects twice and takes three
    times the memory. So it only gets to try where its compatibility with old pandas pickles can help.
    """
    import pandas as pd

    with open_pickle(file, name) as stream:
        try:
            return pickle.load(stream)
        except (AttributeError, ImportError, TypeError, UnicodeDecodeError) as error:
            if not _may_be_of_old_pandas(error):
                raise
    file.seek(0)
    with open_pickle(file, name) as stream:
        return pd.read_pickle(stream, compression=None)


def _may_be_of_old_pandas(error: Exception) -> bool:
    said = str(error)
    if isinstance(error, ImportError):
        return (error.name or "").partition(".")[0] == "pandas"
    is_of_script = "'__main__'" in said  # Where a name like pandas_mean is the user's own.
    return isinstance(error, UnicodeDecodeError) or (not is_of_script and ("pandas" in said or "__new__" in said))


def read_data(file: BinaryIO, name: str) -> "pd.DataFrame":
    """The live features or benchmark models in a parquet file of that name. Raises Fault if it cannot be read."""
    try:
        data = read_parquet(file)
    except Exception as error:
        raise Fault(Code.UNREADABLE_DATASET, f"{name} cannot be read as parquet: {str(error).rstrip('.')}.") from error
    if data.empty:
        raise Fault(Code.UNREADABLE_DATASET, f"{name} has no rows.")
    return data


def ids_are_a_column(data: "pd.DataFrame") -> bool:
    """Whether the ids of live data are a column, as in files that polars wrote; Numerai's have them as index."""
    return ID in data.columns and ID not in data.index.names


def ids_of(data: "pd.DataFrame") -> "pd.Index":
    """The ids of live data, wherever they are."""
    import pandas as pd

    return pd.Index(data[ID], copy=True) if ids_are_a_column(data) else data.index


def index_as_csv(index: "pd.Index") -> bytes:
    """The ids of the live data, as the CSV of predictions with the same index has them. Raises Fault for more of them
    than the runtime takes.
    """
    from numerai_predict.child.frame_csv import index_lines

    ids = index_lines(index).encode(errors="backslashreplace")
    if len(ids) > MAX_IDS_BYTES:
        message = f"The live features have ids of {len(ids):,} bytes; {MAX_IDS_BYTES:,} are allowed."
        raise Fault(Code.UNREADABLE_DATASET, message)
    return ids
