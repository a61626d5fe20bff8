"""Makes the models of `make demo_round`: the sample models, some more that predict, and some that are broken.

python -m tests.round.demo build/demo_round/models
"""

import shutil
import sys
from pathlib import Path

import pandas as pd

from tests.harness import LEGACY_MODEL, MODEL, TESTS, by_value, load_source

COPIES = 3
# By how the features are combined.
SIMPLE = ("mean", "median", "max", "std")
BROKEN = (
    "asks_for_a_missing_column",
    "divides_by_zero_natively",
    "exits_on_load",
    "raises_in_predict",
    "returns_list",
)


def simple(how: str) -> object:
    """A model that needs nothing but pandas."""

    def predict(live_features: pd.DataFrame) -> pd.DataFrame:
        features = live_features.filter(like="feature_").astype("float32")
        return features.agg(how, axis=1).rank(pct=True, method="first").to_frame("prediction")

    return predict


def main() -> None:
    folder = Path(sys.argv[1])
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    write_models(folder)


def write_models(folder: Path) -> None:
    """Fill the folder."""
    for number in range(1, COPIES + 1):
        shutil.copy(MODEL, folder / f"sample_{number}.pkl")
        shutil.copy(LEGACY_MODEL, folder / f"sample_of_one_argument_{number}.pkl")
    for how in SIMPLE:
        (folder / f"simple_{how}.pkl").write_bytes(by_value(simple(how)))
    for name in BROKEN:
        module = load_source(TESTS / f"broken_models/{name}.py")
        model = module.MODEL if hasattr(module, "MODEL") else module.predict
        (folder / f"{name}.pkl").write_bytes(by_value(model))
    (folder / "is_a_web_page.pkl").write_text("<!doctype html><p>Not found</p>")


if __name__ == "__main__":
    main()
