"""Returns its predictions as a level of the index, beside a column of another name."""

import pandas as pd


def predict(live_features: pd.DataFrame) -> pd.DataFrame:
    texts = ["=1+1", *["inf"] * (len(live_features) - 1)]
    index = pd.MultiIndex.from_arrays([live_features.index, texts], names=["id", "prediction"])
    return pd.DataFrame({"rank": 0.5}, index=index)
