"""Closes file descriptors 0, 1 and 2."""

import os

import pandas as pd


def predict(live_features: pd.DataFrame) -> pd.DataFrame:
    predictions = live_features.filter(like="feature_").sum(axis=1).rank(pct=True).to_frame("prediction")
    for descriptor in range(3):
        os.close(descriptor)
    return predictions
