"""A file of a terabyte, though an empty one."""

import tempfile

import pandas as pd


def predict(live_features: pd.DataFrame) -> pd.DataFrame:
    with tempfile.NamedTemporaryFile(delete=False) as file:
        file.truncate(1 << 40)
    return live_features
