"""Logs by loggers with handlers of its own, and predicts."""

import logging

import pandas as pd


def predict(live_features: pd.DataFrame) -> pd.DataFrame:
    handlers: dict[str, tuple[logging.Handler, str]] = {
        "prints": (logging.StreamHandler(), "printed"),
        "opens": (logging.FileHandler("/dev/stderr"), "opened"),
        "keeps": (logging.FileHandler("model.log"), "kept"),
        "hides": (logging.NullHandler(), "hidden"),
    }
    for name, (handler, said) in handlers.items():
        logger = logging.getLogger(name)
        logger.addHandler(handler)
        logger.info(said)
    return live_features.filter(like="feature_").sum(axis=1).rank(pct=True).to_frame("prediction")
