"""Whether shared memory was full at some time: who writes to it then is killed by SIGBUS, and it may be emptied."""

import contextlib
import os
from pathlib import Path

# What is left of it counts as nothing: a worker that finds no room leaves less than what it was about to write.
FULL_SHARE = 1 / 16


class SharedMemory:
    """Watches the file system at `folder`; `full_bytes` is its size once it was seen to be full, and else None;
    `is_used` is whether anything lay in it when last seen.
    """

    def __init__(self, folder: Path) -> None:
        self.full_bytes: int | None = None
        self.is_used = False
        self._folder = folder

    def look(self) -> None:
        """See how much is left of it."""
        with contextlib.suppress(OSError):  # macOS has none.
            found = os.statvfs(self._folder)
            self.is_used = found.f_bfree < found.f_blocks
            if found.f_bfree < found.f_blocks * FULL_SHARE:
                self.full_bytes = found.f_blocks * found.f_frsize
