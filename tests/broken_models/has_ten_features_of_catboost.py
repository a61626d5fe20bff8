"""A CatBoost model finds its ten features by name among all that there are, in another order."""

import catboost
import numpy as np
import pandas as pd


def predict(live_features: pd.DataFrame) -> pd.DataFrame:
    features = live_features.filter(like="feature_").astype("float32")
    model = catboost.CatBoostRegressor(iterations=2, verbose=0, allow_writing_files=False)
    model.fit(features.iloc[:, :10], np.arange(len(features)))
    values = model.predict(features[features.columns[::-1]])
    assert (values == model.predict(features.iloc[:, :10])).all()
    return pd.DataFrame({"prediction": values}, index=live_features.index).rank(pct=True)
