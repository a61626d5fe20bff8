"""What the model's process does to itself before it opens the pickle, so that nothing it does then can do harm."""

import contextlib
import errno
import functools
import os
import resource
import signal
import socket
import struct
import sys
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

from numerai_predict.sandbox import landlock, linux, seccomp
from numerai_predict.sandbox.channel import Message
from numerai_predict.sandbox.network_attempts import NetworkAttempts
from numerai_predict.sandbox.outcome import MAX_TASKS

PROC = Path("/proc")
DEVICES = Path("/dev")
# Linux's, and those of macOS.
TERMINALS = ("tty", "console", "pts/[0-9]*", "ttys[0-9]*")
CAPSET = {"x86_64": 126, "aarch64": 91}
NICENESS = 10
# Open files. Each may stand for hundreds of kB of the kernel's memory: a socket's, or a pipe's. It is the hard limit
# that Linux gives by itself, so that libraries live with it.
MAX_FILES = 4096
# What libraries set aside and do not use: pyarrow alone takes 1.2 GB, 64 threads take 0.5 GB of stacks.
UNUSED_BYTES = 4 << 30


def confine(terms: Message, reaper: int) -> dict[str, str]:
    """Give up the network, the runtime, all folders but one, and more than a share of the machine: for good, for this
    process and all that it starts. Returns the promises that do not hold here, each with the reason.

    `terms` are the runtime's: its process id and those of its helpers, the private folder, the limits in bytes (None:
    no limit). `reaper` is the process that fork_program left above this one.
    """
    protected = [terms["runtime"], *terms["helpers"], reaper]
    broken = {}
    steps: dict[str, Callable[[], object]] = {
        "secrets": _drop_capabilities,
        "processes": lambda: _end_with(reaper),
        "memory": lambda: _take_little(terms["memory_bytes"], terms["file_bytes"]),
        "files": lambda: landlock.restrict_files([Path(terms["folder"])]),
        "network": lambda: seccomp.forbid(protected),
    }
    for promise, give_up in steps.items():
        try:
            give_up()
        except OSError as error:
            broken[promise] = f"{_MEANS[promise]} ({error.strerror or error})"
    # What was asked for is not always what is: an emulator may swallow the call.
    for promise, leak in _leaks(protected, Path(terms["folder"]).parent):
        broken.setdefault(promise, leak)
    return broken


_MEANS = {
    "secrets": "the kernel does not take the model's capabilities",
    "processes": "the kernel cannot end the model when the runtime is killed",
    "memory": "the kernel cannot be made to end the model before the runtime",
    "files": "the kernel has no Landlock",
    "network": "the kernel takes no seccomp filter",
}


def explain_network_errors(attempts: NetworkAttempts) -> None:
    """Make Python's own network calls fail with a sentence that says why; `attempts` collects what they tried to reach.

    It is no protection, as native code does not pass here; where there is no seccomp it is all there is. (An audit hook
    would do the same, but it is called for every import and file as well: 45 ms of what a model's libraries import.)
    """
    for name in ("getaddrinfo", "gethostbyname", "gethostbyname_ex"):
        setattr(socket, name, _refusing(getattr(socket, name), attempts))
    make_socket = socket.socket.__init__

    def refuse(
        self: socket.socket, family: int = -1, type: int = -1, proto: int = -1, fileno: int | None = None
    ) -> None:
        if family != socket.AF_UNIX and fileno is None:
            raise OSError(errno.ENETUNREACH, f"Network is unreachable: {NO_NETWORK}")
        make_socket(self, family, type, proto, fileno)

    socket.socket.__init__ = refuse  # type: ignore[method-assign]


def _refusing(look_up: Callable[..., Any], attempts: NetworkAttempts) -> Callable[..., Any]:
    """The same, but for names that a server on the network would have to be asked about."""
    local = ("", "localhost", "0.0.0.0", "::", "::1", socket.gethostname())  # noqa: S104 - nothing is bound to it

    @functools.wraps(look_up)
    def refuse(host: Any, *arguments: Any, **options: Any) -> Any:
        name = host.decode(errors="replace") if isinstance(host, bytes) else host
        if isinstance(name, str) and name not in local and not name.startswith("127."):
            attempts.note(name)
            if not _is_address(name):
                raise socket.gaierror(socket.EAI_NONAME, f"{NO_NETWORK} (tried to reach {name})")
        return look_up(host, *arguments, **options)

    return refuse


