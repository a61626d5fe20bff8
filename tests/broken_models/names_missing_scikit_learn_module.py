"""A module that scikit-learn no longer has."""

from pathlib import Path


def write(path: Path) -> None:
    path.write_bytes(b"csklearn.ensemble._gb_losses\nLeastSquaresError\n.")
