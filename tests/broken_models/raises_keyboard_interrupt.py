"""What Ctrl-C raises, raised by the model itself."""

from typing import NoReturn

import pandas as pd


def predict(live_features: pd.DataFrame) -> NoReturn:
    raise KeyboardInterrupt
