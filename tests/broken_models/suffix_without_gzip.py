"""A name ending in .gz, and a pickle that is not compressed."""

import pickle
from pathlib import Path


def write(path: Path) -> None:
    path.write_bytes(pickle.dumps([1]))
