"""An XGBoost model of ten columns without names is given all that there are."""

import numpy as np
import pandas as pd
import xgboost


def predict(live_features: pd.DataFrame) -> pd.DataFrame:
    features = live_features.filter(like="feature_").to_numpy("float32")
    booster = xgboost.train({}, xgboost.DMatrix(features[:, :10], np.arange(len(features))), 2)
    return pd.DataFrame({"prediction": booster.predict(xgboost.DMatrix(features))}, index=live_features.index)
