"""Moments in which Ctrl-C and SIGTERM must wait."""

import contextlib
import os
import signal
import threading
from collections.abc import Iterator


@contextlib.contextmanager
def undisturbed() -> Iterator[list[int]]:
    """Hold back Ctrl-C and SIGTERM for the moment: what their handlers raise would leave something behind. The list
    gets the numbers of those that have come, for whoever can make haste.
    """
    if threading.current_thread() is not threading.main_thread():
        yield []
        return
    held: list[int] = []
    before = {
        number: signal.signal(number, lambda which, _: held.append(which)) for number in (signal.SIGINT, signal.SIGTERM)
    }
    try:
        yield held
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
        for which in held:
            os.kill(os.getpid(), which)
