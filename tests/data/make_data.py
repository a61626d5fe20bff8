"""Make live and training features and benchmark models in the shape of the platform's v5.3 files.

Everything is synthetic and seeded; the files say nothing about any market.
"""

import argparse
import json
from itertools import permutations
from pathlib import Path
from typing import Any, NamedTuple, TypeAlias

import numpy as np
import numpy.typing as npt
import pandas as pd

Floats: TypeAlias = npt.NDArray[np.floating[Any]]

ADJECTIVES = """
    abyssal bibulous cadenced demure ebony fluvial gnomic hirsute incised jocund
    knurled lambent mazy nacreous oblate pelagic quaggy rufous sylvan tumid
    umbral vinous wonted xeric yeasty zonal
"""
NOUNS = """
    anvil barque cistern dirigible estuary ferrule gambit harrow isthmus jerkin
    kestrel lintel madrigal nostrum oriel palimpsest quoin rostrum sextant tincture
    usurer vestibule wicket xebec yeoman zephyr
"""

TARGETS = ["target"] + [
    f"target_{name}_{days}" for name in ("cyrusd", "teager2b", "ender", "jasper", "xerxes") for days in (20, 60)
]
MODELS = ["v53_lgbm_cyrusd20", "v53_lgbm_cyrusd60", "v53_lgbm_teager2b20"]
ENSEMBLE = "v53_lgbm_ensemble"
TRAIN_ERAS = 20
ROWS_PER_ERA = 200
# The platform's models are trained on the first eras, and so have no predictions of them.
ERAS_WITHOUT_BENCHMARKS = 2


class Signal(NamedTuple):
    """What the benchmark models and the target know: a weighted sum of some features."""

    used: npt.NDArray[np.int64]
    weights: Floats

    def of(self, features: pd.DataFrame) -> Floats:
        """Return the signal of each row; `features` holds all features, in order."""
        signal: Floats = features.to_numpy()[:, self.used] @ self.weights
        return signal


def feature_names(rng: np.random.Generator, count: int) -> list[str]:
    """Return `count` unique names; with one seed, fewer names are the first of more."""
    pairs = permutations(ADJECTIVES.split(), 2)
    words = [(*pair, noun) for pair in pairs for noun in NOUNS.split()]
    if count > len(words):
        raise ValueError(f"there are names for {len(words)} features, not {count}")
    order = rng.permutation(len(words))[:count]
    return ["_".join(("feature", *words[i])) for i in order]


def make_signal(rng: np.random.Generator, features: int) -> Signal:
    """Return the signal of at most 20 of so many features."""
    used = rng.choice(features, min(20, features), replace=False)
    return Signal(used, rng.normal(size=len(used)))


def make_features(
    rng: np.random.Generator, names: list[str], rows: int, era: str | npt.NDArray[np.object_], data_type: str
) -> pd.DataFrame:
    """Return int8 features of 0 to 4 by id, behind the era, of all rows or of each, and the data type."""
    numbers = np.sort(rng.choice(16**15, rows, replace=False))
    ids = pd.Index([f"n{number:015x}" for number in numbers], dtype=object, name="id")
    # Said to be objects, strings are written alike by every pandas version.
    labels = pd.DataFrame({"era": era, "data_type": data_type}, index=ids, dtype=object)
    bins = rng.integers(0, 5, size=(rows, len(names)), dtype=np.int8)
    return pd.concat([labels, pd.DataFrame(bins, index=ids, columns=names)], axis=1)


def make_live(rng: np.random.Generator, rows: int, features: int) -> pd.DataFrame:
    """Return one live era by id: int8 features of 0 to 4, float32 targets all NaN."""
    live = make_features(rng, feature_names(rng, features), rows, "X", "live")
    # The future that the targets measure has not happened yet.
    unknown = np.full((rows, len(TARGETS)), np.nan, dtype=np.float32)
    return pd.concat([live, pd.DataFrame(unknown, index=live.index, columns=TARGETS)], axis=1)


