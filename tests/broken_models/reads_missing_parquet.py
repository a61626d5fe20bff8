"""Training data of the user's machine."""

import pandas as pd


def predict(live_features: pd.DataFrame) -> pd.DataFrame:
    return pd.read_parquet("train.parquet").reindex(live_features.index)
