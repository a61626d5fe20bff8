"""A loop without an end."""

from typing import NoReturn

import pandas as pd


def predict(live_features: pd.DataFrame) -> NoReturn:
    while True:
        pass
