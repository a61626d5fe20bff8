"""Workers on this machine, as processes of this Python or as containers of the image of each."""

import contextlib
import hashlib
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, Protocol

from numerai_predict import container
from numerai_predict.faults import Code, Fault
from numerai_predict.inspection import IMAGES, THIS_PYTHON
from numerai_predict.report import folders_around
from numerai_predict.sandbox import PR_SET_PDEATHSIG, available_cpus, prctl

REGISTRY = "ghcr.io/numerai"
# What the platform gives a model, and what the worker and its template need besides.
WORKER_BYTES = 5 << 30
WORKER_MEMORY = "5g"
WORKER_CPUS = "1"
MEMORY_INFO = Path("/proc/meminfo")
# Where boto3 gets credentials and its settings from in the environment; others name files, which a container lacks.
# https://boto3.amazonaws.com/v1/documentation/api/latest/guide/configuration.html
AWS_VARIABLES = (
    *("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN", "AWS_REGION", "AWS_DEFAULT_REGION"),
    *("AWS_ENDPOINT_URL", "AWS_ENDPOINT_URL_S3", "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI"),
    *("AWS_CONTAINER_CREDENTIALS_FULL_URI", "AWS_CONTAINER_AUTHORIZATION_TOKEN"),
)
ENGINE_TIMEOUT_S = 60.0
# A worker ends its model and lets go its claims within some seconds.
STOP_S = 20


class WorkerProcess(Protocol):
    """A worker that was started."""

    def poll(self) -> int | None:
        """Its exit status (-N: signal N) once it has ended, and nothing of it is left."""

    def stop(self) -> None:
        """Ask it to end soon and let go what it holds; does not wait."""

    def kill(self) -> None:
        """End it at once, with all that it has started."""


class Workers(Protocol):
    """How workers come to be on this machine."""

    @property
    def pythons(self) -> Sequence[str]:
        """The versions that there are workers of; the first runs models that name none."""

    def start(self, python: str, index: int, workers: int, log: BinaryIO) -> WorkerProcess:
        """Start a worker of that version, the one of that index of so many; raises OSError."""


@contextlib.contextmanager
def alone_on_this_machine(address: str) -> Iterator[None]:
    """Keep others on this machine from running the same round: its workers would have the same numbers. Raises Fault
    if another command runs it.

    The name of a socket is free again when its process ends: https://man7.org/linux/man-pages/man7/unix.7.html
    """
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as claim:
        if sys.platform == "linux":
            try:
                claim.bind(f"\0numerai-predict-round-{_digest(address)}")
            except OSError:
                message = f"another command runs {address} on this machine already"
                raise Fault(Code.USAGE, message) from None
        yield


def _digest(address: str) -> str:
    return hashlib.sha256(address.encode()).hexdigest()[:12]


