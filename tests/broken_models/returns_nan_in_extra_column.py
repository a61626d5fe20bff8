"""The predictions are whole, a column beside them is not."""

import numpy as np
import pandas as pd


def predict(live_features: pd.DataFrame) -> pd.DataFrame:
    predictions = live_features.filter(like="feature_").sum(axis=1).rank(pct=True).to_frame("prediction")
    return predictions.assign(confidence=[np.nan] * 9 + [0.5] * (len(predictions) - 9))
