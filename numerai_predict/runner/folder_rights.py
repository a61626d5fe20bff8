"""The rights of the folders and files that a run needs again when the model is gone.

A model that runs as our own user cannot write there, but can take our rights: nothing keeps an owner from chmod.
"""

import contextlib
import logging
import os
import stat
from collections.abc import Iterable, Iterator
from pathlib import Path

from numerai_predict.faults import Blame, Code, Fault

HINT = "Do not change the rights of files and folders that the model has not made."

_log = logging.getLogger(__name__)


class FolderRights:
    """The rights of some paths, and of the folders above them, as they were before the model could change them."""

    def __init__(self, paths: Iterable[str | Path]) -> None:
        self.changed: list[str] = []
        self._modes: dict[Path, int] = {}
        for path in paths:
            self.note(path)

    def note(self, path: str | Path) -> None:
        """Note those of one more path, if it is there."""
        whole = Path(os.path.realpath(path))
        for place in (*reversed(whole.parents), whole):
            with contextlib.suppress(OSError):
                self._modes.setdefault(place, stat.S_IMODE(place.stat().st_mode))

    def restore(self) -> None:
        """Give back what was taken, from the topmost folder down, and remember in `changed` where that was."""
        for place in sorted(self._modes, key=lambda place: len(place.parts)):
            with contextlib.suppress(OSError):
                if stat.S_IMODE(place.stat().st_mode) != self._modes[place]:
                    self.changed += [str(place)] if str(place) not in self.changed else []
                    place.chmod(self._modes[place])

    @contextlib.contextmanager
    def blaming(self) -> Iterator[None]:
        """Call what fails inside the model's fault, if it has changed rights and nothing else is known of the model."""
        try:
            yield
        except Exception as error:
            self.restore()
            is_models = isinstance(error, Fault) and error.code.blame is Blame.MODEL
            if not self.changed or is_models:
                raise
            message = f"The model changed the rights of {', '.join(self.changed)}. After that: {error}"
            raise Fault(Code.BAD_HANDOVER, message, HINT) from error
        self.restore()
        if self.changed:
            _log.warning("The model changed the rights of %s; they are as before", ", ".join(self.changed))
