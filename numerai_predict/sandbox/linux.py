"""The few Linux calls that Python has no function for."""

import ctypes
import errno
import os
import sys
from typing import TypeAlias

# Bytes and buffers are passed by their address.
Argument: TypeAlias = int | bytes | ctypes.Array[ctypes.c_char]

# https://man7.org/linux/man-pages/man2/prctl.2.html
PR_SET_PDEATHSIG = 1
PR_SET_DUMPABLE = 4
PR_SET_SECCOMP = 22
PR_SET_CHILD_SUBREAPER = 36
PR_SET_NO_NEW_PRIVS = 38

_LIBRARY = ctypes.CDLL(None, use_errno=True)


def prctl(option: int, *arguments: Argument) -> int:
    """Change or ask for one property of the calling process; raises OSError."""
    # The kernel refuses some options unless what they do not use is 0.
    return _call("prctl", ctypes.c_int, option, *arguments, *[0] * (4 - len(arguments)))


def syscall(number: int, *arguments: Argument) -> int:
    """Make the system call of that number, which depends on the machine; raises OSError."""
    return _call("syscall", ctypes.c_long, number, *arguments)


def _call(name: str, result_type: type[ctypes.c_int | ctypes.c_long], *arguments: Argument) -> int:
    if sys.platform != "linux":
        raise OSError(errno.ENOSYS, os.strerror(errno.ENOSYS))
    function = getattr(_LIBRARY, name)
    function.restype = result_type
    # Without a type, ctypes would cut integers to 32 bits.
    result: int = function(*(ctypes.c_long(value) if isinstance(value, int) else value for value in arguments))
    if result == -1:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
    return result
