"""A compressed pickle whose name does not say so."""

import gzip
import pickle
from pathlib import Path


def write(path: Path) -> None:
    path.write_bytes(gzip.compress(pickle.dumps([1])))
