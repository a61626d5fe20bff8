"""Two parameters, of which the second can only be given by its name: the platform's call does not fit."""

import pandas as pd


def predict(live_features: pd.DataFrame, *, clip: bool = True) -> pd.DataFrame:
    assert clip is True
    return live_features.filter(like="feature_").sum(axis=1).rank(pct=True).to_frame("prediction")
