"""A network of NumPy whose own layers do not fit; nothing to do with the columns of the data."""

import numpy as np
import pandas as pd


def predict(live_features: pd.DataFrame) -> pd.DataFrame:
    values = live_features.filter(like="feature_").to_numpy() @ np.ones((42, 7)) @ np.ones(5)
    return pd.DataFrame({"prediction": values}, index=live_features.index)
