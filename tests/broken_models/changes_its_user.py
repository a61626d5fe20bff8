"""Tries to become root, or another user, and to get capabilities back."""

import contextlib
import ctypes
import os
import shutil
import stat
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pandas as pd

CLONE_NEWNS, CLONE_NEWUSER, CLONE_NEWNET = 0x20000, 0x10000000, 0x40000000
PR_GET_NO_NEW_PRIVS = 39


def predict(live_features: pd.DataFrame) -> pd.DataFrame:
    predictions = live_features.filter(like="feature_").sum(axis=1).rank(pct=True).to_frame("prediction")
    # The tests look for this line where root starts the runtime.
    print("Runs as user", os.getuid())
    open_ways = [*namespaces(), *programs()]
    # Root natively, where no other user can reach the interpreter: there is nobody to become.
    if os.getuid() != 0:
        open_ways += [*changes(), *privileges()]
    print(*open_ways, sep="\n")
    assert not open_ways, open_ways
    return predictions


def changes() -> Iterator[str]:
    ways: dict[str, Callable[[], Any]] = {
        "setuid": lambda: os.setuid(0),
        "seteuid": lambda: os.seteuid(0),
        "setreuid": lambda: os.setreuid(0, 0),
        "setresuid": lambda: os.setresuid(0, 0, 0),
        "setuid of a neighbour": lambda: os.setuid(os.getuid() + 1),
        "setgid": lambda: os.setgid(0),
        "setegid": lambda: os.setegid(0),
        "setresgid": lambda: os.setresgid(0, 0, 0),
        "setgroups": lambda: os.setgroups([0]),
        "chroot": lambda: os.chroot("."),
    }
    for way, change in ways.items():
        with contextlib.suppress(OSError):
            change()
            yield way


def privileges() -> Iterator[str]:
    status = dict(line.split(":\t", 1) for line in Path("/proc/self/status").read_text().splitlines())
    for kind in ("CapInh", "CapPrm", "CapEff", "CapAmb"):
        if int(status[kind], 16):
            yield f"{kind} {status[kind]}"
    if set(os.getgroups()) | {os.getgid(), os.getegid()} >= {0} or 0 in os.getresuid():
        yield f"groups {os.getgroups()}, {os.getgid()}, users {os.getresuid()}"


def namespaces() -> Iterator[str]:
    """In a user namespace of its own a process has all capabilities; tried in a fork, which stays in it."""
    library = ctypes.CDLL(None, use_errno=True)
    for flags in (CLONE_NEWUSER, CLONE_NEWUSER | CLONE_NEWNET, CLONE_NEWUSER | CLONE_NEWNS):
        process = os.fork()
        if process == 0:
            os._exit(library.unshare(flags) == 0)
        if os.waitstatus_to_exitcode(os.waitpid(process, 0)[1]) == 1:
            yield f"unshare({flags:#x})"


def programs() -> Iterator[str]:
    """A program with the setuid bit gives its owner's rights to whoever starts it."""
    if ctypes.CDLL(None).prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) != 1:
        yield "programs with the setuid bit"
    copy = shutil.copy(shutil.which("id") or "/usr/bin/id", "id")
    with contextlib.suppress(OSError):
        os.chmod(copy, stat.S_ISUID | stat.S_ISGID | 0o755)
    if os.getuid() != 0:
        with contextlib.suppress(OSError):
            os.chown(copy, 0, 0)
            yield "chown"
    with contextlib.suppress(PermissionError):  # A tmpfs of Docker's has no programs at all.
        said = subprocess.run([os.path.abspath(copy), "-u"], capture_output=True, text=True).stdout
        if said.strip() != str(os.getuid()):
            yield f"a setuid copy: {said!r}"
