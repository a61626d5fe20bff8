"""An object of the user's own class, which has predict and no __call__."""

import pandas as pd


class Model:
    def predict(self, live_features: pd.DataFrame) -> pd.DataFrame:
        return live_features


MODEL = Model()
