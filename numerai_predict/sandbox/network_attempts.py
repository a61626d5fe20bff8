"""What a program tried to reach by name, and through which calls of libraries: an exception may come out of one."""

import itertools
import socket
import sys
import traceback
from collections.abc import Iterator, Sequence
from pathlib import Path
from types import CodeType, FrameType, TracebackType

from numerai_predict.own_files import is_ours

MAX_HOSTS = 10
MAX_HOST = 200
# Of all attempts; a program may try again and again, each time from another place.
MAX_CALLS = 1000
STANDARD_LIBRARY = str(Path(socket.__file__).parent)
# The code of a caller, the line that it is in, and the code that it calls.
Call = tuple[CodeType, int, CodeType]
# Outermost first, each with the line that it is in.
Stack = Sequence[tuple[FrameType, int]]


class NetworkAttempts:
    """The `hosts` that were tried, each once, and which call tried which.

    Libraries swallow such errors, and fail for want of the answer a little later: numerapi with a KeyError. So what
    counts is not what was raised, but whether it came out of the very call that had tried.
    """

    def __init__(self) -> None:
        self.hosts: list[str] = []
        self._calls: dict[Call, str] = {}

    def note(self, host: str) -> None:
        """An attempt, by who calls this."""
        host = host[:MAX_HOST]
        if host not in self.hosts and len(self.hosts) < MAX_HOSTS:
            self.hosts.append(host)
        if len(self._calls) < MAX_CALLS:
            stack = [*traceback.walk_stack(sys._getframe(1))][::-1]
            self._calls.update(dict.fromkeys(_innermost_library_calls(stack), host))

    def behind(self, raised: TracebackType | None) -> list[str]:
        """The hosts that calls had tried which this exception came out of."""
        hosts = (self._calls.get(call) for call in _calls([*traceback.walk_tb(raised)]))
        return list(dict.fromkeys(filter(None, hosts)))


def _calls(stack: Stack) -> Iterator[Call]:
    for (caller, line), (callee, _) in itertools.pairwise(stack):
        yield caller.f_code, line, callee.f_code


def _innermost_library_calls(stack: Stack) -> Iterator[Call]:
    """The calls from the user's innermost function inwards. What is shared further out says nothing: the user's own
    function may have swallowed the failure, and raise for another reason.
    """
    theirs = [(frame, line) for frame, line in stack if not is_ours(frame.f_code.co_filename)]
    users = [n for n, (frame, _) in enumerate(theirs) if not _is_of_a_library(frame.f_code.co_filename)]
    return _calls(theirs[users[-1] if users else 0 :])


def _is_of_a_library(file: str) -> bool:
    return file.startswith((STANDARD_LIBRARY, "<frozen ")) or "/site-packages/" in file or "/dist-packages/" in file
