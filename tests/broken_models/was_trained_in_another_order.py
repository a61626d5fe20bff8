"""The features that an estimator of scikit-learn was trained on, in another order."""

import pandas as pd
from sklearn.linear_model import LinearRegression  # type: ignore[import-untyped]


def predict(live_features: pd.DataFrame) -> pd.DataFrame:
    features = live_features.filter(like="feature_").fillna(2)
    estimator = LinearRegression().fit(features[features.columns[::-1]], range(len(features)))
    return pd.DataFrame({"prediction": estimator.predict(features)}, index=live_features.index)
