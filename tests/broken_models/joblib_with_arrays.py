"""What joblib.dump writes: arrays lie between the parts of the pickle."""

from pathlib import Path

import joblib  # type: ignore[import-untyped]
import numpy as np


def write(path: Path) -> None:
    joblib.dump({"weights": np.arange(1000.0)}, path)
