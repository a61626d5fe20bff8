"""Going through folders that somebody else may be changing: no link is followed, and no depth is too deep."""

import contextlib
import os
from collections.abc import Callable
from types import TracebackType
from typing import TypeVar

T = TypeVar("T")

_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
# A listing may miss entries while others vanish from under it.
_ATTEMPTS = 3


class MovedError(OSError):
    """A folder is no longer where it was."""


class Position:
    """A folder in a tree, held open as `descriptor`; goes down by name and up again, with two descriptors at most.

    Raises OSError where there is no such folder, or it may not be opened.
    """

    def __init__(self, root: str) -> None:
        self.descriptor = os.open(root, _FOLDER)
        self._above: list[tuple[int, int]] = []

    def __enter__(self) -> "Position":
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        os.close(self.descriptor)

    def enter(self, name: str) -> None:
        """Go down. Raises OSError, and stays where it is."""
        below = os.open(name, _FOLDER, dir_fd=self.descriptor)
        self._above.append(_identity(self.descriptor))
        self._move_to(below)

    def leave(self) -> None:
        """Go up again, to where it came from. Raises MovedError if that is no longer above."""
        above = os.open("..", _FOLDER, dir_fd=self.descriptor)
        self._move_to(above)
        if _identity(above) != self._above.pop():
            raise MovedError

    def _move_to(self, descriptor: int) -> None:
        os.close(self.descriptor)
        self.descriptor = descriptor


def _identity(descriptor: int) -> tuple[int, int]:
    found = os.fstat(descriptor)
    return found.st_dev, found.st_ino


def remove_tree(folder: str, is_late: Callable[[], bool]) -> bool:
    """Remove a folder with all that is in it, closed folders included, until `is_late`. Whether it is gone."""
    for _ in range(_ATTEMPTS):
        with contextlib.suppress(OSError):
            with _as_owner(Position, folder, None) as position:
                _empty(position, is_late)
            os.rmdir(folder)
        if is_late() or not os.path.lexists(folder):
            break
    return not os.path.lexists(folder)


def _empty(position: Position, is_late: Callable[[], bool]) -> None:
    """Remove all that can be removed below that position."""
    # At each level the folders that are still to be emptied. The last one is where we are, at the level below.
    full = [_remove_what_goes_at_once(position.descriptor, is_late)]
    while full and not is_late():
        if full[-1]:
            try:
                _as_owner(position.enter, full[-1][-1], position.descriptor)
            except OSError:
                full[-1].pop()
            else:
                full.append(_remove_what_goes_at_once(position.descriptor, is_late))
        else:
            full.pop()
            if full:
                position.leave()
                _goes(os.rmdir, full[-1].pop(), position.descriptor)


def _remove_what_goes_at_once(folder: int, is_late: Callable[[], bool]) -> list[str]:
    """Remove files and empty folders; returns the names of the other folders."""
    with contextlib.suppress(OSError):
        os.fchmod(folder, 0o700)
    full = []
    with os.scandir(folder) as entries:
        for entry in entries:
            if is_late():
                break
            if not entry.is_dir(follow_symlinks=False):
                _goes(os.unlink, entry.name, folder)
            elif not _goes(os.rmdir, entry.name, folder):
                full.append(entry.name)
    return full


def _as_owner(enter: Callable[[str], T], folder: str, parent: int | None) -> T:
    """Enter a folder that may be closed to us."""
    try:
        return enter(folder)
    except PermissionError:
        # Who is denied it is no root that may do all. So what is opened here, by a link too, is the same user's.
        os.chmod(folder, 0o700, dir_fd=parent)
        return enter(folder)


def _goes(remove: Callable[..., None], name: str, folder: int) -> bool:
    """Whether the entry can be removed, and so is gone."""
    try:
        remove(name, dir_fd=folder)
    except OSError:
        return False
    return True
