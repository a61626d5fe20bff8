"""The function is async, so nobody runs it."""

import pandas as pd


async def predict(live_features: pd.DataFrame) -> pd.DataFrame:
    return live_features
