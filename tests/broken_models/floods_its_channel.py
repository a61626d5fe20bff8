"""Announces one phase after the other."""

import sys
from typing import Any

import pandas as pd


def predict(live_features: pd.DataFrame) -> pd.DataFrame:
    frame: Any = sys._getframe()
    while "channel" not in frame.f_locals:
        frame = frame.f_back
    while True:
        frame.f_locals["channel"].announce("predicting")
