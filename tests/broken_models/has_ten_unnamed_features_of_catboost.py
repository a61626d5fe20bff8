"""A CatBoost model that was trained on ten columns takes an array of all, of which it uses the first ten."""

import catboost
import numpy as np
import pandas as pd

FEATURES = np.random.default_rng(1).random((50, 10), dtype="float32")
TRAINED = catboost.CatBoostRegressor(iterations=2, verbose=0, allow_writing_files=False).fit(FEATURES, FEATURES[:, 0])


def predict(live_features: pd.DataFrame) -> pd.DataFrame:
    values = TRAINED.predict(live_features.filter(like="feature_").to_numpy("float32"))
    return pd.DataFrame({"prediction": values}, index=live_features.index).rank(pct=True)
