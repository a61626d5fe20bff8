"""The temporary folder of a worker, which goes with it however that ends: what a killed one left, the next removes."""

import contextlib
import fcntl
import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

PREFIX = "round-worker-"


@contextlib.contextmanager
def private_folder() -> Iterator[Path]:
    """A folder for the files of this process alone; those of workers that were killed go. Raises OSError if there is
    no place for one.

    Its lock ends with the process, whatever ends it: who can lock the folder of another knows that it is gone.
    """
    _remove_abandoned(Path(tempfile.gettempdir()))
    folder, lock = _locked_folder()
    folder.chmod(0o711)  # Users of models have their folders in it.
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)
        os.close(lock)


def _locked_folder() -> tuple[Path, int]:
    while True:
        folder = Path(tempfile.mkdtemp(prefix=PREFIX))
        if (lock := _lock(folder)) is not None:
            return folder, lock


def _remove_abandoned(temporary: Path) -> None:
    for folder in temporary.glob(f"{PREFIX}*"):
        if (lock := _lock(folder)) is not None:
            shutil.rmtree(folder, ignore_errors=True)
            os.close(lock)


def _lock(folder: Path) -> int | None:
    """A descriptor that locks a folder of our user until it is closed; None if somebody else has it, or it is gone."""
    try:
        descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)
    except OSError:
        return None
    with contextlib.suppress(OSError):
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        locked, there = os.fstat(descriptor), os.stat(folder, follow_symlinks=False)
        # Between its making and its lock, another worker may have taken it for abandoned.
        if locked.st_uid == os.getuid() and os.path.samestat(locked, there):
            return descriptor
    os.close(descriptor)
    return None
