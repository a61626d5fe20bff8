"""Decimals of sixty digits, which the CSV has in full."""

from decimal import Context

import pandas as pd


def predict(live_features: pd.DataFrame) -> pd.DataFrame:
    ranks = live_features.filter(like="feature_").sum(axis=1).rank(method="first")
    values = [Context(60).divide(int(rank), len(ranks) + 1) for rank in ranks]
    return pd.DataFrame({"prediction": values}, index=live_features.index)
