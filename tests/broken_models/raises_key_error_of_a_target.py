"""A model for each target in a dictionary, and a target that is not among them."""

import pandas as pd


def predict(live_features: pd.DataFrame) -> pd.DataFrame:
    weight = {"target_teager2b_20": 1.0}["target_ender_20"]
    return (weight * live_features.filter(like="feature_")).mean(axis=1).to_frame("prediction")
