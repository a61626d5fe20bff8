"""Train LightGBM on the small feature set and the predictions of Numerai's benchmark models, and write the model.

Without flags it trains on this repository's sample data. For a model of the tournament, download Numerai's data first:

    from numerapi import NumerAPI
    napi = NumerAPI()
    for name in (
        "features.json",
        "train.parquet",
        "train_benchmark_models.parquet",
        "live.parquet",
        "live_benchmark_models.parquet",
    ):
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


def train_model(data_dir: Path) -> Callable[[pd.DataFrame, pd.DataFrame], pd.DataFrame]:
    """Return a predict function that carries all that it needs; equal data give equal predictions."""
    metadata = json.loads((data_dir / "features.json").read_text())
    features = metadata["feature_sets"]["small"]
    train = pd.read_parquet(data_dir / "train.parquet", columns=["target", *features]).dropna(subset=["target"])
    train_benchmark_models = pd.read_parquet(data_dir / "train_benchmark_models.parquet").select_dtypes("number")
    # They are named anew with each data version: v53_lgbm_ender20 was v52_lgbm_ender20.
    benchmarks = list(train_benchmark_models.columns)
    # The first eras have no benchmark predictions, and are left out.
    train = train.join(train_benchmark_models, how="inner")

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
    model.fit(train[[*features, *benchmarks]], train["target"])

    # A function inside a function is written into the pickle whole, with the names from outside that it uses: the
    # model, the features and the benchmarks, but not the training data.
    def predict(live_features: pd.DataFrame, live_benchmark_models: pd.DataFrame) -> pd.DataFrame:
        """Return one prediction in (0, 1] per live id: the rank of its score within its era."""
        # The live files have different orders, so the benchmark models are matched by id; an id that they lack counts
        # as average.
        live_benchmarks = live_benchmark_models[benchmarks].reindex(live_features.index).fillna(0.5)
        inputs = live_features[features].join(live_benchmarks)
        scores = pd.Series(model.predict(inputs), index=live_features.index)
        ranks = scores.groupby(live_features["era"]).rank(pct=True)
        return ranks.to_frame("prediction")

    return predict


def main() -> None:
    """Train, write the pickle, and say what to do next."""
    parser = argparse.ArgumentParser(description="Train LightGBM on the small feature set and the benchmark models.")
    parser.add_argument("--data_dir", type=Path, default=SAMPLE_DATA)
    parser.add_argument("--output", type=Path, default=Path("benchmark_as_feature.pkl"))
    args = parser.parse_args()
    args.output.write_bytes(cloudpickle.dumps(train_model(args.data_dir)))
    print(f"Wrote {args.output} ({args.output.stat().st_size:,} bytes). Look into it, then run it:")
    predict = shlex.join([sys.executable, str(ROOT / "predict.py")])
    model, data_dir = shlex.quote(str(args.output)), shlex.quote(str(args.data_dir))
    print(f"{predict} --inspect --model {model}")
    print(
        f"{predict} --debug --model {model} --dataset {data_dir}/live.parquet "
        f"--benchmarks {data_dir}/live_benchmark_models.parquet"
    )


if __name__ == "__main__":
    main()
