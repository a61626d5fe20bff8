"""More files than can be looked at, however little is in them; some could hide what is large."""

import os
import time

import pandas as pd


def predict(live_features: pd.DataFrame) -> pd.DataFrame:
    for number in range(25_000):
        os.close(os.open(str(number), os.O_CREAT | os.O_WRONLY))
    time.sleep(20)
    return live_features
