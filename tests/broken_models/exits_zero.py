"""A script's ending."""

import sys
from typing import NoReturn

import pandas as pd


def predict(live_features: pd.DataFrame) -> NoReturn:
    sys.exit(0)
