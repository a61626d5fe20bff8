"""A round in a folder, of a disk or of NFS."""

import contextlib
import errno
import fcntl
import hashlib
import os
import time
from collections.abc import Iterator
from pathlib import Path

from numerai_predict.files import open_file
from numerai_predict.round.store import StoreError, Versioned, checked_key

LOCK = ".lock"
# The lock is held for a rename, but by a machine that died until its NFS lease has run out: 90 seconds at most servers
# (https://docs.kernel.org/admin-guide/nfs/nfsd-admin-interfaces.html).
LOCK_WAIT_S = 120.0
LOCK_RETRY_S = 0.005
# How often a file is opened anew that another machine has replaced while it was read.
STALE_TRIES = 5
NOTHING = (FileNotFoundError, NotADirectoryError)


class FolderStore:
    """A round in a folder that exists, whose filesystem has hard links and locks (flock). Two processes of whatever
    machines never both create a file, or replace the same version of it.

    On NFS, what others wrote is read at once, but `names` may be as old as the client keeps folders (`acdirmax`, a
    minute if not set otherwise: nfs(5)), and locks reach other machines with NFSv4, or with lockd on all of them; the
    mount options `nolock` and `local_lock` keep them from it.

    A version is a hash of the content: the number of an inode is given again at once, and two writes may come within
    one tick of the filesystem's clock. Who is killed in the midst of a write may leave a hidden file.
    """

    def __init__(self, folder: Path) -> None:
        self.address = str(folder)
        self._folder = folder.absolute()

    def read(self, key: str) -> Versioned | None:
        """What is there; None if nothing is."""
        path = self._path(key)
        with _saying(f"{path} could not be read"):
            content = _read(path)
        return None if content is None else Versioned(content, _version_of(content))

    def create(self, key: str, content: bytes) -> str | None:
        """Write it if nothing is there; the version that this very call wrote, None if it did not."""
        path = self._path(key)
        with _saying(f"{path} could not be written"):
            with self._written_beside(path, content) as part:
                created = _link(part, path)
            if created:
                _sync(path.parent)
            return _version_of(content) if created else None

    def replace(self, key: str, content: bytes, version: str) -> str | None:
        """Write it if that version is there still; the version that this very call wrote, None if it did not."""
        return self._put(key, content, version)

    def write(self, key: str, content: bytes) -> None:
        """Write it, whatever is there."""
        self._put(key, content, None)

    def names(self, folder: str) -> set[str]:
        """The names of the files directly in a folder of the round, but for hidden ones; none if it does not exist."""
        path = self._path(folder)
        with _saying(f"{path} could not be read"), contextlib.suppress(*NOTHING), os.scandir(path) as entries:
            return {entry.name for entry in entries if not entry.name.startswith(".") and entry.is_file()}
        return set()

    def fetch(self, key: str, folder: Path) -> Path:
        """Where it lies; `folder` is not used. Raises FileNotFoundError if nothing is there."""
        path = self._path(key)
        with _saying(f"{path} could not be read"), contextlib.suppress(*NOTHING):
            open_file(path).close()
            return path
        raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), str(path))

    def _path(self, key: str) -> Path:
        return self._folder / checked_key(key)

    def _put(self, key: str, content: bytes, version: str | None) -> str | None:
        """Write it if that version is there still (None: whatever is there); the version that was written, if so."""
        path = self._path(key)
        with _saying(f"{path} could not be written"):
            with self._written_beside(path, content) as part, self._locked():
                found = None if version is None else self.read(key)
                if version is not None and (found is None or found.version != version):
                    return None
                os.replace(part, path)
            _sync(path.parent)
            return _version_of(content)

    @contextlib.contextmanager
    def _written_beside(self, path: Path, content: bytes) -> Iterator[Path]:
        """A hidden file in the same folder that has the content for good, to be linked or renamed."""
        self._make_folder(path.parent)
        part = path.with_name(f".{os.urandom(8).hex()}")  # Not longer than any name may be.
        try:
            with open(part, "xb") as file:
                file.write(content)
                file.flush()
                os.fsync(file.fileno())
            yield part
        finally:
            with contextlib.suppress(OSError):
                part.unlink(missing_ok=True)

    def _make_folder(self, folder: Path) -> None:
        """Make the folder if need be, but not the round's: where that is not, its disk is not mounted."""
        if folder == self._folder or folder.is_dir():
            return
        self._make_folder(folder.parent)
        folder.mkdir(exist_ok=True)
        _sync(folder.parent)

    @contextlib.contextmanager
    def _locked(self) -> Iterator[None]:
        """Keep all others from replacing anything in this round."""
        # NFS gives an exclusive lock only to who may write: flock(2).
        descriptor = os.open(self._folder / LOCK, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o666)
        try:
            _lock(descriptor)
            yield
        finally:
            # A process that was forked meanwhile has the descriptor too: to close ours would not be enough.
            fcntl.flock(descriptor, fcntl.LOCK_UN)
            os.close(descriptor)


@contextlib.contextmanager
def _saying(failure: str) -> Iterator[None]:
    """Raise StoreError for every OSError."""
    try:
        yield
    except OSError as error:
        raise StoreError(f"{failure}: {error.strerror or error}") from error


def _version_of(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def _read(path: Path) -> bytes | None:
    """What is in the file; None if there is none."""
    for tries_left in reversed(range(STALE_TRIES)):
        try:
            with open_file(path) as file:
                return file.read()
        except NOTHING:
            break
        except OSError as error:
            if error.errno != errno.ESTALE or not tries_left:
                raise
    return None


def _link(part: Path, path: Path) -> bool:
    """Give the file that name if no other has it; whether it has it now."""
    try:
        os.link(part, path)
    except OSError as error:
        # NFS may have linked it, lost its answer, and found the name taken when it asked again: open(2), O_EXCL.
        if os.stat(part).st_nlink > 1:
            return True
        if not isinstance(error, FileExistsError):
            raise
        return False
    return True


def _lock(descriptor: int) -> None:
    """Get the lock on an open file. Raises TimeoutError if others have had it for LOCK_WAIT_S seconds."""
    enough = time.monotonic() + LOCK_WAIT_S
    while True:
        try:
            return fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if time.monotonic() > enough:
                raise TimeoutError(errno.ETIMEDOUT, f"{LOCK} was locked for {LOCK_WAIT_S:g} seconds") from None
        time.sleep(LOCK_RETRY_S)


def _sync(folder: Path) -> None:
    """Make the names in the folder durable."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
