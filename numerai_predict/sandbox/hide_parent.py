"""Keeps the secrets of the runtime from every process that it starts, and from those they start."""

import ctypes
import os
import re
from collections.abc import Iterator, Sequence
from pathlib import Path

from numerai_predict.sandbox import linux

PROC = Path("/proc")
# Fields of /proc/PID/stat, counted from 0 behind the name: https://man7.org/linux/man-pages/man5/proc_pid_stat.5.html
PARENT, ARG_START, ARG_END, ENV_START, ENV_END = 1, 45, 46, 47, 48


def hide(secrets: Sequence[str]) -> str:
    """Make this process's memory, arguments and environment unreadable for all others, and take `secrets` from the
    command lines of its ancestors (`docker run --init`, `timeout`, …), which everybody may read.

    Returns why it is not so; empty if it is.
    """
    try:
        linux.prctl(linux.PR_SET_DUMPABLE, 0)
        _wipe_own_command_line()
    except OSError as error:
        return f"this system does not keep one process out of another's memory ({error.strerror or error})"
    texts = [secret.encode() for secret in secrets if secret]
    for pid in _ancestors():
        _mask(pid, texts)
    seen = next((pid for pid in _processes() if any(text in _command_line(pid) for text in texts)), None)
    return f"the command line of process {seen} shows it to every process" if seen else ""


def _wipe_own_command_line() -> None:
    """The environment's variables move to the heap first, where getenv still finds them."""
    for name, value in os.environ.items():
        os.environ[name] = value
    stat = _stat(os.getpid())
    program = len(_command_line(os.getpid()).split(b"\0")[0])
    for start, end in ((stat[ARG_START] + program, stat[ARG_END]), (stat[ENV_START], stat[ENV_END])):
        ctypes.memset(start, 0, max(0, end - start))


def _mask(pid: int, secrets: Sequence[bytes]) -> None:
    """Overwrite the secrets in another process's arguments, if we may; it has read them long ago."""
    try:
        start = _stat(pid)[ARG_START]
        shown = _command_line(pid)
        with open(PROC / str(pid) / "mem", "r+b", buffering=0) as memory:
            for found in (match for secret in secrets for match in re.finditer(re.escape(secret), shown)):
                memory.seek(start + found.start())
                memory.write(b"*" * len(found[0]))
    except OSError:
        return


def _ancestors() -> Iterator[int]:
    pid = os.getppid()
    while pid > 0:
        yield pid
        try:
            pid = _stat(pid)[PARENT]
        except OSError:
            return


def _processes() -> list[int]:
    return [int(name) for name in os.listdir(PROC) if name.isdigit()]


def _stat(pid: int) -> list[int]:
    """The numbers behind the name; its letter for the state reads as 0."""
    fields = (PROC / str(pid) / "stat").read_text(errors="replace").rpartition(")")[2].split()
    return [0, *map(int, fields[1:])]


def _command_line(pid: int) -> bytes:
    try:
        return (PROC / str(pid) / "cmdline").read_bytes()
    except OSError:
        return b""
