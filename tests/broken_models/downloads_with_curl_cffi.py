"""A client in native code."""

import pandas as pd


def predict(live_features: pd.DataFrame) -> pd.DataFrame:
    from curl_cffi import requests

    return live_features.iloc[:, :1] * requests.get("https://example.com/weights.json", timeout=20).json()["a"]
