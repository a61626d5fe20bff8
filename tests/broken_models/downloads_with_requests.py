"""Downloads something with requests."""

import pandas as pd


def predict(live_features: pd.DataFrame) -> pd.DataFrame:
    import requests

    requests.get("https://numer.ai/weights.bin", timeout=10).raise_for_status()
    return live_features
