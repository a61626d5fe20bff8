"""A feature of another data version, of a table that was made of the live data in several steps."""

import pandas as pd


def predict(live_features: pd.DataFrame, live_benchmark_models: pd.DataFrame) -> pd.DataFrame:
    table = live_features.join(live_benchmark_models).assign(mean=0.5).groupby("era").head(100)
    return table.loc[table["mean"] > 0, ["mean", "feature_a"]]
