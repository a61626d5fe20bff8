"""While it is loaded it makes the function of `__main__` that it refers to then."""

import functools
import subprocess
import sys
from pathlib import Path
from typing import Any

import cloudpickle
import pandas as pd


@functools.cache
def weight(position: int) -> float:
    return 1.0 / (1 + position)


class Provider:
    def __setstate__(self, state: dict[str, Any]) -> None:
        import sys

        sys.modules["__main__"].weight = lambda position: 1.0  # type: ignore[attr-defined]


provider = Provider()
provider.__dict__["state"] = None  # Without a state, none is given.
parts = (provider, weight)


def predict(live_features: pd.DataFrame) -> pd.DataFrame:
    return (
        (live_features.filter(like="feature").astype("float64").mean(axis=1) * parts[1](0))
        .rank(pct=True)
        .to_frame("prediction")
    )


def write(path: Path) -> None:
    """Run this file as a script, as users do: only then is its module `__main__`."""
    subprocess.run([sys.executable, __file__, str(path)], check=True, timeout=60)


if __name__ == "__main__":
    Path(sys.argv[1]).write_bytes(cloudpickle.dumps(predict))
