"""Goes to a folder and deletes it."""

import os
import tempfile

import pandas as pd


def predict(live_features: pd.DataFrame) -> pd.DataFrame:
    predictions = live_features.filter(like="feature_").sum(axis=1).rank(pct=True).to_frame("prediction")
    os.chdir(tempfile.mkdtemp())
    os.rmdir(os.getcwd())
    return predictions
