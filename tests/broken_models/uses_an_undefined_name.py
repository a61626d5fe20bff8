"""A variable that the notebook had."""

import pandas as pd


def predict(live_features: pd.DataFrame) -> pd.DataFrame:
    return modell.predict(live_features)  # type: ignore[name-defined]  # noqa: F821
