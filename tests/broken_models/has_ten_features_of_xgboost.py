"""An XGBoost model that knows its ten features by name is given all that there are."""

import numpy as np
import pandas as pd
import xgboost


def predict(live_features: pd.DataFrame) -> pd.DataFrame:
    features = live_features.filter(like="feature_").astype("float32")
    model = xgboost.XGBRegressor(n_estimators=2).fit(features.iloc[:, :10], np.arange(len(features)))
    return pd.DataFrame({"prediction": model.predict(features)}, index=live_features.index)
