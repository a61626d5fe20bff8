"""The failing line lies below predict."""

import pandas as pd


def helper(live_features: pd.DataFrame) -> pd.DataFrame:
    return live_features.loc[1 / 0]


def predict(live_features: pd.DataFrame) -> pd.DataFrame:
    return helper(live_features)
