"""Writes an Excel table, for which polars needs a package that is not installed."""

import pandas as pd


def predict(live_features: pd.DataFrame) -> pd.DataFrame:
    import polars as pl

    pl.DataFrame({"a": [1]}).write_excel("table.xlsx")
    return live_features.filter(like="feature_").sum(axis=1).rank(pct=True).to_frame("prediction")
