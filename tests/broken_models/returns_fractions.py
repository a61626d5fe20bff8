"""Fractions of integers, which are numbers from 0 to 1 but not when they are read from a CSV."""

from fractions import Fraction

import pandas as pd


def predict(live_features: pd.DataFrame) -> pd.DataFrame:
    ranks = live_features.filter(like="feature_").sum(axis=1).rank(method="first")
    values = [Fraction(int(rank), len(ranks)) for rank in ranks]
    return pd.DataFrame({"prediction": values}, index=live_features.index)
