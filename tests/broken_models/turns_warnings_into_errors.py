"""A filter that the user's notebook had."""

import warnings

import pandas as pd


def predict(live_features: pd.DataFrame) -> pd.DataFrame:
    predictions = live_features.filter(like="feature_").sum(axis=1).rank(pct=True).to_frame("prediction")
    warnings.simplefilter("error")
    return predictions
