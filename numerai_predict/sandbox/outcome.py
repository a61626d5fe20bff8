"""What a program may use, and how it ended."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum
from typing import BinaryIO

from numerai_predict.sandbox.channel import Message

# What a program that confines itself does whatever it tries, by the names that the report has for it.
PROMISES = {
    "network": "opens no internet socket",
    "secrets": "reads nothing of the runtime's memory, arguments and environment",
    "parent": "sends the runtime no signal and changes none of its limits",
    "files": "writes only to a folder of its own and to shared memory",
    "terminal": "opens no terminal",
    "user": "runs as an ordinary user",
    "memory": "is ended before the runtime when memory runs out",
    "processes": "leaves no process behind",
}

# Counts the threads of that user on the whole machine; the runtime stops a model long before.
MAX_TASKS = 4096


class Stop(Enum):
    """Why the program was ended before it ended by itself."""

    TIME = "time"
    MEMORY = "memory"
    DISK = "disk"
    PROCESSES = "processes"
    HANDOVER = "handover"


@dataclass(frozen=True)
class Limits:
    """What the program may use: seconds of wall time, bytes of memory of its process tree (None: no limit), processes
    at a time, bytes in its folder, in its answer and in our log.
    """

    wall_s: float | None = None
    memory_bytes: int | None = None
    processes: int = 400
    disk_bytes: int = 4 << 30
    answer_bytes: int = 64 << 20
    log_bytes: int = 10_000_000


@dataclass(frozen=True)
class Outcome:
    """How the program ended: its answer if it signed one, its exit status (-N: signal N), and what it used.

    `wall_s` is the sum of its phases; `waited_s`, in which it waited for what it had asked for, comes on top.
    `dropped_log_bytes` of its output were beyond the limit, `unread_log_bytes` taken by nobody in time.
    `idle_s` are the last seconds of its time, if it was stopped for the time and did not compute in them, and `forks`
    is how many of its processes then were forks of itself.
    `uncounted` is what of its files could not be counted, where it was stopped for that.
    `files` are those that it was handed, in their order. `payload` came with the answer, and is closed by who takes it.
    `trace` is what its faulthandler wrote. `broken` names the promises that did not hold, each with the reason; None
    if it ended before it confined itself. `oom_kills` counts the processes that the kernel ended in our container
    meanwhile for want of memory. `container_bytes` is the container's memory where that is less than the limit.
    `most_tasks` completes "There may be no more than …". `full_shared_memory_bytes` is the size of shared memory if
    that was full at some time.
    """

    status: int
    stopped: Stop | None
    answer: Message | None
    payload: BinaryIO | None
    phase: str
    phases: dict[str, float]
    waited_s: float
    wall_s: float
    cpu_s: float
    peak_memory_bytes: int
    log_tail: str
    limits: Limits
    files: tuple[str, ...] = ()
    idle_s: float = 0.0
    forks: int = 0
    refusal: str = ""
    uncounted: str = ""
    trace: str = ""
    dropped_log_bytes: int = 0
    unread_log_bytes: int = 0
    oom_kills: int = 0
    container_bytes: int | None = None
    most_tasks: str = ""
    full_shared_memory_bytes: int | None = None
    broken: Mapping[str, str] | None = None
