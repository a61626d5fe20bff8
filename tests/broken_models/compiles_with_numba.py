"""Compiles with numba, imports what logs much at the level DEBUG, and logs a line of its own."""

import logging

import pandas as pd


def predict(live_features: pd.DataFrame) -> pd.DataFrame:
    import lightgbm  # noqa: F401
    import numba  # type: ignore[import-not-found]
    import numpy as np

    double = numba.njit(lambda values: values * 2)
    logging.debug("compiled: %s", double(np.ones(2)))
    return live_features.filter(like="feature_").sum(axis=1).rank(pct=True).to_frame("prediction")
