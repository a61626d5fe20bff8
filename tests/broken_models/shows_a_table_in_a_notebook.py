"""Shows a table with display() of a notebook."""

import pandas as pd


def predict(live_features: pd.DataFrame) -> pd.DataFrame:
    from IPython.display import display

    display(live_features.head())
    return live_features.filter(like="feature_").sum(axis=1).rank(pct=True).to_frame("prediction")
