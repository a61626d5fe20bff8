"""The ids, which are the index of the data and no column."""

import pandas as pd


def predict(live_features: pd.DataFrame) -> pd.DataFrame:
    return live_features[["id", "era"]]
