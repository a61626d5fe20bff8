"""pandas opens URLs as well as files."""

import pandas as pd


def predict(live_features: pd.DataFrame) -> pd.DataFrame:
    return live_features.iloc[:, :1] * len(pd.read_csv("https://example.com/weights.csv"))
