"""Landlock, the kernel's way for a process to give up access: https://docs.kernel.org/userspace-api/landlock.html."""

import contextlib
import os
import re
import struct
from collections.abc import Iterator, Sequence
from pathlib import Path

from numerai_predict.sandbox import linux

# The same on every machine.
_CREATE_RULESET, _ADD_RULE, _RESTRICT_SELF = 444, 445, 446
_ASK_VERSION = 1
_PATH_BENEATH = 1

_WRITE_FILE, _READ_FILE = 1 << 1, 1 << 2
_REMOVE_DIR, _REMOVE_FILE = 1 << 4, 1 << 5
_MAKE_CHAR, _MAKE_DIR, _MAKE_REG, _MAKE_SOCK, _MAKE_FIFO, _MAKE_BLOCK, _MAKE_SYM = (1 << bit for bit in range(6, 13))
_REFER, _TRUNCATE = 1 << 13, 1 << 14
_CHANGE_FOLDER = (
    _REMOVE_DIR | _REMOVE_FILE | _MAKE_CHAR | _MAKE_DIR | _MAKE_REG | _MAKE_SOCK | _MAKE_FIFO | _MAKE_BLOCK | _MAKE_SYM
)
_SCOPE_ABSTRACT_UNIX_SOCKET, _SCOPE_SIGNAL = 1, 2

ROOT = Path("/")
DEVICES = Path("/dev")
SHARED_MEMORY = Path("/dev/shm")
# What programs need, and what GPUs are used through; no terminal is among them.
USEFUL_DEVICES = re.compile(r"null|zero|full|u?random|nvidia.*|dri|kfd|dxg")


def restrict_files(folders: Sequence[Path]) -> int:
    """Let the calling thread, and all that it starts, change only what is below `folders`, and read all files but
    devices.

    POSIX shared memory can be used, and the devices that programs need; no other can be opened, terminals included.
    Folders can be listed everywhere. Like any Landlock domain, it also cuts off the processes outside: no ptrace, and
    no look at their /proc/PID/mem, environ or fd/N (a root with CAP_PERFMON, which containers do not give, still sees
    environ). From version 6 on they get no signals either, and their abstract unix sockets cannot be reached. Not
    covered: what is already open, pipes, and the mode, owner, times and extended attributes of files.

    Returns the kernel's Landlock version; raises OSError where there is none (ENOSYS, EOPNOTSUPP).
    """
    version = linux.syscall(_CREATE_RULESET, 0, 0, _ASK_VERSION)
    file_rights = _WRITE_FILE | (_TRUNCATE if version >= 3 else 0)
    rights = file_rights | _READ_FILE | _CHANGE_FOLDER | (_REFER if version >= 2 else 0)
    scopes = _SCOPE_ABSTRACT_UNIX_SOCKET | _SCOPE_SIGNAL if version >= 6 else 0
    # struct landlock_ruleset_attr; older kernels take the longer form as long as what they do not know is 0.
    attributes = struct.pack("=QQQ", rights, 0, scopes)
    ruleset = linux.syscall(_CREATE_RULESET, attributes, len(attributes), 0)
    try:
        for folder in folders:
            _allow(ruleset, folder, rights)
        for entry in _readable_entries():
            with contextlib.suppress(OSError):  # A link to nowhere.
                _allow(ruleset, entry, _READ_FILE)
        for device in filter(USEFUL_DEVICES.fullmatch, os.listdir(DEVICES)):
            _allow(ruleset, DEVICES / device, _READ_FILE | file_rights)
        if SHARED_MEMORY.is_dir():
            _allow(ruleset, SHARED_MEMORY, rights)
        linux.prctl(linux.PR_SET_NO_NEW_PRIVS, 1)  # Else only root may.
        linux.syscall(_RESTRICT_SELF, ruleset, 0)
    finally:
        os.close(ruleset)
    return version


def _readable_entries() -> Iterator[Path]:
    """What is in the root folder but for what holds, or leads to, the devices: a rule can only allow."""
    with os.scandir(ROOT) as entries:
        for entry in entries:
            place = os.path.realpath(entry.path) if entry.is_symlink() else entry.path
            if place != "/" and not f"{place}/".startswith(f"{DEVICES}/"):
                yield Path(place)


def _allow(ruleset: int, path: Path, rights: int) -> None:
    descriptor = os.open(path, os.O_PATH)
    try:
        linux.syscall(_ADD_RULE, ruleset, _PATH_BENEATH, struct.pack("=Qi", rights, descriptor), 0)
    finally:
        os.close(descriptor)
