"""Gets the files that a program asks for, in a thread, while the runtime goes on watching the program."""

import contextlib
import socket
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path


class FileProvider:
    """Gets one file at a time; `fileno` can be read from once it is there."""

    def __init__(self) -> None:
        self._ready, self._wake = socket.socketpair()
        self._pool = ThreadPoolExecutor(1, thread_name_prefix="provide")
        # A pool starts its thread with the first call, and the filter of the model's system calls protects none that
        # start after the model's process (seccomp.py).
        self._pool.submit(int).result()
        self._request: Future[Path] | None = None

    @property
    def is_busy(self) -> bool:
        """Whether something was asked for and has not been taken yet."""
        return self._request is not None

    def fileno(self) -> int:
        """For a selector."""
        return self._ready.fileno()

    def ask(self, provide: Callable[[], Path]) -> None:
        """Begin to get the file that `provide` returns."""
        self._request = self._pool.submit(provide)
        self._request.add_done_callback(self._announce)

    def take(self) -> Path:
        """The file, once `fileno` can be read from; raises what `provide` raised."""
        self._ready.recv(1)
        request, self._request = self._request, None
        assert request is not None
        return request.result()

    def close(self) -> None:
        """Leave a request that is under way to itself."""
        self._pool.shutdown(wait=False, cancel_futures=True)
        self._ready.close()
        self._wake.close()

    def _announce(self, _: Future[Path]) -> None:
        with contextlib.suppress(OSError):  # The run may have ended meanwhile.
            self._wake.send(b".")
