"""Its own function returns None if a download fails, and the rest of it takes that for the weights."""

from typing import Any

import pandas as pd
import requests


def download() -> Any:
    try:
        return requests.get("https://example.com/weights.json").json()
    except requests.RequestException:
        return None


def predict(live_features: pd.DataFrame) -> pd.DataFrame:
    return live_features.iloc[:, :1] * download()["a"]
