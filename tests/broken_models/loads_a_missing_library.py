"""A binding whose shared library is not installed."""

import ctypes
from typing import NoReturn

import pandas as pd


def predict(live_features: pd.DataFrame) -> NoReturn:
    ctypes.CDLL("libta_lib.so.0")
    raise AssertionError("it is installed")