def make_train(rng: np.random.Generator, names: list[str], signal: Signal) -> pd.DataFrame:
    """Return the training eras by id, with a target of 0 to 1 that depends on the signal."""
    eras = np.array([f"{era:04d}" for era in range(1, TRAIN_ERAS + 1)], dtype=object).repeat(ROWS_PER_ERA)
    train = make_features(rng, names, len(eras), eras, "train")
    known = signal.of(train[names])
    noisy = known + rng.normal(scale=known.std(), size=len(train))
    ranks = uniform_rank(noisy.reshape(TRAIN_ERAS, ROWS_PER_ERA).T).T.ravel()
    # 5, 20, 50, 20 and 5 % of each era, as on the platform.
    train["target"] = (np.searchsorted([0.05, 0.25, 0.75, 0.95], ranks) / 4).astype(np.float32)
    return train


def uniform_rank(scores: Floats) -> Floats:
    """Return the ranks of each column of one era, evenly spaced inside (0, 1)."""
    # A stable sort breaks ties alike in every NumPy and on every processor.
    order = scores.argsort(axis=0, kind="stable")
    ranks: Floats = order.argsort(axis=0) + 0.5
    return ranks / len(scores)


def make_benchmark_models(rng: np.random.Generator, era: pd.DataFrame, signal: Signal) -> pd.DataFrame:
    """Return float32 benchmark predictions in (0, 1) for the ids of one era, shuffled."""
    known = signal.of(era.filter(like="feature_"))
    # Each model sees the shared signal and its own deviation from it, of one size.
    noise = rng.normal(scale=known.std(), size=(len(MODELS), len(era)))
    ranks = uniform_rank((known + noise).T)
    benchmark_models = pd.DataFrame(ranks, index=era.index, columns=MODELS)
    benchmark_models[ENSEMBLE] = uniform_rank(ranks.mean(axis=1))
    # The platform's two files do not share an order, so neither do these.
    return benchmark_models.astype(np.float32).iloc[rng.permutation(len(era))]


def make_train_benchmark_models(rng: np.random.Generator, train: pd.DataFrame, signal: Signal) -> pd.DataFrame:
    """Return the benchmark predictions of all eras but the first ones, with their eras."""
    eras = [era for _, era in train.groupby("era")][ERAS_WITHOUT_BENCHMARKS:]
    benchmark_models = pd.concat([make_benchmark_models(rng, era, signal) for era in eras])
    benchmark_models.insert(0, "era", train["era"].reindex(benchmark_models.index))
    return benchmark_models


def feature_sets(names: list[str], signal: Signal) -> dict[str, list[str]]:
    """Return the sets of features.json; the small set holds those that matter most."""
    by_weight = signal.used[np.argsort(-np.abs(signal.weights), kind="stable")]
    medium = [names[i] for i in by_weight]
    return {"small": medium[: len(medium) // 2], "medium": medium, "all": names}


def write_data(output_dir: Path, rows: int, features: int, seed: int) -> None:
    """Write the live files, then the training files, which share the signal; equal for an equal seed."""
    rng = np.random.default_rng(seed)
    live = make_live(rng, rows, features)
    signal = make_signal(rng, features)
    benchmark_models = make_benchmark_models(rng, live, signal)
    names = list(live.filter(like="feature_"))
    train = make_train(rng, names, signal)
    train_benchmark_models = make_train_benchmark_models(rng, train, signal)
    output_dir.mkdir(parents=True, exist_ok=True)
    live.to_parquet(output_dir / "live.parquet")
    benchmark_models.to_parquet(output_dir / "live_benchmark_models.parquet")
    train.to_parquet(output_dir / "train.parquet", compression="zstd")
    train_benchmark_models.to_parquet(output_dir / "train_benchmark_models.parquet", compression="zstd")
    metadata = {"feature_sets": feature_sets(names, signal), "targets": ["target"]}
    (output_dir / "features.json").write_text(json.dumps(metadata, indent=1) + "\n")


def main() -> None:
    """Write the files that the command line asks for."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=650)
    parser.add_argument("--features", type=int, default=42)
    parser.add_argument("--seed", type=int, default=20)
    parser.add_argument("--output_dir", type=Path, default=Path(__file__).parent)
    write_data(**vars(parser.parse_args()))


if __name__ == "__main__":
    main()
