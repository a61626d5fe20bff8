"""Reads the live data of a round once, so that every model's process has it as its own and yet shares the memory.

A DataFrame's values lie in a memory file that is mapped privately: a page that a model changes becomes the model's
alone. In ordinary memory, each fork would have to copy the page tables of all of it: 21 ms for 115 MB.
https://man7.org/linux/man-pages/man2/mmap.2.html (MAP_PRIVATE), https://peps.python.org/pep-0574/
"""

import fcntl
import mmap
import os
import pickle
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO, Final, NoReturn

from numerai_predict.child.live_frames import LiveFrames, identity_of
from numerai_predict.child.load import read_data
from numerai_predict.files import open_file

if TYPE_CHECKING:
    import pandas as pd

# https://man7.org/linux/man-pages/man2/F_GET_SEALS.2const.html
SEALS = fcntl.F_SEAL_SEAL | fcntl.F_SEAL_SHRINK | fcntl.F_SEAL_GROW | fcntl.F_SEAL_WRITE
SIZE_BYTES = 8
BYTE_ORDER: Final = "little"


def read_beforehand(paths: Iterable[Path]) -> LiveFrames:
    """The live data in these files. One that cannot be read is left out: each model's process finds out why."""
    frames = {}
    for path in paths:
        try:
            with open_file(path) as file:
                frames[identity_of(file)] = _read_elsewhere(file, path.name)
        except (OSError, EOFError):
            continue
    return LiveFrames(frames)


def _read_elsewhere(file: BinaryIO, name: str) -> "pd.DataFrame":
    """Read it in a process of its own, as Arrow starts threads for it. Raises EOFError if that does not succeed."""
    memory = os.memfd_create("live-data", os.MFD_CLOEXEC | os.MFD_ALLOW_SEALING)
    try:
        if (pid := os.fork()) == 0:
            _write_and_leave(file, name, memory)
        if os.waitpid(pid, 0)[1]:
            raise EOFError
        # The mapping keeps a descriptor, which every fork has: through it a model could write what others read.
        fcntl.fcntl(memory, fcntl.F_ADD_SEALS, SEALS)
        area = mmap.mmap(memory, 0, access=mmap.ACCESS_COPY)
    finally:
        os.close(memory)
    head, *buffers = _parts(memoryview(area))
    frame: pd.DataFrame = pickle.loads(head, buffers=buffers)
    return frame


def _write_and_leave(file: BinaryIO, name: str, memory: int) -> NoReturn:
    try:
        buffers: list[pickle.PickleBuffer] = []
        head = pickle.dumps(read_data(file, name), protocol=5, buffer_callback=buffers.append)
        with os.fdopen(memory, "wb") as target:
            for part in [memoryview(head), *(buffer.raw() for buffer in buffers)]:
                target.write(len(part).to_bytes(SIZE_BYTES, BYTE_ORDER))
                target.seek(-target.tell() % mmap.PAGESIZE, os.SEEK_CUR)
                target.write(part)
        os._exit(0)
    finally:
        os._exit(1)


def _parts(area: memoryview) -> Iterator[memoryview]:
    """The pickle, and then the buffers that belong to it; each has its size before it, and begins a page."""
    at = 0
    while at < len(area):
        size = int.from_bytes(area[at : at + SIZE_BYTES], BYTE_ORDER)
        at += SIZE_BYTES
        at += -at % mmap.PAGESIZE
        yield area[at : at + size]
        at += size
