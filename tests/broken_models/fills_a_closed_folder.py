"""Files in a folder that its own user may not list: 6 GiB, set aside but not written."""

import os
import time

import pandas as pd


def predict(live_features: pd.DataFrame) -> pd.DataFrame:
    os.makedirs("outer/inner")
    os.chmod("outer/inner", 0o300)
    for number in range(24):
        file = os.open(f"outer/inner/{number}", os.O_CREAT | os.O_WRONLY)
        os.posix_fallocate(file, 0, 256 << 20)
    time.sleep(10)
    return live_features
