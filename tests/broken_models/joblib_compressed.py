"""What joblib.dump(model, path, compress=3) writes."""

from pathlib import Path

import joblib  # type: ignore[import-untyped]
import numpy as np


def write(path: Path) -> None:
    joblib.dump(np.arange(1000.0), path, compress=3)
