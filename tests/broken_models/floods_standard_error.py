"""Fills the log from another thread's point of view: no line ever ends."""

import sys

import pandas as pd


def predict(live_features: pd.DataFrame) -> pd.DataFrame:
    predictions = live_features.filter(like="feature_").sum(axis=1).rank(pct=True).to_frame("prediction")
    sys.stderr.write("x" * (4 << 20))
    return predictions
