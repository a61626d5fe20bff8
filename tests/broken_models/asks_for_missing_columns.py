"""Features of another data version, in a list."""

import pandas as pd


def predict(live_features: pd.DataFrame) -> pd.DataFrame:
    return live_features[["feature_gnomic_lambent_gambit", "feature_a", "feature_b"]]
