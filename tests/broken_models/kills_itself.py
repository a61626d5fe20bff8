"""SIGKILL, as the kernel sends it when memory runs out."""

import os
import signal

import pandas as pd


def predict(live_features: pd.DataFrame) -> pd.DataFrame:
    os.kill(os.getpid(), signal.SIGKILL)
    return live_features