NO_NETWORK = "no internet access while a model predicts"


def _is_address(host: str) -> bool:
    """Whether it needs no look-up; the connection itself is then refused."""
    for family in (socket.AF_INET, socket.AF_INET6):
        with contextlib.suppress(OSError):
            return bool(socket.inet_pton(family, host))
    return False


def _drop_capabilities() -> None:
    """A model that has to stay root is to have none of root's powers: with SYS_ADMIN it could read all memory."""
    # https://man7.org/linux/man-pages/man2/capset.2.html
    version_3, this_process = 0x20080522, 0
    machine = os.uname().machine
    if machine not in CAPSET:
        raise OSError(errno.ENOSYS, f"no number of capset for {machine}")
    linux.syscall(CAPSET[machine], struct.pack("=Ii", version_3, this_process), bytes(24))


def _end_with(reaper: int) -> None:
    """Be killed when the reaper is: https://man7.org/linux/man-pages/man2/PR_SET_PDEATHSIG.2const.html."""
    linux.prctl(linux.PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != reaper:
        os._exit(1)


def _take_little(memory_bytes: int | None, file_bytes: int) -> None:
    """Stand back for the runtime, in computing time and when the kernel must choose whom to end."""
    os.nice(NICENESS)
    _lower(resource.RLIMIT_CORE, 0)
    _lower(resource.RLIMIT_FSIZE, file_bytes)
    _lower(resource.RLIMIT_NOFILE, MAX_FILES)
    if sys.platform == "linux":
        _lower(resource.RLIMIT_NPROC, MAX_TASKS)
        if memory_bytes is not None:
            # Makes one huge allocation a MemoryError with the user's line. RLIMIT_AS would break torch, which maps
            # more than it uses.
            _lower(resource.RLIMIT_DATA, max(2 * memory_bytes, memory_bytes + UNUSED_BYTES))
    (PROC / "self/oom_score_adj").write_text("1000")


def _lower(limit: int, value: int) -> None:
    """Make it the hard limit, unless that is lower already; the soft limit never rises."""
    lowest = [value if now == resource.RLIM_INFINITY else min(now, value) for now in resource.getrlimit(limit)]
    resource.setrlimit(limit, (lowest[0], lowest[1]))


def _leaks(protected: Sequence[int], shared_folder: Path) -> Iterator[tuple[str, str]]:
    """What is still possible that should not be."""
    with contextlib.suppress(OSError), socket.socket(socket.AF_INET, socket.SOCK_STREAM):
        yield "network", "an internet socket can still be opened"
    for pid in protected:
        with contextlib.suppress(OSError):
            os.kill(pid, 0)
            yield "parent", f"the model runs as the same user ({os.getuid()}) and could send signals to the runtime"
    for process in _other_processes():
        with contextlib.suppress(OSError):
            if (process / "environ").read_bytes():  # A thread of the kernel has none, and may be opened.
                yield "secrets", f"the model could read the environment of process {process.name}, of the same user"
                break
    with contextlib.suppress(OSError):
        trace = shared_folder / f".{os.getpid()}-may-write"
        trace.mkdir()
        trace.rmdir()
        yield "files", f"the model could write to {shared_folder}"
    if terminal := next(filter(_can_be_opened, _terminals()), None):
        yield "terminal", f"the model could open {terminal}"
    if os.geteuid() == 0:
        yield "user", "the model runs as root"


def _terminals() -> Iterator[Path]:
    for pattern in TERMINALS:
        yield from DEVICES.glob(pattern)


def _can_be_opened(terminal: Path) -> bool:
    for way in (os.O_RDONLY, os.O_WRONLY):
        with contextlib.suppress(OSError):
            os.close(os.open(terminal, way | os.O_NOCTTY | os.O_NONBLOCK))
            return True
    return False


def _other_processes() -> list[Path]:
    if not PROC.exists():
        return []
    return [PROC / name for name in os.listdir(PROC) if name.isdigit() and int(name) != os.getpid()]
