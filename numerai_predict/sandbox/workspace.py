"""Where the model's process lives: a folder of its own, which goes when it goes, and as root a user of its own."""

import contextlib
import logging
import os
import stat
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

from numerai_predict.sandbox.folders import remove_tree
from numerai_predict.sandbox.users import UserLease

# To become another user, to end its processes, and to give it a folder and take it away again:
# https://man7.org/linux/man-pages/man7/capabilities.7.html
CAPABILITIES = {"CHOWN": 0, "DAC_OVERRIDE": 1, "KILL": 5, "SETGID": 6, "SETUID": 7}
SHARED_MEMORY = Path("/dev/shm")
# For what a model leaves: some hundred thousand files.
REMOVE_SECONDS = 20.0

_log = logging.getLogger(__name__)


class NoWorkspaceError(Exception):
    """There is no place for a private folder."""


class Workspace:
    """A private folder in `parent` (None: where temporary files go) and, where we are root, an unprivileged user who
    owns it; `why_no_user` says why there is none.

    Raises NoWorkspaceError if a folder cannot be made.
    """

    def __init__(self, parent: Path | None = None) -> None:
        try:
            self.folder = Path(tempfile.mkdtemp(prefix="model-", dir=parent))
        except OSError as error:
            raise NoWorkspaceError(error.strerror or str(error)) from error
        self.user: int | None = None
        self.why_no_user = ""
        self._lease: UserLease | None = None
        if os.getuid() == 0:
            self.why_no_user = _why_no_other_user(self.folder.parent) or self._give_to_a_user()

    def _give_to_a_user(self) -> str:
        """Make an unprivileged user the owner; returns why that is not possible, if so."""
        try:
            self._lease = UserLease()
            os.chown(self.folder, self._lease.user, self._lease.user)
        except OSError as error:  # A user namespace may know few users.
            return f"no other user can own a folder here ({error.strerror or error})"
        self.user = self._lease.user
        return ""

    def remove(self, is_late: Callable[[], bool]) -> None:
        """Remove the folder with all that the model left in it, and what its user left in shared memory, until
        `is_late`; let others have that user.
        """
        try:
            left = remove_files(str(self.folder), self.user, is_late)
        finally:
            if self._lease is not None:
                self._lease.release()
        if left:
            _log.warning("Not all that the model wrote could be removed in time: remove %s", repr(left)[1:-1])


def remove_files(folder: str, user: int | None, is_late: Callable[[], bool]) -> list[str]:
    """Remove the folder and what `user` (None: nobody) has in shared memory. Returns the paths of what is left."""
    left = [] if remove_tree(folder, is_late) else [folder]
    if user is not None and SHARED_MEMORY.is_dir():
        with os.scandir(SHARED_MEMORY) as entries:
            left += [entry.path for entry in entries if _belongs_to(user, entry) and not _remove(entry, is_late)]
    return left


def _belongs_to(user: int, entry: "os.DirEntry[str]") -> bool:
    with contextlib.suppress(OSError):  # Others come and go.
        return entry.stat(follow_symlinks=False).st_uid == user
    return False


def _remove(entry: "os.DirEntry[str]", is_late: Callable[[], bool]) -> bool:
    if entry.is_dir(follow_symlinks=False):
        return remove_tree(entry.path, is_late)
    with contextlib.suppress(OSError):
        os.unlink(entry)
    return not os.path.lexists(entry)


def _why_no_other_user(temporary: Path) -> str:
    """Why a program cannot run as another user, as far as is known beforehand; empty if it can."""
    held = _capabilities()
    lacking = [name for name, number in CAPABILITIES.items() if not held >> number & 1]
    if lacking:
        return f"the capabilities {', '.join(lacking)} are missing"
    places = {os.path.realpath(sys.executable), sys.executable, *filter(os.path.exists, sys.path), str(temporary)}
    closed = next((folder for place in sorted(places) for folder in _closed_folders(Path(place))), None)
    return f"other users cannot enter {closed}" if closed else ""


def _capabilities() -> int:
    with contextlib.suppress(OSError):
        for line in Path("/proc/self/status").read_text().splitlines():
            if line.startswith("CapEff:"):
                return int(line.split()[1], 16)
    return -1  # No Linux: root may do everything.


def _closed_folders(place: Path) -> Iterator[Path]:
    """The folders on the way to `place` that others may not enter, outermost first."""
    for folder in reversed([place, *place.absolute().parents]):
        if folder.is_dir() and not folder.stat().st_mode & stat.S_IXOTH:
            yield folder
