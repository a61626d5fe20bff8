"""Logs by the root logger, by one of its own and as a warning, and predicts."""

import logging
import warnings

import pandas as pd


def predict(live_features: pd.DataFrame) -> pd.DataFrame:
    logging.info("%s rows", len(live_features))
    logging.debug("a line of DEBUG")
    logging.getLogger("mine").info("a line of its own")
    logging.captureWarnings(True)
    warnings.warn("a warning", stacklevel=1)
    return live_features.filter(like="feature_").sum(axis=1).rank(pct=True).to_frame("prediction")
