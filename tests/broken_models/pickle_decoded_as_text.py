"""The bytes were read as Latin-1 text and written as UTF-8."""

import pickle
from pathlib import Path


def write(path: Path) -> None:
    path.write_text(pickle.dumps(list(range(300))).decode("latin-1"), encoding="utf-8")
