"""More threads of a library than the container may have, which ends the process."""

from typing import NoReturn

import lightgbm
import numpy as np
import pandas as pd


def predict(live_features: pd.DataFrame) -> NoReturn:
    data = lightgbm.Dataset(np.random.rand(5000, 20), np.random.rand(5000))
    lightgbm.train({"num_threads": 64, "verbose": -1}, data, 3)
    raise AssertionError("they started")
