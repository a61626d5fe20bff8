"""An exception whose text is no valid Unicode."""

from typing import NoReturn

import pandas as pd


def predict(live_features: pd.DataFrame) -> NoReturn:
    raise ValueError("feature \udcff\ud800 is broken")
