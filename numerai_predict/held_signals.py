"""Keeps signals that come before the program can answer them. Imports next to nothing: it has to be there first."""

import signal

ENDING = (signal.SIGINT, signal.SIGTERM)


class HeldSignal:
    """A handler that notes the last signal that came."""

    def __init__(self) -> None:
        self.number: int | None = None

    def __call__(self, number: int, frame: object) -> None:
        """Note the signal."""
        self.number = number


def hold_signals() -> None:
    """Keep Ctrl-C and SIGTERM for `cli.ending_on_signals`. As PID 1 of a container a program without a handler ignores
    SIGTERM, and Docker waits ten seconds before it kills.
    """
    held = HeldSignal()
    for number in ENDING:
        signal.signal(number, held)
