"""A second argument that is no data, with a default: it gets the benchmark models."""

import pandas as pd


def predict(live_features: pd.DataFrame, clip: bool = True) -> pd.DataFrame:
    predictions = live_features.filter(like="feature_").sum(axis=1).rank(pct=True).to_frame("prediction")
    if clip:
        predictions = predictions.clip(0.1, 0.9)
    return predictions
