"""Shows the progress bar that is for notebooks."""

import pandas as pd


def predict(live_features: pd.DataFrame) -> pd.DataFrame:
    from tqdm.notebook import tqdm

    for _ in tqdm(range(3)):
        pass
    return live_features.filter(like="feature_").sum(axis=1).rank(pct=True).to_frame("prediction")
