"""SIGTERM."""

import os
import signal

import pandas as pd


def predict(live_features: pd.DataFrame) -> pd.DataFrame:
    os.kill(os.getpid(), signal.SIGTERM)
    return live_features
