"""A benchmark model of another data version."""

import pandas as pd


def predict(live_features: pd.DataFrame, live_benchmark_models: pd.DataFrame) -> pd.DataFrame:
    return live_benchmark_models["v5_lgbm_cyrus20"].to_frame("prediction")
