"""Looks for secrets wherever a process can look."""

import contextlib
import ctypes
import os
import platform
import re
import socket
import stat
import struct
import sys
from collections.abc import Iterator
from pathlib import Path

import pandas as pd

# What the tests plant; it is never spelt out here, for this is in our own memory.
SECRET = re.compile(b"S3C[R]3T-\\w+")
CHUNK = 1 << 20
LARGEST_FILE = 1 << 20
PLACES = ("/tmp", "/var/tmp", "/dev/shm", "/run", "/root", "/home", "/output", "/models", "/var/log", "/etc")
PTRACE = {"x86_64": 101}.get(platform.machine(), 117)
PROCESS_VM_READV = {"x86_64": 310}.get(platform.machine(), 270)
PIDFD_OPEN, PIDFD_GETFD = 434, 438
PTRACE_SEIZE = 0x4206


def predict(live_features: pd.DataFrame) -> pd.DataFrame:
    predictions = live_features.filter(like="feature_").sum(axis=1).rank(pct=True).to_frame("prediction")
    open_ways: set[str] = set()
    for search in (own_words, own_memory, own_descriptors, processes, tracing, places):
        open_ways.update(f"{search.__name__}: {found}" for found in search())
    print(*sorted(open_ways), sep="\n")
    assert not open_ways, sorted(open_ways)
    return predictions


def secrets_in(content: bytes, where: str) -> Iterator[str]:
    if found := SECRET.search(content):
        yield f"{found[0].decode()} in {where}"


def own_words() -> Iterator[str]:
    yield from secrets_in(repr(dict(os.environ)).encode(), "os.environ")
    yield from secrets_in(repr([sys.argv, sys.orig_argv]).encode(), "sys.argv")


def own_memory() -> Iterator[str]:
    """Every page that can be read; through a file in memory, as the kernel refuses where a pointer would crash."""
    library = ctypes.CDLL(None, use_errno=True)
    library.pwrite.argtypes = (ctypes.c_int, ctypes.c_void_p, ctypes.c_size_t, ctypes.c_long)
    copy = os.memfd_create("copy")
    for line in Path("/proc/self/maps").read_text().splitlines():
        addresses, permissions, *_, name = line.split(maxsplit=5) if line.count(" ") > 5 else (*line.split(), "")
        # Files of the image hold no secrets; that leaves stacks, heaps and what is shared with nobody.
        if not permissions.startswith("r") or name.strip().startswith(("/usr", "/venv", "/root", "[v")):
            continue
        first, last = (int(address, 16) for address in addresses.split("-"))
        before = b""
        for address in range(first, last, CHUNK):
            written = library.pwrite(copy, address, min(CHUNK, last - address), 0)
            content = os.pread(copy, max(written, 0), 0)
            yield from secrets_in(before + content, f"memory, {name.strip() or 'anonymous'}")
            before = content[-100:]
    os.close(copy)


def own_descriptors() -> Iterator[str]:
    """Reads what is open, without waiting, and looks behind it: a descriptor can lead to a folder or a device."""
    for name in os.listdir("/proc/self/fd"):
        with contextlib.suppress(OSError):
            descriptor, target = int(name), os.readlink(f"/proc/self/fd/{name}")
            mode = os.fstat(descriptor).st_mode
            if stat.S_ISREG(mode):
                yield from secrets_in(os.pread(descriptor, LARGEST_FILE, 0), target)
            elif stat.S_ISSOCK(mode):
                with socket.socket(fileno=os.dup(descriptor)) as opened:
                    yield from secrets_in(opened.recv(CHUNK, socket.MSG_PEEK | socket.MSG_DONTWAIT), target)
            elif stat.S_ISDIR(mode):
                yield f"a folder, {target}"


def processes() -> Iterator[str]:
    """What /proc shows of other processes; of the parent it must show nothing at all but that it is there."""
    for folder in Path("/proc").glob("[0-9]*"):
        if folder.name == str(os.getpid()):
            continue
        for file in ("cmdline", "environ", "auxv", "stack", "syscall", "comm", "wchan"):
            with contextlib.suppress(OSError):
                yield from secrets_in((folder / file).read_bytes(), f"{folder}/{file}")
        for task in (folder / "task").glob("*/cmdline"):
            with contextlib.suppress(OSError):
                yield from secrets_in(task.read_bytes(), str(task))
        yield from open_files(folder, is_parent=folder.name == str(os.getppid()))


def open_files(folder: Path, is_parent: bool) -> Iterator[str]:
    """What a process has open could be opened again through /proc."""
    with contextlib.suppress(OSError):
        for descriptor in os.listdir(folder / "fd"):
            with contextlib.suppress(OSError):
                if is_parent and os.readlink(folder / "fd" / descriptor):
                    yield f"descriptor {descriptor} of the parent"
                if stat.S_ISREG(os.stat(folder / "fd" / descriptor).st_mode):
                    with open(folder / "fd" / descriptor, "rb") as file:
                        yield from secrets_in(file.read(LARGEST_FILE), f"{folder}/fd/{descriptor}")
    with contextlib.suppress(OSError), open(folder / "mem", "rb"):
        yield f"{folder}/mem"
    for link in ("cwd", "root", "exe", "maps", "environ", "auxv"):
        with contextlib.suppress(OSError):
            if is_parent and os.stat(folder / link) and (os.path.isdir(folder / link) or (folder / link).read_bytes()):
                yield f"{link} of the parent"


def tracing() -> Iterator[str]:
    """The system calls behind debuggers; seizing a process does not stop it."""
    library = ctypes.CDLL(None, use_errno=True)
    library.syscall.restype = ctypes.c_long
    buffer = ctypes.create_string_buffer(8)
    vector = struct.pack("=QQ", ctypes.addressof(buffer), 8)
    for process in {os.getppid(), 1}:
        if library.syscall(PTRACE, ctypes.c_long(PTRACE_SEIZE), ctypes.c_long(process), None, None) >= 0:
            yield f"ptrace of {process}"
        # Where the program lies is not known, but what lies nowhere gives EFAULT, and what may not be read EPERM.
        ones = ctypes.c_long(1)
        result = library.syscall(PROCESS_VM_READV, ctypes.c_long(process), vector, ones, vector, ones, ctypes.c_long(0))
        if result >= 0 or ctypes.get_errno() == 14:
            yield f"process_vm_readv of {process}"
        handle = library.syscall(PIDFD_OPEN, ctypes.c_long(process), ctypes.c_long(0))
        if handle >= 0:
            for descriptor in range(10):
                if (
                    library.syscall(PIDFD_GETFD, ctypes.c_long(handle), ctypes.c_long(descriptor), ctypes.c_long(0))
                    >= 0
                ):
                    yield f"pidfd_getfd of {process}"
            os.close(handle)


def places() -> Iterator[str]:
    """What the runtime left for all to read, or another program for the runtime, since it began."""
    began = os.stat("/proc/self").st_mtime - 60
    for place in PLACES:
        for folder, deeper, names in os.walk(place):
            if folder.count("/") > 4:
                deeper.clear()
            for name in names:
                with contextlib.suppress(OSError):
                    path = os.path.join(folder, name)
                    facts = os.stat(path)
                    if stat.S_ISREG(facts.st_mode) and facts.st_size <= LARGEST_FILE and facts.st_mtime > began:
                        yield from secrets_in(Path(path).read_bytes(), path)
