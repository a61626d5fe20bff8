"""Sets up logging as scripts do, which on the platform comes too late, and predicts."""

import logging

import pandas as pd


def predict(live_features: pd.DataFrame) -> pd.DataFrame:
    logging.basicConfig(filename="/content/drive/model.log")
    logging.basicConfig(format="| %(levelname)s | %(message)s", level=logging.WARNING)
    logging.info("a line of INFO")
    logging.warning("shown once")
    return live_features.filter(like="feature_").sum(axis=1).rank(pct=True).to_frame("prediction")
