"""A callable whose signature cannot be read."""

import pandas as pd


class Model:
    __signature__ = 2

    def __call__(self, live_features: pd.DataFrame) -> pd.DataFrame:
        return live_features


MODEL = Model()
