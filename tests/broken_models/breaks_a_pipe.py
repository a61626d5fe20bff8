"""Writes into a pipe whose other end is closed, as after the death of a worker process; no network is involved."""

import os

import pandas as pd


def predict(live_features: pd.DataFrame) -> pd.DataFrame:
    reader, writer = os.pipe()
    os.close(reader)
    os.write(writer, b"work")
    return live_features
