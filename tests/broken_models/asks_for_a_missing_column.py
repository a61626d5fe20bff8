"""One feature of another data version."""

import pandas as pd


def predict(live_features: pd.DataFrame) -> pd.DataFrame:
    return live_features["feature_a"].to_frame("prediction")
