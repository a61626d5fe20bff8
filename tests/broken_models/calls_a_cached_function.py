"""Calls a function of the user's script that has functools.lru_cache: cloudpickle stores its name."""

import functools
import subprocess
import sys
from pathlib import Path

import cloudpickle
import pandas as pd


@functools.cache
def weight(position: int) -> float:
    return 1.0 / (1 + position)


def predict(live_features: pd.DataFrame) -> pd.DataFrame:
    return (
        (live_features.filter(like="feature").astype("float64").mean(axis=1) * weight(0))
        .rank(pct=True)
        .to_frame("prediction")
    )


def write(path: Path) -> None:
    """Run this file as a script, as users do: only then is its module `__main__`."""
    subprocess.run([sys.executable, __file__, str(path)], check=True, timeout=60)


if __name__ == "__main__":
    Path(sys.argv[1]).write_bytes(cloudpickle.dumps(predict))
