"""Takes both DataFrames behind a decorator without functools.wraps: `def inner(*args, **kwargs)`."""

from collections.abc import Callable
from typing import Any

import pandas as pd


def printing(function: Callable[..., pd.DataFrame]) -> Callable[..., pd.DataFrame]:
    def inner(*args: Any, **kwargs: Any) -> pd.DataFrame:
        print("predicting")
        return function(*args, **kwargs)

    return inner


@printing
def predict(live_features: pd.DataFrame, live_benchmark_models: pd.DataFrame) -> pd.DataFrame:
    return live_benchmark_models.reindex(live_features.index).iloc[:, 0].rank(pct=True).to_frame("prediction")
