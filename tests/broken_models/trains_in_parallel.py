"""No sin: estimators that compute in threads and in processes."""

import lightgbm
import numpy as np
import pandas as pd
from sklearn.ensemble import RandomForestRegressor  # type: ignore[import-untyped]
from sklearn.linear_model import Ridge  # type: ignore[import-untyped]
from sklearn.model_selection import cross_val_score  # type: ignore[import-untyped]


def predict(live_features: pd.DataFrame) -> pd.DataFrame:
    features = live_features.filter(like="feature_").to_numpy(dtype=np.float32)
    target = features.sum(axis=1)
    forest = RandomForestRegressor(10, max_depth=3, n_jobs=2, random_state=0).fit(features, target)
    trees = lightgbm.LGBMRegressor(n_estimators=10, n_jobs=2, verbose=-1).fit(features, target)
    scores = cross_val_score(Ridge(), features, target, n_jobs=2)
    assert len(scores) == 5
    values = pd.Series(forest.predict(features) + trees.predict(features), index=live_features.index)
    return values.rank(pct=True).to_frame("prediction")
