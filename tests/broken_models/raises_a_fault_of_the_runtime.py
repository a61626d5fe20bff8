"""Raises what the runtime itself raises when the live data cannot be read."""

import sys

import pandas as pd


def predict(live_features: pd.DataFrame) -> pd.DataFrame:
    faults = sys.modules["numerai_predict.faults"]
    raise faults.Fault(faults.Code.UNREADABLE_DATASET, f"The {len(live_features)} rows are cut off.")
