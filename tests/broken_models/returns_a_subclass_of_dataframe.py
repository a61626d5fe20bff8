"""A DataFrame class of the model's own, which writes itself as CSV in its own way."""

import pandas as pd


class Predictions(pd.DataFrame):  # type: ignore[misc]
    def to_csv(self, *_: object, **__: object) -> str:
        return "nothing"


def predict(live_features: pd.DataFrame) -> pd.DataFrame:
    return Predictions(live_features.filter(like="feature_").sum(axis=1).rank(pct=True).to_frame("prediction"))
