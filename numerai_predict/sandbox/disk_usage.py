"""How much a program has written, found out in small steps: whoever watches it has other things to look at."""

import os
import stat
import time
from collections.abc import Generator, Iterator
from contextlib import suppress

from numerai_predict.sandbox.folders import MovedError, Position

# From the end of one look to the beginning of the next.
INTERVAL_SECONDS = 1.0
STEP_SECONDS = 0.004
MAX_FILES = 20_000
# In a row. A program that works with its files may move a folder while we are in it, though not each time.
MAX_BROKEN_LOOKS = 5


class UncountableError(Exception):
    """More was written than can be looked at; the text completes "The model made …"."""


class DiskUsage:
    """What a program's files take up in its `folder`, and in `shared`, of which only what belongs to `user` is its own.

    `used_bytes` is at least what the last whole look has found: to be compared with a limit.
    """

    def __init__(self, folder: str, shared: str, user: int | None) -> None:
        self.used_bytes = 0
        self._places: list[tuple[str, int | None]] = [(folder, None)]
        if user is not None:
            self._places.append((shared, user))
        self._look: Generator[int, None, None] | None = None
        self._next_look = time.monotonic() + INTERVAL_SECONDS
        self._broken_looks = 0

    @property
    def is_looking(self) -> bool:
        """Whether a look is under way, and waits for the next step."""
        return self._look is not None

    def step(self) -> None:
        """Go on looking for some milliseconds, if it is time to. Raises UncountableError."""
        now = time.monotonic()
        if self._look is None:
            if now < self._next_look:
                return
            self._look = self._sums()
        try:
            for used in self._look:
                self.used_bytes = max(self.used_bytes, used)
                if time.monotonic() - now > STEP_SECONDS:
                    return
            self._broken_looks = 0
        except (MovedError, FileNotFoundError) as error:
            self._broken_looks += 1
            if self._broken_looks == MAX_BROKEN_LOOKS:
                raise UncountableError("folders that never stay where they are") from error
        except OSError as error:
            raise UncountableError(f"a folder that cannot be looked into ({error.strerror})") from error
        self._look = None
        self._next_look = time.monotonic() + INTERVAL_SECONDS

    def close(self) -> None:
        """Look no more."""
        if self._look is not None:
            self._look.close()
            self._look = None

    def _sums(self) -> Generator[int, None, None]:
        """The bytes of all files seen so far, after each one."""
        seen: set[tuple[int, int]] = set()
        used = number = 0
        for place, owner in self._places:
            for file in _files(place, owner):
                if file is not None:
                    number += 1
                    if number > MAX_FILES:
                        raise UncountableError(f"more than {MAX_FILES:,} files")
                    if (file.st_dev, file.st_ino) not in seen:  # By another name, or before it was moved.
                        seen.add((file.st_dev, file.st_ino))
                        used += file.st_blocks * 512
                yield used


def _files(place: str, owner: int | None) -> Iterator[os.stat_result | None]:
    """What is below `place` and belongs to `owner` (None: all), folders too; None for each entry that does not."""
    try:
        position = Position(place)
    except (FileNotFoundError, NotADirectoryError):
        return
    with position:
        names: list[list[str]] = []
        while True:
            names.append([])
            with os.scandir(position.descriptor) as entries:
                for entry in entries:
                    file = _its(entry, owner)
                    yield file
                    if file and stat.S_ISDIR(file.st_mode):
                        names[-1].append(entry.name)
            while not _enter_next(position, names[-1]):
                names.pop()
                if not names:
                    return
                position.leave()


def _its(entry: "os.DirEntry[str]", owner: int | None) -> os.stat_result | None:
    with suppress(FileNotFoundError):  # Gone meanwhile.
        file = entry.stat(follow_symlinks=False)
        if owner in (None, file.st_uid):
            return file
    return None


def _enter_next(position: Position, names: list[str]) -> bool:
    """Enter the first of these folders that is still there; false if there is none."""
    while names:
        with suppress(FileNotFoundError, NotADirectoryError):
            position.enter(names.pop())
            return True
    return False
