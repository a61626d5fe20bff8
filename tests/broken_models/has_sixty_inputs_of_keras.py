"""A network of Keras of a larger data version."""

import pandas as pd
from tensorflow import keras


def predict(live_features: pd.DataFrame) -> pd.DataFrame:
    features = live_features.filter(like="feature_").to_numpy("float32")
    network = keras.Sequential([keras.layers.Input((60,)), keras.layers.Dense(1)])
    return pd.DataFrame({"prediction": network.predict(features)[:, 0]}, index=live_features.index)
