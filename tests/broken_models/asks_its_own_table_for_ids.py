"""A table of its own that lacks the rows of some live ids."""

import pandas as pd


def predict(live_features: pd.DataFrame) -> pd.DataFrame:
    known = live_features.iloc[:-2]
    return known.loc[list(live_features.index), ["feature_gnomic_lambent_gambit"]]
