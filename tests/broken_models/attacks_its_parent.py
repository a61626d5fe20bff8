"""Tries to signal, stop, slow, trace and starve its parent and PID 1, and to rewrite the code of its parent."""

import contextlib
import ctypes
import errno
import os
import platform
import resource
import signal
import struct
import sys
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

PTRACE_SEIZE = 0x4206
PTRACE = {"x86_64": 101}.get(platform.machine(), 117)
TKILL = {"x86_64": 200}.get(platform.machine(), 130)
TGKILL = {"x86_64": 234}.get(platform.machine(), 131)
RT_SIGQUEUEINFO = {"x86_64": 129}.get(platform.machine(), 138)
RT_TGSIGQUEUEINFO = {"x86_64": 297}.get(platform.machine(), 240)
IOPRIO_SET = {"x86_64": 251}.get(platform.machine(), 30)
PROCESS_VM_WRITEV = {"x86_64": 311}.get(platform.machine(), 271)
PIDFD_SEND_SIGNAL, PIDFD_OPEN = 424, 434
FILES = (
    "oom_score_adj",
    "oom_adj",
    "mem",
    "clear_refs",
    "coredump_filter",
    "comm",
    "timerslack_ns",
    "sched",
    "attr/exec",
)


def predict(live_features: pd.DataFrame) -> pd.DataFrame:
    predictions = live_features.filter(like="feature_").sum(axis=1).rank(pct=True).to_frame("prediction")
    open_ways = set(rewrites())
    for process in {os.getppid(), 1}:
        open_ways.update(f"{way} of {process}" for way in ways(process))
    print(*sorted(open_ways), sep="\n")
    assert not open_ways, sorted(open_ways)
    return predictions


def ways(process: int) -> Iterator[str]:
    """What can be done to the process: settings become what they are, and no signal is sent where signal 0 arrives."""
    harmless = [*passing(signals(process, 0))]
    yield from harmless
    if not harmless:
        for number in (signal.SIGCONT, signal.SIGURG, signal.SIGINT, signal.SIGSTOP, signal.SIGTERM, signal.SIGKILL):
            yield from passing(signals(process, number))
    yield from passing(settings(process))


def signals(process: int, number: int) -> dict[str, Callable[[], Any]]:
    information = struct.pack("=3i", number, 0, -1).ljust(128, b"\0")
    return {
        f"kill {number}": lambda: os.kill(process, number),
        f"killpg {number}": lambda: os.killpg(os.getpgid(process) or process, number),
        f"kill of the group by number {number}": lambda: os.kill(-process, number),
        f"tkill {number}": lambda: call(TKILL, process, number),
        f"tgkill {number}": lambda: call(TGKILL, process, process, number),
        f"tgkill of any group {number}": lambda: call(TGKILL, -1, process, number),
        f"rt_sigqueueinfo {number}": lambda: call(RT_SIGQUEUEINFO, process, number, information),
        f"rt_tgsigqueueinfo {number}": lambda: call(RT_TGSIGQUEUEINFO, process, process, number, information),
        f"pidfd_send_signal {number}": lambda: by_descriptor(process, number),
        f"pidfd_send_signal through /proc {number}": lambda: by_folder(process, number),
    }


def settings(process: int) -> dict[str, Callable[[], Any]]:
    ways: dict[str, Callable[[], Any]] = {
        "prlimit": lambda: resource.prlimit(
            process, resource.RLIMIT_NOFILE, resource.prlimit(process, resource.RLIMIT_NOFILE)
        ),
        "setpriority": lambda: os.setpriority(os.PRIO_PROCESS, process, os.getpriority(os.PRIO_PROCESS, process)),
        "setpriority of the group": lambda: os.setpriority(
            os.PRIO_PGRP, os.getpgid(process) or process, os.getpriority(os.PRIO_PROCESS, process)
        ),
        "setpriority of the user": set_priority_of_others,
        "sched_setaffinity": lambda: os.sched_setaffinity(process, os.sched_getaffinity(process)),
        "sched_setscheduler": lambda: os.sched_setscheduler(
            process, os.sched_getscheduler(process), os.sched_getparam(process)
        ),
        "ioprio_set": lambda: call(IOPRIO_SET, 1, process, 0),
        # Unlike attaching, seizing does not stop it.
        "ptrace": lambda: call(PTRACE, PTRACE_SEIZE, process, 0, 0),
        "process_vm_writev": lambda: write_memory(process),
        "setpgid": lambda: os.setpgid(process, process),
    }
    for file in FILES:
        ways[f"writing {file}"] = lambda file=file: os.close(os.open(f"/proc/{process}/{file}", os.O_WRONLY))  # type: ignore[misc]
    return ways


def set_priority_of_others() -> None:
    """Renicing a user reaches the parent if that is the same user; it must be refused unless all are the model's."""
    if os.stat(f"/proc/{os.getppid()}").st_uid != os.getuid():
        raise PermissionError
    os.setpriority(os.PRIO_USER, os.getuid(), os.getpriority(os.PRIO_PROCESS, 0))


def by_descriptor(process: int, number: int) -> None:
    descriptor = call(PIDFD_OPEN, process, 0)
    try:
        call(PIDFD_SEND_SIGNAL, descriptor, number, 0, 0)
    finally:
        os.close(descriptor)


def by_folder(process: int, number: int) -> None:
    descriptor = os.open(f"/proc/{process}", os.O_RDONLY)
    try:
        call(PIDFD_SEND_SIGNAL, descriptor, number, 0, 0)
    finally:
        os.close(descriptor)


def write_memory(process: int) -> None:
    """To an address that nobody has: "bad address" then says that any other would have done."""
    buffer = ctypes.create_string_buffer(8)
    here, there = struct.pack("=QQ", ctypes.addressof(buffer), 8), struct.pack("=QQ", 8, 8)
    try:
        call(PROCESS_VM_WRITEV, process, here, 1, there, 1, 0)
    except OSError as error:
        if error.errno != errno.EFAULT:
            raise


def rewrites() -> Iterator[str]:
    """Code that the parent runs, or could import later."""
    import numerai_predict

    ours = Path(numerai_predict.__file__).parent
    for folder in (ours, ours.parent, Path(np.__file__).parent, Path(os.__file__).parent, Path(sys.executable).parent):
        file = folder / f"{uuid.uuid4().hex}.py"
        with contextlib.suppress(OSError):
            file.touch()
            file.unlink()
            yield f"writing into {folder}"
    for file in (ours.parent / "predict.py", ours / "sandbox.py", Path(np.__file__), Path(os.__file__)):
        with contextlib.suppress(OSError):
            os.close(os.open(file, os.O_WRONLY))
            yield f"writing {file}"


def passing(attempts: dict[str, Callable[[], Any]]) -> Iterator[str]:
    for way, attempt in attempts.items():
        with contextlib.suppress(OSError):
            attempt()
            yield way


def call(number: int, *arguments: Any) -> int:
    library = ctypes.CDLL(None, use_errno=True)
    library.syscall.restype = ctypes.c_long
    wide = [ctypes.c_long(argument) if isinstance(argument, int) else argument for argument in arguments]
    result = int(library.syscall(ctypes.c_long(number), *wide))
    if result < 0:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
    return result
