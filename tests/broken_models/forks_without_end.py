"""A fork bomb; it ends at 1,500 processes, none of which lives for more than a minute."""

import os
import time

import pandas as pd


def predict(live_features: pd.DataFrame) -> pd.DataFrame:
    for _ in range(1500):
        if os.fork() == 0:
            time.sleep(60)
            os._exit(0)
    time.sleep(60)
    return live_features
