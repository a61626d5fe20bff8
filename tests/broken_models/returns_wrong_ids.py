"""The ids of another round."""

import pandas as pd


def predict(live_features: pd.DataFrame) -> pd.DataFrame:
    predictions = live_features.filter(like="feature_").sum(axis=1).rank(pct=True).to_frame("prediction")
    predictions.index = pd.Index([f"old{number:012}" for number in range(len(predictions))], name="id")
    return predictions
