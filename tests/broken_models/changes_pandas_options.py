"""Options that change what counts as missing and what strings are."""

import pandas as pd


def predict(live_features: pd.DataFrame) -> pd.DataFrame:
    pd.set_option("future.infer_string", False)
    pd.set_option("mode.copy_on_write", True)
    pd.set_option("display.max_rows", 1)
    predictions = live_features.filter(like="feature_").sum(axis=1).rank(pct=True).to_frame("prediction")
    return predictions
