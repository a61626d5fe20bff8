"""What LightGBM 3 says of a booster of LightGBM 4."""

import pandas as pd


class Booster:
    handle: pd.DataFrame


def predict(live_features: pd.DataFrame) -> pd.DataFrame:
    return Booster().handle
