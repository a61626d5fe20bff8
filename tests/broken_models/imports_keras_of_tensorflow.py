"""Imports tensorflow.keras, a module that TensorFlow makes at run time."""

import pandas as pd


def predict(live_features: pd.DataFrame) -> pd.DataFrame:
    import numpy as np
    from tensorflow.keras.layers import Dense

    Dense(1)(np.ones((2, 3), "float32"))
    return live_features.filter(like="feature_").sum(axis=1).rank(pct=True).to_frame("prediction")
