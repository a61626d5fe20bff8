"""A LightGBM model meets more features than it was trained on."""

import lightgbm as lgb
import numpy as np
import pandas as pd


def predict(live_features: pd.DataFrame) -> pd.DataFrame:
    booster = lgb.train({"verbose": -1}, lgb.Dataset(np.eye(40), np.arange(40)), 2)
    values = booster.predict(live_features.filter(like="feature_").to_numpy())
    return pd.DataFrame({"prediction": values}, index=live_features.index)
