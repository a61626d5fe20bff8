"""Asks for memory, queues and semaphores that would stay when all its processes are gone."""

import ctypes

import pandas as pd


def predict(live_features: pd.DataFrame) -> pd.DataFrame:
    library = ctypes.CDLL(None)
    shared = library.shmget(0, 4096, 0o1600), library.msgget(0, 0o1600), library.semget(0, 1, 0o1600)
    assert shared == (-1, -1, -1), shared
    assert library.mq_open(b"/stays", 0o102, 0o600, None) == -1
    return live_features.filter(like="feature_").sum(axis=1).rank(pct=True).to_frame("prediction")
