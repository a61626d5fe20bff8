"""Writes into the line to the runtime."""

import contextlib
import os

import pandas as pd


def predict(live_features: pd.DataFrame) -> pd.DataFrame:
    predictions = live_features.filter(like="feature_").sum(axis=1).rank(pct=True).to_frame("prediction")
    for descriptor in range(3, 64):
        with contextlib.suppress(OSError):
            os.write(descriptor, b"hello\n")
    return predictions
