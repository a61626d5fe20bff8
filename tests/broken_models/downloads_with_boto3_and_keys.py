"""A client whose exceptions have names of their own."""

from typing import NoReturn

import boto3
import pandas as pd


def predict(live_features: pd.DataFrame) -> NoReturn:
    s3 = boto3.client("s3", region_name="us-east-1", aws_access_key_id="a", aws_secret_access_key="b")
    s3.download_file("weights", "weights.json", "weights.json")
    raise AssertionError("it was downloaded")
