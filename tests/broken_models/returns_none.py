"""The function has no return statement."""

import pandas as pd


def predict(live_features: pd.DataFrame) -> None:
    predictions = live_features.filter(like="feature_").sum(axis=1).rank(pct=True).to_frame("prediction")
    predictions.clip(0.1, 0.9)
