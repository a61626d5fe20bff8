"""A thread that does not end."""

import threading
import time

import pandas as pd


def predict(live_features: pd.DataFrame) -> pd.DataFrame:
    predictions = live_features.filter(like="feature_").sum(axis=1).rank(pct=True).to_frame("prediction")
    threading.Thread(target=time.sleep, args=(600,)).start()
    return predictions
