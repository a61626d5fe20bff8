"""A CatBoost model of another data version, which has a feature more."""

import catboost
import numpy as np
import pandas as pd


def predict(live_features: pd.DataFrame) -> pd.DataFrame:
    features = live_features.filter(like="feature_").astype("float32")
    model = catboost.CatBoostRegressor(iterations=2, verbose=0, allow_writing_files=False)
    model.fit(features.assign(feature_a=range(len(features))), np.arange(len(features)))
    return pd.DataFrame({"prediction": model.predict(features)}, index=live_features.index)
