"""sys.exit with a message."""

import sys
from typing import NoReturn

import pandas as pd


def predict(live_features: pd.DataFrame) -> NoReturn:
    sys.exit("no data today")
