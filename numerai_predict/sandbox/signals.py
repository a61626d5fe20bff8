"""What Ctrl-C and SIGTERM do to a run: they end it, but not in the midst of what must be whole."""

import contextlib
import os
import signal
import threading
from collections.abc import Iterator
from typing import NoReturn

from numerai_predict.faults import Code, Fault


@contextlib.contextmanager
def ending_on_signals() -> Iterator[None]:
    """While inside, Ctrl-C and SIGTERM raise Fault; PID 1 of a container would otherwise ignore them."""

    def end(number: int, frame: object) -> NoReturn:
        raise Fault(Code.INTERRUPTED, f"The run was stopped by {signal.Signals(number).name}.")

    numbers = (signal.SIGINT, signal.SIGTERM) if threading.current_thread() is threading.main_thread() else ()
    before = {number: signal.signal(number, end) for number in numbers}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


@contextlib.contextmanager
def undisturbed() -> Iterator[None]:
    """Hold back Ctrl-C and SIGTERM for the moment: what their handlers raise would leave something behind."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    held: list[int] = []
    before = {
        number: signal.signal(number, lambda which, _: held.append(which)) for number in (signal.SIGINT, signal.SIGTERM)
    }
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
        for which in held:
            os.kill(os.getpid(), which)
