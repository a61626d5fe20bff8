"""A client that swallows the refused connection, and misses a key of the answer that never came."""

import pandas as pd
from numerapi import NumerAPI


def predict(live_features: pd.DataFrame) -> pd.DataFrame:
    return live_features.iloc[:, :1] * NumerAPI().get_current_round()
