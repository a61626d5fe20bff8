"""Where a round lies: a folder, or a prefix of a bucket in S3, with the same few operations for both."""

from dataclasses import dataclass
from pathlib import Path
from typing import Protocol


class StoreError(Exception):
    """The store could not be read or written, after all tries; its text is a sentence that says why."""


@dataclass(frozen=True)
class Versioned:
    """What is stored under a key, and which version of it that is: two writes never have the same."""

    content: bytes
    version: str


class Store(Protocol):
    """What a round needs of the place where it lies. Keys are relative, with slashes: `claims/m1`. Everything raises
    StoreError; what was written is durable when the call returns, and is seen whole or not at all.
    """

    address: str

    def read(self, key: str) -> Versioned | None:
        """What is there; None if nothing is."""

    def create(self, key: str, content: bytes) -> bool:
        """Write it if nothing is there; whether it was written, by this very call."""

    def replace(self, key: str, content: bytes, version: str) -> bool:
        """Write it if that version is there still; whether it was written, by this very call."""

    def write(self, key: str, content: bytes) -> None:
        """Write it, whatever is there."""

    def names(self, folder: str) -> set[str]:
        """The names of what lies directly in a folder of the round, such as `outcomes`; none if it does not exist."""

    def fetch(self, key: str, folder: Path) -> Path:
        """A local file with what is there: downloaded to `folder`, or where it lies. Raises FileNotFoundError if
        nothing is there.
        """
