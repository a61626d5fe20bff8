"""The SHA-256 of a model for its report, which nobody's predictions wait for: 500 MB take two seconds."""

import contextlib
import os
from pathlib import Path

from numerai_predict.faults import Interrupted
from numerai_predict.inspection import sha256
from numerai_predict.report import ModelSection


class ModelDigest:
    """Puts the digest into the section when all else of the run is over, if it is wanted. A run that is interrupted
    has none, nor has a file that changed after it was looked at.
    """

    def __init__(self, section: ModelSection, is_wanted: bool) -> None:
        self.is_wanted = is_wanted
        self._section = section
        self._path: Path | None = None
        self._version: tuple[int, ...] = ()

    def __enter__(self) -> "ModelDigest":
        return self

    def __exit__(self, kind: object, error: object, trace: object) -> None:
        is_interrupted = error is not None and not isinstance(error, Exception)
        if self._path is None or not self.is_wanted or is_interrupted:
            return
        with contextlib.suppress(OSError, Interrupted):
            digest = sha256(self._path) if _version_of(self._path) == self._version else None
            if _version_of(self._path) == self._version:
                self._section.sha256 = digest

    def note_file(self, path: Path) -> None:
        """Note which file it is of, before that is looked at. Raises OSError if there is none."""
        self._version = _version_of(path)
        self._path = path


def _version_of(path: Path) -> tuple[int, ...]:
    """What differs if the file does; nobody can choose the last of it, the time at which anything of it changed."""
    facts = os.stat(path)
    return facts.st_dev, facts.st_ino, facts.st_size, facts.st_mtime_ns, facts.st_ctime_ns
