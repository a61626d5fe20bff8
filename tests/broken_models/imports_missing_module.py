"""Imports, when it is called, a package that is not installed."""

import pandas as pd


def predict(live_features: pd.DataFrame) -> pd.DataFrame:
    import no_such_package  # type: ignore[import-not-found]

    return no_such_package.predict(live_features)
