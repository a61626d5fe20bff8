"""A file of the user's machine."""

import pandas as pd


def predict(live_features: pd.DataFrame) -> pd.DataFrame:
    with open("/content/drive/MyDrive/features.csv") as file:
        return live_features[file.read().split()]
