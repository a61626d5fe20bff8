"""A linear model of NumPy with ten weights."""

import numpy as np
import pandas as pd


def predict(live_features: pd.DataFrame) -> pd.DataFrame:
    values = live_features.filter(like="feature_").to_numpy() @ np.ones(10)
    return pd.DataFrame({"prediction": values}, index=live_features.index)
