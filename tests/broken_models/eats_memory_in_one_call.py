"""Gigabytes in one allocation, all of them used."""

import numpy as np
import pandas as pd


def predict(live_features: pd.DataFrame) -> pd.DataFrame:
    return pd.DataFrame({"prediction": np.ones(1 << 31)})
