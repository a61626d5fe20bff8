"""While it is loaded it makes the module that it refers to then."""

import subprocess
import sys
import types
from collections.abc import Callable
from pathlib import Path
from typing import Any

import cloudpickle
import pandas as pd


def provide() -> types.ModuleType:
    import sys
    import types

    module = sys.modules["notebook_helpers"] = types.ModuleType("notebook_helpers")
    exec("def same(values):\n    return values", vars(module))
    return module


class Provider:
    def __reduce__(self) -> tuple[Callable[[], types.ModuleType], tuple[()]]:
        return provide, ()


helper: Any = provide().same
parts = (Provider(), helper)


def predict(live_features: pd.DataFrame) -> pd.DataFrame:
    return (
        parts[1](live_features.filter(like="feature").astype("float64").mean(axis=1))
        .rank(pct=True)
        .to_frame("prediction")
    )


def write(path: Path) -> None:
    """Run this file as a script, as users do: only then is its module `__main__`."""
    subprocess.run([sys.executable, __file__, str(path)], check=True, timeout=60)


if __name__ == "__main__":
    Path(sys.argv[1]).write_bytes(cloudpickle.dumps(predict))
