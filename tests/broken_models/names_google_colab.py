"""A module of Google Colab as a global of predict, as cloudpickle writes it."""

from pathlib import Path


def write(path: Path) -> None:
    path.write_bytes(b"ccloudpickle.cloudpickle\nsubimport\nX\x12\x00\x00\x00google.colab.drive\x85R.")
