"""A client that looks for keys before it tries the network, and a model has none."""

from typing import NoReturn

import boto3
import pandas as pd


def predict(live_features: pd.DataFrame) -> NoReturn:
    boto3.client("s3", region_name="us-east-1").download_file("weights", "weights.json", "weights.json")
    raise AssertionError("it was downloaded")
