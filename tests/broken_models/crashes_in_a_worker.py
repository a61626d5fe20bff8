"""A native crash in a worker process."""

import ctypes
import multiprocessing
from concurrent.futures import ProcessPoolExecutor

import pandas as pd


def predict(live_features: pd.DataFrame) -> pd.DataFrame:
    with ProcessPoolExecutor(2, mp_context=multiprocessing.get_context("fork")) as pool:
        values = list(pool.map(ctypes.string_at, [0, 0]))
    return pd.DataFrame({"prediction": values}, index=live_features.index)
