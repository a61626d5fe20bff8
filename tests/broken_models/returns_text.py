"""Words in place of numbers."""

import pandas as pd


def predict(live_features: pd.DataFrame) -> pd.DataFrame:
    return pd.DataFrame({"prediction": "high"}, index=live_features.index)
