"""Files that are each small enough, and too much together: 6 GiB, set aside but not written."""

import os
import tempfile
import time

import pandas as pd


def predict(live_features: pd.DataFrame) -> pd.DataFrame:
    for _ in range(24):
        file, _ = tempfile.mkstemp()
        os.posix_fallocate(file, 0, 256 << 20)
    time.sleep(10)
    return live_features
