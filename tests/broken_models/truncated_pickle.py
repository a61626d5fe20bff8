"""Half of a pickle."""

import pickle
from pathlib import Path


def write(path: Path) -> None:
    whole = pickle.dumps(list(range(10_000)))
    path.write_bytes(whole[: len(whole) // 2])
