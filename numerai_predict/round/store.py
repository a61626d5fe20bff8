"""Where a round lies: a folder, or a prefix of a bucket in S3, with the same few operations for both."""

from dataclasses import dataclass
from pathlib import Path
from typing import Protocol


class StoreError(Exception):
    """The store could not be read or written, after all tries; its text is a sentence that says why."""


@dataclass(frozen=True)
class Versioned:
    """What is stored under a key, and which version of it that is: two contents never have the same. So that two writes
    have not either, what is replaced has something in it that changes each time, such as a counter.
    """

    content: bytes
    version: str


def checked_key(key: str) -> str:
    """The key. Raises StoreError for one that could lead out of a folder, is hidden in it, or does not print."""
    if not key.isprintable() or any(not part or part.startswith(".") for part in key.split("/")):
        raise StoreError(f"{key!r} is not a key of a round: its parts are names that do not begin with a dot")
    return key


class Store(Protocol):
    """What a round needs of the place where it lies. Keys are relative, with slashes: `claims/m1`. Everything raises
    StoreError, after which a write may have happened or not; what was written is durable when the call returns, and
    is seen whole or not at all. Threads may share a store.
    """

    address: str

    def read(self, key: str) -> Versioned | None:
        """What is there; None if nothing is."""

    def create(self, key: str, content: bytes) -> str | None:
        """Write it if nothing is there; the version that this very call wrote, None if it did not."""

    def replace(self, key: str, content: bytes, version: str) -> str | None:
        """Write it if that version is there still; the version that this very call wrote, None if it did not."""

    def write(self, key: str, content: bytes) -> None:
        """Write it, whatever is there."""

    def names(self, folder: str) -> set[str]:
        """The names of the files directly in a folder of the round, such as `outcomes`, but for hidden ones; none if
        it does not exist.
        """

    def fetch(self, key: str, folder: Path) -> Path:
        """A local file with what is there: downloaded to `folder`, or where it lies. Raises FileNotFoundError if
        nothing is there.
        """
