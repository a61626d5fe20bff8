"""What a process can see of the container that it runs in: the mounts, which outlive it, and the limits."""

import os
from dataclasses import dataclass
from pathlib import Path

MOUNTS = Path("/proc/self/mountinfo")
CGROUP = Path("/sys/fs/cgroup")
SHM = Path("/dev/shm")
MARKS = (Path("/.dockerenv"), Path("/run/.containerenv"))
# Kubernetes and the images themselves set these.
MARKS_IN_ENVIRONMENT = ("KUBERNETES_SERVICE_HOST", "GIT_REF")
OF_THE_KERNEL = ("/proc", "/sys", "/dev")
OF_THE_ENGINE = ("/etc/resolv.conf", "/etc/hostname", "/etc/hosts", "/run/.containerenv")
# Where engines keep those files: what is on the same filesystem is known by its path on the host, too.
ENGINES = ("/var/lib/docker/", "/var/lib/containers/")
# https://docs.docker.com/reference/cli/docker/container/run/#shm-size
USUAL_SHM_BYTES = 64 << 20


@dataclass(frozen=True)
class Mount:
    """A line of mountinfo: `root` is the folder or file of the filesystem `device` that is shown at `target`."""

    device: str
    root: str
    target: str
    read_only: bool
    kind: str


def mounts() -> list[Mount]:
    """All that is mounted for this process, the outermost first; none where that is not known (macOS)."""
    try:
        lines = MOUNTS.read_text(errors="surrogateescape").splitlines()
    except OSError:
        return []
    return [_mount_of(line) for line in lines]


def _mount_of(line: str) -> Mount:
    """https://man7.org/linux/man-pages/man5/proc_pid_mountinfo.5.html"""
    fields, _, rest = line.partition(" - ")
    _, _, device, root, target, options, *_ = fields.split(" ")
    return Mount(device, _decoded(root), _decoded(target), "ro" in options.split(","), rest.split(" ")[0])


def _decoded(path: str) -> str:
    for escaped, letter in ((r"\040", " "), (r"\011", "\t"), (r"\012", "\n"), (r"\134", "\\")):
        path = path.replace(escaped, letter)
    return path


def is_container() -> bool:
    """Whether this process runs in a container. A virtual machine made of an image has the marks, too, but a disk."""
    marked = any(mark.exists() for mark in MARKS) or any(map(os.environ.get, MARKS_IN_ENVIRONMENT))
    roots = [mount for mount in mounts() if mount.target == "/"]
    return marked and any(mount.device.startswith("0:") or mount.root != "/" for mount in roots)


def users_mounts() -> list[Mount]:
    """What whoever started the container has mounted there."""
    return [
        mount
        for mount in mounts()
        if mount.target not in ("/", *OF_THE_ENGINE)
        and not any(is_inside(mount.target, folder) for folder in OF_THE_KERNEL)
    ]


def source_of(mount: Mount) -> str | None:
    """What the host, or Docker, calls a mounted folder, file or volume; None where that cannot be known in here."""
    *_, volumes, name, data = ["", "", *mount.root.split("/")]
    if (volumes, data) == ("volumes", "_data"):
        return name
    engine = [other for other in mounts() if other.target in OF_THE_ENGINE and other.root.startswith(ENGINES)]
    if mount.root == mount.target or mount.device in {other.device for other in engine}:
        return mount.root
    # The filesystem is mounted somewhere on the host, or is one of a virtual machine between the two.
    same = mount.root != "/" and (mount.target.endswith(mount.root) or mount.root.endswith(mount.target))
    return mount.target if same else None


def outlives_container(folder: str | Path) -> bool:
    """Whether what is written there is still there when the container is removed; True outside of containers."""
    path = os.path.realpath(folder)
    around = [mount for mount in mounts() if is_inside(path, mount.target)]
    innermost = max(around, key=lambda mount: len(mount.target), default=None)
    return not is_container() or bool(innermost and innermost in users_mounts() and innermost.kind != "tmpfs")


def is_inside(path: str, folder: str) -> bool:
    """Whether the path is the folder, or below it."""
    return path == folder or path.startswith(f"{folder.rstrip('/')}/")


def limits() -> dict[str, str]:
    """The limits of the container that is this process's, by the flags of `docker run` that set them."""
    memory = _number("memory.max") or _number("memory/memory.limit_in_bytes")
    found = {"--memory": str(memory)} if 0 < memory < os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") else {}
    if pids := _number("pids.max") or _number("pids/pids.max"):
        found["--pids-limit"] = str(pids)
    quota = _words("cpu.max") or [*_words("cpu/cpu.cfs_quota_us"), *_words("cpu/cpu.cfs_period_us")]
    if len(quota) == 2 and quota[0].isdigit():
        found["--cpus"] = f"{int(quota[0]) / int(quota[1]):g}"
    if (shm := _size(SHM)) not in (0, USUAL_SHM_BYTES):
        found["--shm-size"] = str(shm)
    return found


def _words(name: str) -> list[str]:
    try:
        return (CGROUP / name).read_text().split()
    except OSError:
        return []


def _number(name: str) -> int:
    return next((int(word) for word in _words(name) if word.isdigit()), 0)


def _size(folder: Path) -> int:
    try:
        facts = os.statvfs(folder)
    except OSError:
        return 0
    return facts.f_blocks * facts.f_frsize
