"""An exception of a hundred lines."""

from typing import NoReturn

import pandas as pd


def predict(live_features: pd.DataFrame) -> NoReturn:
    raise ValueError("\n".join(f"line {number}" for number in range(100)))
