"""Tries every way to the network, from its own process and from all it can start."""

import contextlib
import ctypes
import functools
import mmap
import multiprocessing
import os
import platform
import socket
import struct
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from typing import Any

import cloudpickle
import pandas as pd

# Where a test may listen on loopback.
PORTS = (9,)
MANY_FAMILIES = range(64)
KINDS = (socket.SOCK_STREAM, socket.SOCK_DGRAM, 3, socket.SOCK_SEQPACKET)  # 3 is SOCK_RAW.
IO_URING_SETUP = 425
PATIENCE_S = 10


def predict(live_features: pd.DataFrame) -> pd.DataFrame:
    predictions = live_features.filter(like="feature_").sum(axis=1).rank(pct=True).to_frame("prediction")
    open_ways: set[str] = set()
    for starter in (in_this_thread, in_another_thread, in_a_fork, in_a_subprocess, in_a_spawned_process):
        began = time.monotonic()
        open_ways.update(f"{starter.__name__}: {way}" for way in starter())
        if time.monotonic() - began > PATIENCE_S:
            open_ways.add(f"{starter.__name__}: hangs")
    print(*sorted(open_ways), sep="\n")
    assert not open_ways, sorted(open_ways)
    return predictions


def in_this_thread() -> list[str]:
    return dial()


def in_another_thread() -> list[str]:
    found: list[str] = []
    thread = threading.Thread(target=lambda: found.extend(dial()))
    thread.start()
    thread.join()
    return found


def in_a_fork() -> list[str]:
    return forked(dial)


def in_a_subprocess() -> list[str]:
    program = "import pickle, sys; print(*pickle.load(sys.stdin.buffer)(), sep='\\n')"
    done = subprocess.run([sys.executable, "-c", program], input=cloudpickle.dumps(dial), stdout=subprocess.PIPE)
    assert done.returncode == 0
    return [line for line in done.stdout.decode().splitlines() if line]


def in_a_spawned_process() -> list[str]:
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        found: Any = pool.apply(cloudpickle.loads, (cloudpickle.dumps(Dialed()),))
    return list(found)


class Dialed:
    """Dials where it is unpickled, into the list of what was open."""

    def __reduce__(self) -> tuple[Callable[[], list[str]], tuple[()]]:
        return dial, ()


def dial() -> list[str]:
    """The ways that are open."""
    return [*python_sockets(), *library_calls(), *back_doors(), *inherited_sockets(), *names()]


def python_sockets() -> list[str]:
    found = []
    for family in (socket.AF_INET, socket.AF_INET6):
        for kind in (socket.SOCK_STREAM, socket.SOCK_DGRAM):
            with contextlib.suppress(OSError), socket.socket(family, kind) as opened:
                found.append(f"socket.socket({family!s}, {kind!s})")
                use(opened)
    with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", PORTS[0]), timeout=0.2):
        found.append("socket.create_connection")
    return found


def library_calls() -> list[str]:
    """The C library's, which Python does not see."""
    library = ctypes.CDLL(None, use_errno=True)
    library.syscall.restype = ctypes.c_long
    # On aarch64 and others the numbers are those of the generic table.
    number = 41 if platform.machine() == "x86_64" else 198
    found = []
    for family in MANY_FAMILIES:
        for kind in KINDS:
            if family != socket.AF_UNIX:
                found += opens(library.socket(family, kind, 0), f"socket({family}, {kind})")
        # The kernel looks at the lower half only.
        for wide in (family | 1 << 32, family | 0xFFFFFFFF << 32):
            if family != socket.AF_UNIX:
                arguments = (ctypes.c_long(wide), ctypes.c_long(socket.SOCK_STREAM), ctypes.c_long(0))
                found += opens(library.syscall(ctypes.c_long(number), *arguments), f"syscall socket({wide:#x})")
    for protocol in (socket.IPPROTO_ICMP, 132, 136, 262):  # SCTP, UDP-Lite, MPTCP
        for kind in KINDS:
            found += opens(library.socket(socket.AF_INET, kind, protocol), f"socket(AF_INET, {kind}, {protocol})")
    return found


def back_doors() -> list[str]:
    """Other ways to the same system call; each in a process of its own, which the kernel may kill for it."""
    doors: list[Callable[[], list[str]]] = [io_uring]
    if platform.machine() == "x86_64":
        doors += [call_32_bit, call_32_bit_socketcall, call_x32, functools.partial(call_x32, 0xFFFFFFFF << 32)]
    return [way for door in doors for way in forked(door)]


