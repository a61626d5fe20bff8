"""TabPFN is on the platform, and downloads its weights at first use."""

import pandas as pd


def predict(live_features: pd.DataFrame) -> pd.DataFrame:
    from tabpfn import TabPFNRegressor

    x = live_features.filter(like="feature").iloc[:50, :5].astype("float32")
    TabPFNRegressor(device="cpu", n_estimators=1).fit(x, x.sum(axis=1))
    return live_features.iloc[:, :1]
