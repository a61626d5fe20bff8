"""A folder in place of a file."""

import pandas as pd


def predict(live_features: pd.DataFrame) -> pd.DataFrame:
    with open("/etc") as file:
        return live_features[file.read().split()]
