"""The live data, as the model's process finds it: read already, or in a file."""

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, BinaryIO, TypeAlias

from numerai_predict.child.load import read_data

if TYPE_CHECKING:
    import pandas as pd

# A file's device, inode, size and time of change: the same file, and nobody has written to it since.
FileIdentity: TypeAlias = tuple[int, int, int, int]


@dataclass(frozen=True)
class LiveFrames:
    """The DataFrames that were read beforehand, by the file that each is of."""

    frames: Mapping[FileIdentity, "pd.DataFrame"] = field(default_factory=dict)

    def read(self, file: BinaryIO, name: str) -> "pd.DataFrame":
        """The live data in this file: what was read of it beforehand, else read now. Raises Fault as read_data does."""
        found = self.frames.get(identity_of(file))
        return read_data(file, name) if found is None else found


NOTHING_READ = LiveFrames()


def identity_of(file: BinaryIO) -> FileIdentity:
    """The identity of an open file."""
    found = os.fstat(file.fileno())
    return found.st_dev, found.st_ino, found.st_size, found.st_mtime_ns
