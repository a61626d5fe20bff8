"""An object that pickles a class of the user's script itself, as skorch's nets do: only its name is stored."""

import pickle
import subprocess
import sys
from pathlib import Path

import cloudpickle
import pandas as pd


class Net:
    weight = 1.0


class Holder:
    def __init__(self, net: Net) -> None:
        self.net = net

    def __getstate__(self) -> dict[str, bytes]:
        return {"net": pickle.dumps(self.net)}

    def __setstate__(self, state: dict[str, bytes]) -> None:
        self.net = pickle.loads(state["net"])


holder = Holder(Net())


def predict(live_features: pd.DataFrame) -> pd.DataFrame:
    return (
        (live_features.filter(like="feature").astype("float64").mean(axis=1) * holder.net.weight)
        .rank(pct=True)
        .to_frame("prediction")
    )


def write(path: Path) -> None:
    """Run this file as a script, as users do: only then is its module `__main__`."""
    subprocess.run([sys.executable, __file__, str(path)], check=True, timeout=60)


if __name__ == "__main__":
    Path(sys.argv[1]).write_bytes(cloudpickle.dumps(predict))
