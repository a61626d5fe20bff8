"""Opens every terminal that has a name, to read, to write and to make a new one; predicts if none can be opened."""

import glob
import os

import pandas as pd


def predict(live_features: pd.DataFrame) -> pd.DataFrame:
    opened = []
    names = ["/dev/tty", "/dev/console", "/dev/ptmx", *glob.glob("/dev/tty*"), *glob.glob("/dev/pts/*")]
    for name in [*names, *(f"/proc/self/root{name}" for name in names), *glob.glob("/proc/[0-9]*/fd/[012]")]:
        for flags in (os.O_RDONLY, os.O_WRONLY, os.O_RDWR):
            try:
                descriptor = os.open(name, flags | os.O_NOCTTY | os.O_NONBLOCK)
            except OSError:
                continue
            if os.isatty(descriptor):
                opened.append(name)
            os.close(descriptor)
    assert not opened, opened
    return live_features.filter(like="feature_").sum(axis=1).rank(pct=True).to_frame("prediction")
