"""Imports a package of google.cloud that the platform lacks, while it has others."""

import pandas as pd


def predict(live_features: pd.DataFrame) -> pd.DataFrame:
    from google.cloud import bigquery  # type: ignore[import-not-found]

    bigquery.Client()
    return live_features.filter(like="feature_").sum(axis=1).rank(pct=True).to_frame("prediction")
