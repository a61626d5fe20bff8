"""Half of a compressed pickle."""

import gzip
import pickle
import random
from pathlib import Path


def write(path: Path) -> None:
    whole = gzip.compress(pickle.dumps(random.Random(0).randbytes(10_000)))
    path.write_bytes(whole[:5_000])
