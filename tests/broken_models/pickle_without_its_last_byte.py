"""All of a pickle but STOP."""

import pickle
from pathlib import Path


def write(path: Path) -> None:
    path.write_bytes(pickle.dumps(list(range(10)))[:-1])
