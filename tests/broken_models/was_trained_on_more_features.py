"""A linear model of a larger data version, without names of columns."""

import numpy as np
import pandas as pd
from sklearn.linear_model import Ridge  # type: ignore[import-untyped]


def predict(live_features: pd.DataFrame) -> pd.DataFrame:
    estimator = Ridge().fit(np.eye(60), np.arange(60))
    values = estimator.predict(live_features.filter(like="feature_").to_numpy())
    return pd.DataFrame({"prediction": values}, index=live_features.index)
