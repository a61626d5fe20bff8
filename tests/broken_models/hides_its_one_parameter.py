"""Takes the live features alone behind a decorator without functools.wraps, which is given both DataFrames."""

from collections.abc import Callable
from typing import Any

import pandas as pd


def printing(function: Callable[..., pd.DataFrame]) -> Callable[..., pd.DataFrame]:
    def inner(*args: Any, **kwargs: Any) -> pd.DataFrame:
        print("predicting")
        return function(*args, **kwargs)

    return inner


@printing
def predict(live_features: pd.DataFrame) -> pd.DataFrame:
    return live_features.filter(like="feature_").sum(axis=1).rank(pct=True).to_frame("prediction")
