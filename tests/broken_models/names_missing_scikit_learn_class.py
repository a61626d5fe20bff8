"""A class that the installed scikit-learn does not have."""

from pathlib import Path


def write(path: Path) -> None:
    path.write_bytes(b"csklearn.ensemble\nNoSuchForest\n.")
