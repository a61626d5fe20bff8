"""A download that fails, and a file to read in that case, which is not there either."""

import pandas as pd
import requests


def predict(live_features: pd.DataFrame) -> pd.DataFrame:
    try:
        weights = requests.get("https://example.com/weights.json").json()
    except requests.RequestException:
        weights = pd.read_json("weights.json")
    return live_features.iloc[:, :1] * len(weights)
