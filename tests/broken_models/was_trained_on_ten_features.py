"""A LightGBM model that knows its ten features by name is given all that there are."""

import lightgbm as lgb
import numpy as np
import pandas as pd


def predict(live_features: pd.DataFrame) -> pd.DataFrame:
    features = live_features.filter(like="feature_")
    booster = lgb.train({"verbose": -1}, lgb.Dataset(features.iloc[:, :10], np.arange(len(features))), 2)
    return pd.DataFrame({"prediction": booster.predict(features)}, index=live_features.index)
