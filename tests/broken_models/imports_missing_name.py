"""A function that the installed version of a package does not have."""

import pandas as pd


def predict(live_features: pd.DataFrame) -> pd.DataFrame:
    from sklearn.ensemble import no_such_function  # type: ignore[import-untyped]

    return no_such_function(live_features)
