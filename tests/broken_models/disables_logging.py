"""Turns logging and standard error off, then fails."""

import logging
import sys
from typing import NoReturn

import pandas as pd


def predict(live_features: pd.DataFrame) -> NoReturn:
    logging.disable(logging.CRITICAL)
    sys.stderr.close()
    raise ValueError("nobody hears this")
