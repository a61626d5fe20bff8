"""A row more than there are live ids."""

import pandas as pd


def predict(live_features: pd.DataFrame) -> pd.DataFrame:
    predictions = live_features.filter(like="feature_").sum(axis=1).rank(pct=True).to_frame("prediction")
    return pd.concat([predictions, pd.DataFrame({"prediction": [0.5]}, index=pd.Index(["other"], name="id"))])
