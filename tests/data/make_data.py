"""Make live features and benchmark models in the shape of the platform's v5.3 files.

Everything is synthetic and seeded; the files say nothing about any market.
"""

import argparse
from itertools import permutations
from pathlib import Path
from typing import Any, TypeAlias

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


def feature_names(rng: np.random.Generator, count: int) -> list[str]:
    """Return `count` unique names; with one seed, fewer names are the first of more."""
    pairs = permutations(ADJECTIVES.split(), 2)
    words = [(*pair, noun) for pair in pairs for noun in NOUNS.split()]
    if count > len(words):
        raise ValueError(f"there are names for {len(words)} features, not {count}")
    order = rng.permutation(len(words))[:count]
    return ["_".join(("feature", *words[i])) for i in order]


def make_live(rng: np.random.Generator, rows: int, features: int) -> pd.DataFrame:
    """Return one live era by id: int8 features of 0 to 4, float32 targets all NaN."""
    names = feature_names(rng, features)
    numbers = np.sort(rng.choice(16**15, rows, replace=False))
    ids = pd.Index([f"n{number:015x}" for number in numbers], dtype=object, name="id")
    # Said to be objects, strings are written alike by every pandas version.
    labels = pd.DataFrame({"era": "X", "data_type": "live"}, index=ids, dtype=object)
    bins = rng.integers(0, 5, size=(rows, features), dtype=np.int8)
    # The future that the targets measure has not happened yet.
    unknown = np.full((rows, len(TARGETS)), np.nan, dtype=np.float32)
    return pd.concat(
        [
            labels,
            pd.DataFrame(bins, index=ids, columns=names),
            pd.DataFrame(unknown, index=ids, columns=TARGETS),
        ],
        axis=1,
    )


def uniform_rank(scores: Floats) -> Floats:
    """Return the ranks of each column of one era, evenly spaced inside (0, 1)."""
    # A stable sort breaks ties alike in every NumPy and on every processor.
    order = scores.argsort(axis=0, kind="stable")
    ranks: Floats = order.argsort(axis=0) + 0.5
    return ranks / len(scores)


def make_benchmark_models(rng: np.random.Generator, live: pd.DataFrame) -> pd.DataFrame:
    """Return float32 benchmark predictions in (0, 1) for the live ids, shuffled."""
    features = live.filter(like="feature_").to_numpy()
    used = rng.choice(features.shape[1], min(20, features.shape[1]), replace=False)
    # Each model sees a shared signal and its own deviation from it, of one size.
    signal = features[:, used] @ rng.normal(size=len(used))
    noise = rng.normal(scale=signal.std(), size=(len(MODELS), len(live)))
    ranks = uniform_rank((signal + noise).T)
    benchmark_models = pd.DataFrame(ranks, index=live.index, columns=MODELS)
    benchmark_models[ENSEMBLE] = uniform_rank(ranks.mean(axis=1))
    # The platform's two files do not share an order, so neither do these.
    return benchmark_models.astype(np.float32).iloc[rng.permutation(len(live))]


def write_data(output_dir: Path, rows: int, features: int, seed: int) -> None:
    """Write live.parquet and live_benchmark_models.parquet, equal for an equal seed."""
    rng = np.random.default_rng(seed)
    live = make_live(rng, rows, features)
    benchmark_models = make_benchmark_models(rng, live)
    output_dir.mkdir(parents=True, exist_ok=True)
    live.to_parquet(output_dir / "live.parquet")
    benchmark_models.to_parquet(output_dir / "live_benchmark_models.parquet")


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
