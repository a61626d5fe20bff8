"""The same, in the protocol that pickle.dump uses."""

from pathlib import Path


def write(path: Path) -> None:
    path.write_bytes(b"\x80\x04\x8c\x08__main__\x8c\x07predict\x93.")
