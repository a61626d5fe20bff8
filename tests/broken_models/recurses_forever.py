"""A function that calls itself."""

import pandas as pd


def predict(live_features: pd.DataFrame) -> pd.DataFrame:
    return predict(live_features)
