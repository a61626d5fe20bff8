"""Half of the features that an estimator of scikit-learn was trained on; the live data has them all."""

import pandas as pd
from sklearn.linear_model import LinearRegression  # type: ignore[import-untyped]


def predict(live_features: pd.DataFrame) -> pd.DataFrame:
    features = live_features.filter(like="feature_").fillna(2)
    estimator = LinearRegression().fit(features, range(len(features)))
    return pd.DataFrame({"prediction": estimator.predict(features.iloc[:, :21])}, index=live_features.index)
