"""Writes a table as HDF5, for which pandas needs a package that is not installed."""

import pandas as pd


def predict(live_features: pd.DataFrame) -> pd.DataFrame:
    live_features.to_hdf("cache.h5", key="live")
    return live_features.filter(like="feature_").sum(axis=1).rank(pct=True).to_frame("prediction")
