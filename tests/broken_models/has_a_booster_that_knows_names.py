"""An XGBoost model that knows its features by name is given an array of them."""

import numpy as np
import pandas as pd
import xgboost


def predict(live_features: pd.DataFrame) -> pd.DataFrame:
    features = live_features.filter(like="feature_").astype("float32")
    booster = xgboost.train({}, xgboost.DMatrix(features, np.arange(len(features))), 2)
    values = booster.predict(xgboost.DMatrix(features.to_numpy()))
    return pd.DataFrame({"prediction": values}, index=live_features.index)