def io_uring() -> list[str]:
    library = ctypes.CDLL(None, use_errno=True)
    return opens(library.syscall(IO_URING_SETUP, 4, ctypes.create_string_buffer(120)), "io_uring_setup")


def call_x32(above: int = 0) -> list[str]:
    library = ctypes.CDLL(None, use_errno=True)
    number = ctypes.c_long(above + 0x40000000 + 41)
    return opens(library.syscall(number, socket.AF_INET, socket.SOCK_STREAM, 0), f"x32 socket ({number.value:#x})")


def call_32_bit() -> list[str]:
    """socket(AF_INET, SOCK_STREAM, 0) by int 0x80: the kernel takes it for a call of a 32-bit program."""
    socket_32 = struct.pack("<Bi", 0xB8, 359) + struct.pack("<Bi", 0xBB, 2) + struct.pack("<Bi", 0xB9, 1)
    return opens(run_machine_code(b"\x53" + socket_32 + b"\x31\xd2\xcd\x80\x5b\xc3"), "int 0x80 socket")


def call_32_bit_socketcall() -> list[str]:
    """The same by socketcall(SYS_SOCKET, arguments), whose arguments must lie below 4 GiB."""
    low = mmap_below_4_gib()
    if low is None:
        return []
    ctypes.memmove(low, struct.pack("<3i", 2, 1, 0), 12)
    call = struct.pack("<Bi", 0xB8, 102) + struct.pack("<Bi", 0xBB, 1) + struct.pack("<BI", 0xB9, low)
    return opens(run_machine_code(b"\x53" + call + b"\xcd\x80\x5b\xc3"), "int 0x80 socketcall")


def mmap_below_4_gib() -> int | None:
    library = ctypes.CDLL(None, use_errno=True)
    library.mmap.restype = ctypes.c_void_p
    read_write, private_anonymous_32_bit = 3, 0x62
    address = library.mmap(None, ctypes.c_size_t(4096), read_write, private_anonymous_32_bit, -1, ctypes.c_long(0))
    return int(address) if address and address < 1 << 32 else None


def run_machine_code(code: bytes) -> int:
    page = mmap.mmap(-1, mmap.PAGESIZE, prot=mmap.PROT_READ | mmap.PROT_WRITE | mmap.PROT_EXEC)
    page.write(code)
    return int(ctypes.CFUNCTYPE(ctypes.c_int)(ctypes.addressof(ctypes.c_char.from_buffer(page)))())


def inherited_sockets() -> list[str]:
    """Descriptors that lead out of the machine without any new socket."""
    library = ctypes.CDLL(None, use_errno=True)
    found = []
    for name in os.listdir("/proc/self/fd"):
        address = ctypes.create_string_buffer(128)
        if library.getsockname(int(name), address, ctypes.byref(ctypes.c_int(128))) == 0:
            family = struct.unpack("=H", address.raw[:2])[0]
            if family != socket.AF_UNIX:
                found.append(f"inherited socket of family {family}")
    return found


def names() -> list[str]:
    try:
        socket.getaddrinfo("numer.ai", 443)
    except OSError:
        return []
    return ["getaddrinfo"]


def opens(descriptor: int, way: str) -> list[str]:
    """The way, if it gave a descriptor; sends something through it."""
    if descriptor < 0:
        return []
    with contextlib.suppress(OSError), socket.socket(fileno=descriptor) as opened:
        use(opened)
    return [way]


def use(opened: socket.socket) -> None:
    """Try to be heard by whoever listens on loopback, and by the cloud's metadata service."""
    if opened.family not in (socket.AF_INET, socket.AF_INET6):
        return
    opened.settimeout(0.2)
    loopback = "::1" if opened.family == socket.AF_INET6 else "127.0.0.1"
    targets: list[Any] = [(loopback, port) for port in PORTS]
    if opened.family == socket.AF_INET:
        targets.append(("169.254.169.254", 80))
    for target in targets:
        with contextlib.suppress(OSError):
            opened.sendto(b"dialed", target)
        with contextlib.suppress(OSError):
            if opened.connect_ex(target) == 0:
                opened.send(b"dialed")
                return


def forked(attempt: Callable[[], list[str]]) -> list[str]:
    """What the attempt finds in a fork; nothing if that dies of it."""
    reader, writer = os.pipe()
    process = os.fork()
    if process == 0:
        try:
            os.write(writer, "\n".join(attempt()).encode())
        finally:
            os._exit(0)
    os.close(writer)
    with open(reader) as results:
        found = results.read().splitlines()
    os.waitpid(process, 0)
    return found
