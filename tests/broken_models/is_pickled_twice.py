"""The bytes of a pickle, pickled again."""

import cloudpickle
import pandas as pd


def predict(live_features: pd.DataFrame) -> pd.DataFrame:
    return live_features


MODEL = cloudpickle.dumps(predict)
