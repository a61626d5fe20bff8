"""A list of numbers."""

import pandas as pd


def predict(live_features: pd.DataFrame) -> list[float]:
    return [0.5] * len(live_features)
