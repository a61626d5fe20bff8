"""A key that its own dictionary lacks; nothing to do with the data."""

import pandas as pd


def predict(live_features: pd.DataFrame) -> pd.DataFrame:
    return {"lgbm_v1": live_features}["lgbm_v2"]
