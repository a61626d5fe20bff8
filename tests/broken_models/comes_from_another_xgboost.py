"""What XGBoost says at predict (a stand-in: XGBoost need not be installed)."""

from typing import NoReturn

import pandas as pd


def predict(live_features: pd.DataFrame) -> NoReturn:
    raise AttributeError("'XGBModel' object has no attribute 'gpu_id'")
