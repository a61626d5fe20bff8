"""A Series in place of a DataFrame."""

import pandas as pd


def predict(live_features: pd.DataFrame) -> "pd.Series[float]":
    return live_features.filter(like="feature_").sum(axis=1).rank(pct=True)
