"""A native crash in a thread of the model's own."""

import ctypes
import threading

import pandas as pd


def work() -> None:
    ctypes.string_at(0)


def predict(live_features: pd.DataFrame) -> pd.DataFrame:
    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    return live_features
