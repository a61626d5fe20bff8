"""What Ctrl-C and SIGTERM do to a run: they end it."""

import contextlib
import signal
import threading
from collections.abc import Iterator
from typing import NoReturn

from numerai_predict.faults import Interrupted
from numerai_predict.held_signals import ENDING, HeldSignal


@contextlib.contextmanager
def ending_on_signals() -> Iterator[None]:
    """While inside, Ctrl-C and SIGTERM raise Interrupted in the main thread; so does, at once, one that was held."""
    numbers = ENDING if threading.current_thread() is threading.main_thread() else ()
    before = {number: signal.signal(number, _interrupt) for number in numbers}
    try:
        for handler in before.values():
            if isinstance(handler, HeldSignal) and handler.number is not None:
                _interrupt(handler.number, None)
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _interrupt(number: int, frame: object) -> NoReturn:
    raise Interrupted(signal.Signals(number).name)
