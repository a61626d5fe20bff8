"""SIGTERM to the process that started it."""

import os
import signal
import time

import pandas as pd


def predict(live_features: pd.DataFrame) -> pd.DataFrame:
    os.kill(os.getppid(), signal.SIGTERM)
    time.sleep(600)
    return live_features
