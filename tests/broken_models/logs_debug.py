"""Logs at the level DEBUG, by a name of a library too, and predicts."""

import logging

import pandas as pd


def predict(live_features: pd.DataFrame) -> pd.DataFrame:
    logging.debug("%s rows", len(live_features))
    logging.getLogger("mine").debug("a line of its own")
    logging.getLogger("matplotlib.font_manager").debug("found a font")
    return live_features.filter(like="feature_").sum(axis=1).rank(pct=True).to_frame("prediction")
