"""Opens a file that is there and not for it."""

import pandas as pd


def predict(live_features: pd.DataFrame) -> pd.DataFrame:
    with open("/proc/1/environ") as file:
        return pd.read_csv(file)
