"""Parquet files as pandas reads them, and sooner where a file needs no scan, as Numerai's do not."""

import contextlib
import json
import warnings
from typing import TYPE_CHECKING, BinaryIO

if TYPE_CHECKING:
    import pandas as pd

# pandas has the file scanned as a data set of one: in batches of so many rows, beside columns of these names.
BATCH_ROWS = 1 << 17
SCAN_COLUMNS = ("__fragment_index", "__batch_index", "__last_in_fragment", "__filename")


def read_parquet(file: BinaryIO) -> "pd.DataFrame":
    """What `pandas.read_parquet(file)` returns or raises."""
    import pandas as pd

    with contextlib.suppress(Exception):  # pandas finds it too, and has its own words for it.
        if (data := _read_at_once(file)) is not None:
            return data
    return pd.read_parquet(file)


def _read_at_once(file: BinaryIO) -> "pd.DataFrame | None":
    """The frame, if it is the same without a scan."""
    import pandas as pd
    import pandas.core.arrays.arrow.extension_types  # Registers the types of periods and intervals.
    from pyarrow.parquet import ParquetFile

    parquet = ParquetFile(file, pre_buffer=True)
    is_one_batch = parquet.metadata.num_row_groups == 1 and parquet.metadata.num_rows <= BATCH_ROWS
    if not is_one_batch or pd.get_option("future.infer_string"):
        return None
    table = parquet.read()
    # A scan refuses names that are not unique.
    if len({*table.column_names, *SCAN_COLUMNS}) < table.num_columns + len(SCAN_COLUMNS):
        return None
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "make_block is deprecated", DeprecationWarning)
        data: pd.DataFrame = table.to_pandas()
    if (attrs := (table.schema.metadata or {}).get(b"PANDAS_ATTRS")) is not None:
        data.attrs = json.loads(attrs)
    return data
