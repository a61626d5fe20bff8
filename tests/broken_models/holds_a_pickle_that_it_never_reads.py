"""Carries a pickle that names a class of the user's script, and does without it."""

import pickle
import subprocess
import sys
from pathlib import Path

import cloudpickle
import pandas as pd


class Net:
    weight = 1.0


PICKLED = pickle.dumps(Net())


def predict(live_features: pd.DataFrame) -> pd.DataFrame:
    return (
        (live_features.filter(like="feature").astype("float64").mean(axis=1) * len(PICKLED))
        .rank(pct=True)
        .to_frame("prediction")
    )


def write(path: Path) -> None:
    """Run this file as a script, as users do: only then is its module `__main__`."""
    subprocess.run([sys.executable, __file__, str(path)], check=True, timeout=60)


if __name__ == "__main__":
    Path(sys.argv[1]).write_bytes(cloudpickle.dumps(predict))
