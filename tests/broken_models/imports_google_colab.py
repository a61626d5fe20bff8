"""Imports, when it is called, what Google Colab has: a part of the namespace google, which many packages share."""

import pandas as pd


def predict(live_features: pd.DataFrame) -> pd.DataFrame:
    from google.colab import drive  # type: ignore[import-not-found]

    drive.mount("/content/drive")
    return live_features.filter(like="feature_").sum(axis=1).rank(pct=True).to_frame("prediction")
