"""Takes the benchmark models as the rest of its arguments."""

import pandas as pd


def predict(live_features: pd.DataFrame, *rest: pd.DataFrame) -> pd.DataFrame:
    return rest[0].reindex(live_features.index).iloc[:, 0].rank(pct=True).to_frame("prediction")
