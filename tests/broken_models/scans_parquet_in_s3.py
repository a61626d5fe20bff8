"""polars asks the cloud for keys, in native code."""

import pandas as pd


def predict(live_features: pd.DataFrame) -> pd.DataFrame:
    import polars

    weights = polars.scan_parquet("s3://weights/weights.parquet", storage_options={"aws_region": "us-east-1"})
    return live_features.iloc[:, :1] * len(weights.collect())
