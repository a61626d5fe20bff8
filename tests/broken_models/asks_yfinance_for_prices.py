"""A client in native code that prints what went wrong, and returns an empty table."""

import pandas as pd


def predict(live_features: pd.DataFrame) -> pd.DataFrame:
    import yfinance

    return live_features.iloc[:, :1] * yfinance.download("SPY", period="5d").iloc[-1, 0]
