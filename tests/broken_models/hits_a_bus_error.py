"""Reads a file through memory after its end was cut off."""

import mmap
import tempfile

import pandas as pd


def predict(live_features: pd.DataFrame) -> pd.DataFrame:
    with tempfile.TemporaryFile() as file:
        file.truncate(mmap.PAGESIZE)
        page = mmap.mmap(file.fileno(), mmap.PAGESIZE)
        file.truncate(0)
        return pd.DataFrame({"prediction": [page[0]]})
