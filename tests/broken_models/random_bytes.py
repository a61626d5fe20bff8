"""Nothing that anybody knows."""

import random
from pathlib import Path


def write(path: Path) -> None:
    path.write_bytes(random.Random(7).randbytes(4_000))
