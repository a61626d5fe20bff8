"""The same number for every id."""

import pandas as pd


def predict(live_features: pd.DataFrame) -> pd.DataFrame:
    return pd.DataFrame({"prediction": 0.5}, index=live_features.index)
