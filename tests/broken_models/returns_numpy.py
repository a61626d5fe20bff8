"""An array, as scikit-learn's predict returns it."""

import numpy as np
import pandas as pd


def predict(live_features: pd.DataFrame) -> "np.typing.NDArray[np.float64]":
    return live_features.filter(like="feature_").to_numpy().mean(axis=1) / 4
