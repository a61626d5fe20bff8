"""Train LightGBM on the small feature set and write it as a model that can be uploaded.

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
import pandas as pd
from lightgbm import LGBMRegressor

ROOT = Path(__file__).resolve().parents[1]
SAMPLE_DATA = ROOT / "tests/data"


def train_model(data_dir: Path) -> Callable[[pd.DataFrame], pd.DataFrame]:
    """Return a predict function that carries all that it needs; equal data give equal predictions."""
    metadata = json.loads((data_dir / "features.json").read_text())
    features = metadata["feature_sets"]["small"]
    train = pd.read_parquet(data_dir / "train.parquet", columns=["target", *features]).dropna(subset=["target"])

    # Enough for the sample data; on Numerai's, 2,000 trees at a learning rate of 0.01 are a good start.
    model = LGBMRegressor(
        n_estimators=200,
        learning_rate=0.05,
        max_depth=5,
        num_leaves=31,
        colsample_bytree=0.5,
        random_state=0,
        # The same trees on every run; n_jobs=-1 is faster.
        n_jobs=1,
        deterministic=True,
        force_row_wise=True,
        verbosity=-1,
    )
    model.fit(train[features], train["target"])

    # A function inside a function is written into the pickle whole, with the names from outside that it uses: the model
    # and the features, but not the training data.
    def predict(live_features: pd.DataFrame) -> pd.DataFrame:
        """Return one prediction in (0, 1] per live id: the rank of its score within its era."""
        # The features in the order of training, whatever the order of the live file.
        scores = pd.Series(model.predict(live_features[features]), index=live_features.index)
        ranks = scores.groupby(live_features["era"]).rank(pct=True)
        return ranks.to_frame("prediction")

    return predict


def main() -> None:
    """Train, write the pickle, and say what to do next."""
    parser = argparse.ArgumentParser(description="Train LightGBM on the small feature set.")
    parser.add_argument("--data_dir", type=Path, default=SAMPLE_DATA)
    parser.add_argument("--output", type=Path, default=Path("lightgbm_small.pkl"))
    args = parser.parse_args()
    args.output.write_bytes(cloudpickle.dumps(train_model(args.data_dir)))
    print(f"Wrote {args.output} ({args.output.stat().st_size:,} bytes). Look into it, then run it:")
    predict = shlex.join([sys.executable, str(ROOT / "predict.py")])
    model, data_dir = shlex.quote(str(args.output)), shlex.quote(str(args.data_dir))
    print(f"{predict} --inspect --model {model}")
    print(f"{predict} --debug --model {model} --dataset {data_dir}/live.parquet")


if __name__ == "__main__":
    main()
