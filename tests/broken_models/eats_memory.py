"""A list that only grows."""

from typing import NoReturn

import numpy as np
import pandas as pd


def predict(live_features: pd.DataFrame) -> NoReturn:
    kept: list[object] = []
    while True:
        kept.append(np.ones(1 << 21))
