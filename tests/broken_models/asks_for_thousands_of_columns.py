"""So many missing features that nobody would read their names."""

import pandas as pd


def predict(live_features: pd.DataFrame) -> pd.DataFrame:
    return live_features[[f"feature_of_another_version_{number}" for number in range(2000)]]
