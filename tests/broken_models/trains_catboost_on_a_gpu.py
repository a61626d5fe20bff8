"""A CatBoost model that is trained on a GPU, which neither the platform nor the image has."""

import catboost
import numpy as np
import pandas as pd


def predict(live_features: pd.DataFrame) -> pd.DataFrame:
    features = live_features.filter(like="feature_").astype("float32")
    model = catboost.CatBoostRegressor(iterations=2, task_type="GPU", verbose=0, allow_writing_files=False)
    model.fit(features, np.arange(len(features)))
    return pd.DataFrame({"prediction": model.predict(features)}, index=live_features.index)