def slots_that_fit() -> int:
    """How many workers this machine has CPUs and memory for, at least one."""
    return max(1, min(available_cpus(), _available_bytes() // WORKER_BYTES))


def _available_bytes() -> int:
    """Memory that is free or can be freed, in this container if it has a limit; of another system all there is."""
    limit = int(container.limits().get("--memory", sys.maxsize))
    with contextlib.suppress(OSError):
        for line in MEMORY_INFO.read_text().splitlines():
            if line.startswith("MemAvailable:"):
                return min(limit, int(line.split()[1]) * 1024)
    return min(limit, os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE"))


def worker_words(address: str, index: int, workers: int) -> list[str]:
    """The command line of a worker, without the program; another machine may number workers of this round too."""
    share = ["--index", str(index), "--workers", str(workers)]
    return ["worker", address, *share, "--job", socket.gethostname()]


@dataclass(frozen=True)
class NativeWorkers:
    """Workers as processes of this Python and its packages."""

    address: str
    pythons: Sequence[str] = (THIS_PYTHON,)

    def start(self, python: str, index: int, workers: int, log: BinaryIO) -> "NativeWorker":
        """Start a worker; raises OSError."""
        argv = [sys.executable, "-m", "numerai_predict", *worker_words(self.address, index, workers)]
        # In the folder of the package: a checkout need not be installed.
        home = Path(__file__).resolve().parents[2]
        return NativeWorker(_popen(argv, log, cwd=home, preexec_fn=_end_with_parent))


def _end_with_parent() -> None:
    """Let the worker be asked to end when this process is killed: the next one has a worker of the same index."""
    with contextlib.suppress(OSError):  # Linux only.
        prctl(PR_SET_PDEATHSIG, signal.SIGTERM)


class NativeWorker:
    """A worker that is a process, the first of its session."""

    def __init__(self, process: "subprocess.Popen[bytes]") -> None:
        self._process = process

    def poll(self) -> int | None:
        """Its exit status once it has ended."""
        status = self._process.poll()
        if status is not None:
            self._kill_group()
        return status

    def stop(self) -> None:
        """Send SIGTERM."""
        self._process.terminate()

    def kill(self) -> None:
        """End it and its template; a model's own reaper ends that one when its worker is gone."""
        self._kill_group()
        self._process.wait()

    def _kill_group(self) -> None:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self._process.pid, signal.SIGKILL)


class ContainerWorkers:
    """Workers as containers with one CPU and 5 GiB each, of the image that a Python has here, or in the registry.

    `models` are the files that the manifest names, `folder` is that of the round (None: it is in S3). Raises Fault if
    no engine answers; `docker` is its program.
    """

    def __init__(self, address: str, folder: Path | None, models: Iterable[str], docker: str) -> None:
        self._address = address
        self._docker = docker
        self._volumes = [*_volumes(folder, models)] if folder else []
        self._environment = (
            [] if folder else [word for name in AWS_VARIABLES if name in os.environ for word in ("-e", name)]
        )
        self._images: dict[str, str] = {}
        self.pythons = tuple(sorted(IMAGES, key=lambda version: version != THIS_PYTHON))
        check_engine(docker)

    def start(self, python: str, index: int, workers: int, log: BinaryIO) -> "ContainerWorker":
        """Start a container; raises OSError."""
        name = f"numerai-round-{_digest(self._address)}-{index}"
        # What an earlier command, which was killed, has left running.
        remove_container(self._docker, name)
        user = [] if os.getuid() == 0 else ["--user", f"{os.getuid()}:{os.getgid()}"]
        limits = ["--cpus", WORKER_CPUS, "--memory", WORKER_MEMORY]
        flags = ["--rm", "--name", name, *limits, *user, *self._volumes, *self._environment]
        words = worker_words(self._address, index, workers)
        process = _popen([self._docker, "run", *flags, self._image(python), *words], log)
        return ContainerWorker(self._docker, name, process)

    def _image(self, python: str) -> str:
        if python not in self._images:
            self._images[python], _ = image_of(python, self._docker)
        return self._images[python]


class ContainerWorker:
    """A worker in a container, which lives on when the engine's client is killed."""

    def __init__(self, docker: str, name: str, client: "subprocess.Popen[bytes]") -> None:
        self._docker = docker
        self._name = name
        self._client = client
        self._stopping: subprocess.Popen[bytes] | None = None
        self._is_removed = False

    def poll(self) -> int | None:
        """The exit status of the container, or of an engine that could not run it."""
        if self._stopping and self._stopping.poll():  # There is none yet: its image is being pulled.
            self._client.terminate()
        status = self._client.poll()
        if status is not None and not self._is_removed:
            self._remove()
        return status

    def stop(self) -> None:
        """Have the engine send SIGTERM, and SIGKILL to one that takes too long."""
        argv = [self._docker, "stop", "--time", str(STOP_S), self._name]
        self._stopping = _popen(argv, subprocess.DEVNULL)

    def kill(self) -> None:
        """Remove the container, whatever it does."""
        self._client.kill()
        self._client.wait()
        self._remove()
        if self._stopping:
            self._stopping.kill()
            self._stopping.wait()

    def _remove(self) -> None:
        remove_container(self._docker, self._name)
        self._is_removed = True


def image_of(python: str, docker: str) -> tuple[str, bool]:
    """The image that workers of a Python are containers of, and whether it is on this machine; else it is pulled."""
    name = f"numerai_predict_py_{python.replace('.', '_')}"
    places = (f"{name}:latest", f"{REGISTRY}/{name}:stable")
    here = [place for place in places if _run(docker, "image", "inspect", place).returncode == 0]
    return (here or places[-1:])[0], bool(here)


def container_engine() -> str:
    """The program of the container engine: $DOCKER, or docker."""
    return os.environ.get("DOCKER") or "docker"


def check_engine(docker: str) -> None:
    """Raises Fault if no container engine answers."""
    if problem := _problem_of(docker):
        message = f"no container engine answers ({problem}): start Docker, or give --native to use this Python only"
        raise Fault(Code.USAGE, message)


def remove_container(docker: str, name: str) -> None:
    """Remove the container if there is one, running or not."""
    _run(docker, "rm", "--force", name)


def _volumes(folder: Path, models: Iterable[str]) -> Iterator[str]:
    """The folders of the round and of its models, at the same paths as here; only the round may be written to."""
    around = folders_around([str(folder), *(model for model in models if os.path.isabs(model))])
    for path in around:
        is_round = container.is_inside(str(folder), path)
        # --mount takes names with a colon, -v does not; a comma needs quotes there.
        fields = [f"source={path}", f"target={path}", *([] if is_round else ["readonly"])]
        quoted = ['"{}"'.format(part.replace('"', '""')) if set(part) & {",", '"'} else part for part in fields]
        yield from ("--mount", ",".join(["type=bind", *quoted]))


def _problem_of(docker: str) -> str:
    """Why the engine does not answer; empty if it does."""
    done = _run(docker, "version")
    return "" if done.returncode == 0 else next(iter(done.stderr.strip().splitlines()[-1:]), f"{docker} version failed")


def _run(*argv: str) -> "subprocess.CompletedProcess[str]":
    """A command of the engine, to its end; one that cannot be run has failed."""
    try:
        return subprocess.run(argv, capture_output=True, text=True, timeout=ENGINE_TIMEOUT_S, check=False)
    except (OSError, subprocess.TimeoutExpired) as error:
        return subprocess.CompletedProcess(argv, 1, "", f"{argv[0]}: {error}")


def _popen(
    argv: Sequence[str], log: "BinaryIO | int", cwd: Path | None = None, preexec_fn: Callable[[], None] | None = None
) -> "subprocess.Popen[bytes]":
    """In a session of its own: Ctrl-C reaches this process only, which asks the workers to end."""
    return subprocess.Popen(
        argv,
        stdin=subprocess.DEVNULL,
        stdout=log,
        stderr=log,
        cwd=cwd,
        preexec_fn=preexec_fn,
        start_new_session=True,
    )
