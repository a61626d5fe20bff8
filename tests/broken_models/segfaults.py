"""A native crash."""

import ctypes

import pandas as pd


def predict(live_features: pd.DataFrame) -> pd.DataFrame:
    return pd.DataFrame({"prediction": [ctypes.string_at(0)]})
