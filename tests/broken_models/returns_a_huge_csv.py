"""Predictions with so much text beside them that nobody would take the CSV."""

import pandas as pd


def predict(live_features: pd.DataFrame) -> pd.DataFrame:
    predictions = live_features.filter(like="feature_").sum(axis=1).rank(pct=True).to_frame("prediction")
    return predictions.assign(notes="x" * 120_000)
