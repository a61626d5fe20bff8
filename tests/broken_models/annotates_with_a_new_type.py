"""A NewType of the user's script annotates a function: cloudpickle stores its name."""

import subprocess
import sys
import typing
from pathlib import Path

import cloudpickle
import pandas as pd

Position = typing.NewType("Position", int)


def weight(position: Position) -> float:
    return 1.0 / (1 + position)


def predict(live_features: pd.DataFrame) -> pd.DataFrame:
    scores = live_features.filter(like="feature").astype("float64").mean(axis=1) * weight(Position(0))
    return scores.rank(pct=True).to_frame("prediction")


def write(path: Path) -> None:
    """Run this file as a script, as users do: only then is its module `__main__`."""
    subprocess.run([sys.executable, __file__, str(path)], check=True, timeout=60)


if __name__ == "__main__":
    Path(sys.argv[1]).write_bytes(cloudpickle.dumps(predict))
