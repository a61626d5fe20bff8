"""An estimator that scikit-learn loads with a warning, because another version fitted it."""

import pandas as pd
from sklearn.linear_model import LinearRegression  # type: ignore[import-untyped]


class OldRegression(LinearRegression):  # type: ignore[misc]
    __module__ = "sklearn.of_the_user"

    def __getstate__(self) -> dict[str, object]:
        return {**super().__getstate__(), "_sklearn_version": "1.2.2"}


ESTIMATOR = OldRegression()


def predict(live_features: pd.DataFrame) -> pd.DataFrame:
    values = live_features.filter(like="feature_")
    ESTIMATOR.fit(values, values.sum(axis=1))
    return values.sum(axis=1).rank(pct=True).to_frame("prediction")
