"""Train the sample models on the sample data and pickle them for this Python.

`model_3_XX.pkl` takes the live features and the benchmark models,
`model_3_XX_legacy.pkl` the live features alone.
"""

import argparse
import sys
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import cloudpickle
import numpy as np
import pandas as pd
from lightgbm import LGBMRegressor

SEED = 20
DATA_DIR = Path(__file__).parent.parent / "data"
DEFAULT_NAME = f"model_{sys.version_info.major}_{sys.version_info.minor}"

Predict = Callable[[pd.DataFrame, pd.DataFrame], pd.DataFrame]
LegacyPredict = Callable[[pd.DataFrame], pd.DataFrame]


class Models(NamedTuple):
    """One regressor as both kinds of predict function that users upload."""

    predict: Predict
    legacy: LegacyPredict


def synthetic_target(features: pd.DataFrame) -> pd.Series:
    """Return a target of 0, .25, .5, .75 or 1 in 5, 20, 50, 20 and 5 % of the rows."""
    rng = np.random.default_rng(SEED)
    centred = features.to_numpy(dtype=float) - 2
    signal = centred @ rng.normal(size=centred.shape[1])
    # A product of features gives the trees something a linear model cannot find.
    signal += signal.std() * centred[:, 0] * centred[:, -1] / 4
    noisy = signal + rng.normal(scale=signal.std(), size=len(signal))
    rank = (noisy.argsort().argsort() + 0.5) / len(noisy)
    bins = np.searchsorted([0.05, 0.25, 0.75, 0.95], rank)
    return pd.Series(bins / 4, index=features.index, name="target")


def train_regressor(features: pd.DataFrame, trees: int, leaves: int) -> LGBMRegressor:
    """Return a regressor of the synthetic target; equal calls give equal models."""
    model = LGBMRegressor(
        n_estimators=trees,
        num_leaves=leaves,
        learning_rate=0.05,
        colsample_bytree=0.3,
        random_state=SEED,
        n_jobs=1,
        deterministic=True,
        force_row_wise=True,
        verbosity=-1,
    )
    return model.fit(features, synthetic_target(features))


# The functions below refer to nothing of this module, so that cloudpickle writes
# them whole and they load where this file does not exist.


def make_predict(model: LGBMRegressor, features: list[str]) -> Predict:
    """Return a predict function that blends the model with a benchmark model."""

    def predict(live_features: pd.DataFrame, live_benchmark_models: pd.DataFrame) -> pd.DataFrame:
        """Return one prediction in (0, 1] per live id, ranked within its era."""
        era = live_features["era"]
        scores = pd.DataFrame(index=live_features.index)
        scores["model"] = model.predict(live_features[features])
        # The benchmark models come in another order, so they are matched by id.
        benchmark = live_benchmark_models["v53_lgbm_ensemble"]
        scores["benchmark"] = benchmark.reindex(live_features.index)
        # An id that the benchmark models lack counts as average.
        ranks = scores.groupby(era).rank(pct=True).fillna(0.5)
        blend = 0.6 * ranks["model"] + 0.4 * ranks["benchmark"]
        return blend.groupby(era).rank(pct=True).to_frame("prediction")

    return predict


def make_legacy_predict(model: LGBMRegressor, features: list[str]) -> LegacyPredict:
    """Return a predict function of the model alone."""

    def predict(live_features: pd.DataFrame) -> pd.DataFrame:
        """Return one prediction in (0, 1] per live id, ranked within its era."""
        scores = pd.Series(model.predict(live_features[features]), index=live_features.index)
        ranks = scores.groupby(live_features["era"]).rank(pct=True)
        return ranks.to_frame("prediction")

    return predict


def train(
    data_dir: Path = DATA_DIR,
    trees: int = 60,
    leaves: int = 15,
    features: int | None = None,
) -> Models:
    """Train on the first `features` features (default: all) of `data_dir`'s live file.

    Equal data and options give equal predictions, under any of the platform's Pythons.
    """
    live = pd.read_parquet(data_dir / "live.parquet")
    names = [name for name in live.columns if name.startswith("feature_")][:features]
    model = train_regressor(live[names], trees, leaves)
    return Models(make_predict(model, names), make_legacy_predict(model, names))


def write_models(models: Models, output_dir: Path, name: str = DEFAULT_NAME) -> None:
    """Write `<name>.pkl` and `<name>_legacy.pkl`, which load without this module."""
    output_dir.mkdir(parents=True, exist_ok=True)
    (output_dir / f"{name}.pkl").write_bytes(cloudpickle.dumps(models.predict))
    (output_dir / f"{name}_legacy.pkl").write_bytes(cloudpickle.dumps(models.legacy))


def main() -> None:
    """Train and write the models that the command line asks for."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data_dir", type=Path, default=DATA_DIR)
    parser.add_argument("--trees", type=int, default=60)
    parser.add_argument("--leaves", type=int, default=15)
    parser.add_argument("--features", type=int, help="use the first N (default: all)")
    parser.add_argument("--output_dir", type=Path, default=Path(__file__).parent)
    parser.add_argument("--name", default=DEFAULT_NAME, help="file name, no suffix")
    args = parser.parse_args()
    models = train(args.data_dir, args.trees, args.leaves, args.features)
    write_models(models, args.output_dir, args.name)


if __name__ == "__main__":
    main()
