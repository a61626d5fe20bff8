"""A mistake of its own, in which the word CategoricalDtype comes up."""

import numpy as np
import pandas as pd


def predict(live_features: pd.DataFrame) -> pd.DataFrame:
    if np.issubdtype(live_features["era"].astype("category").dtype, np.number):
        return live_features
    return live_features
