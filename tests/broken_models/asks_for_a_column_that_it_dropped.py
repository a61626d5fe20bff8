"""A column that the live data has, and that the model has left out itself."""

import pandas as pd


def predict(live_features: pd.DataFrame) -> pd.DataFrame:
    features = live_features.filter(like="feature_")
    return features.groupby("era").rank(pct=True).iloc[:, :1]
