"""Times in place of numbers."""

import pandas as pd


def predict(live_features: pd.DataFrame) -> pd.DataFrame:
    return pd.DataFrame({"prediction": pd.Timestamp("2026-01-01")}, index=live_features.index)
