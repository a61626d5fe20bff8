"""Train two models, average their ranks, take half of their linear exposure to the features out, and write the model.

Without flags it trains on this repository's sample data. For a model of the tournament, download Numerai's data first:

    from numerapi import NumerAPI
    napi = NumerAPI()
    for name in ("features.json", "train.parquet", "live.parquet", "live_benchmark_models.parquet"):
        napi.download_dataset(f"v5.3/{name}", f"data/{name}")

and train with `--data_dir data`, under the Python version that the model is to run in.
"""

import argparse
import json
import shlex
import sys
from collections.abc import Callable
from pathlib import Path

import cloudpickle
import numpy as np
import pandas as pd
from lightgbm import LGBMRegressor
from sklearn.linear_model import Ridge  # type: ignore[import-untyped]

ROOT = Path(__file__).resolve().parents[1]
SAMPLE_DATA = ROOT / "tests/data"
# How much of the linear exposure is taken out: 0 nothing, 1 all of it.
PROPORTION = 0.5


def train_model(data_dir: Path) -> Callable[[pd.DataFrame], pd.DataFrame]:
    """Return a predict function that carries all that it needs; equal data give equal predictions."""
    metadata = json.loads((data_dir / "features.json").read_text())
    features = metadata["feature_sets"]["small"]
    train = pd.read_parquet(data_dir / "train.parquet", columns=["target", *features]).dropna(subset=["target"])
    # Ridge regression knows no gaps; 2 is the middle of 0 to 4.
    train = train.fillna(2)

    models = [
        LGBMRegressor(
            n_estimators=200,
            learning_rate=0.05,
            max_depth=5,
            colsample_bytree=0.5,
            random_state=0,
            # The same trees on every run; n_jobs=-1 is faster.
            n_jobs=1,
            deterministic=True,
            force_row_wise=True,
            verbosity=-1,
        ),
        Ridge(alpha=1.0),
    ]
    for model in models:
        model.fit(train[features], train["target"])

    # Functions inside a function are written into the pickle whole, with the names from outside that they use: the
    # models, the features and the proportion, but not the training data.
    def neutralize(scores: pd.Series, exposures: pd.DataFrame) -> pd.Series:
        """Take PROPORTION of what `exposures` explain linearly out of the scores of one era."""
        centred = exposures - exposures.mean()
        weights = np.linalg.lstsq(centred.to_numpy(), scores.to_numpy(), rcond=None)[0]
        return scores - PROPORTION * (centred @ weights)

    def predict(live_features: pd.DataFrame) -> pd.DataFrame:
        """Return one prediction in (0, 1] per live id: the rank of its neutral score within its era."""
        era = live_features["era"]
        # The features in the order of training, whatever the order of the live file.
        exposures = live_features[features].astype(float).fillna(2)
        scores = pd.DataFrame({i: model.predict(exposures) for i, model in enumerate(models)}, index=exposures.index)
        # Scores of different models have different scales; ranks have one.
        ensemble = scores.groupby(era).rank(pct=True).mean(axis=1)
        neutral = ensemble.groupby(era).transform(lambda one: neutralize(one, exposures.loc[one.index]))
        return neutral.groupby(era).rank(pct=True).to_frame("prediction")

    return predict


def main() -> None:
    """Train, write the pickle, and say what to do next."""
    parser = argparse.ArgumentParser(description="Train a feature-neutral ensemble of LightGBM and ridge regression.")
    parser.add_argument("--data_dir", type=Path, default=SAMPLE_DATA)
    parser.add_argument("--output", type=Path, default=Path("neutralized_ensemble.pkl"))
    args = parser.parse_args()
    args.output.write_bytes(cloudpickle.dumps(train_model(args.data_dir)))
    print(f"Wrote {args.output} ({args.output.stat().st_size:,} bytes). Look into it, then run it:")
    predict = shlex.join([sys.executable, str(ROOT / "predict.py")])
    model, data_dir = shlex.quote(str(args.output)), shlex.quote(str(args.data_dir))
    print(f"{predict} --inspect --model {model}")
    print(f"{predict} --debug --model {model} --dataset {data_dir}/live.parquet")


if __name__ == "__main__":
    main()
