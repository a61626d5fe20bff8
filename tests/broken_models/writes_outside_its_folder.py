"""Tries to leave something wherever there is a folder; what it may write to must work."""

import contextlib
import ctypes
import os
import platform
import socket
import tempfile
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pandas as pd

RENAMEAT2 = {"x86_64": 316}.get(platform.machine(), 276)
FOLDERS = (
    *("/", "/tmp", "/var/tmp", "/var/log", "/var/lock", "/etc", "/root", "/home", "/opt", "/mnt", "/srv", "/run"),
    *("/usr/local/bin", "/venv", "/numerai_predict", "/dev", "/dev/mqueue", "/proc/sys/kernel", "/sys/fs/cgroup"),
    *("/output", "/models"),
)
FILES = ("/etc/passwd", "/etc/ld.so.cache", "/predict.py", "/proc/self/oom_score_adj", "/proc/1/oom_score_adj")


def predict(live_features: pd.DataFrame) -> pd.DataFrame:
    predictions = live_features.filter(like="feature_").sum(axis=1).rank(pct=True).to_frame("prediction")
    allowed()
    own = Path(tempfile.gettempdir()).resolve()
    folders = {Path(folder) for folder in FOLDERS} | mount_points() | set(own.parents)
    open_ways = [way for folder in sorted(folders) if folder != own for way in intrusions(folder, own)]
    open_ways += [way for file in FILES for way in overwrites(Path(file))]
    print(*open_ways, sep="\n")
    assert not open_ways, open_ways
    return predictions


def allowed() -> None:
    """The private folder under all its names, and shared memory."""
    own = Path(tempfile.gettempdir())
    assert own.resolve() == Path.cwd().resolve() == Path.home().resolve(), (own, Path.cwd(), Path.home())
    assert Path(os.environ["TMPDIR"]) == own
    assert not any(own.iterdir()), list(own.iterdir())
    for folder in (own, Path("/dev/shm")):
        with tempfile.TemporaryDirectory(dir=folder) as inner:
            (Path(inner) / "a").write_text("x")
            os.rename(f"{inner}/a", f"{inner}/b")
            os.link(f"{inner}/b", f"{inner}/c")
            os.symlink("b", f"{inner}/d")
            os.mkfifo(f"{inner}/e")
            os.truncate(f"{inner}/b", 0)
            os.chmod(f"{inner}/b", 0o600)
    Path("in_the_working_directory").write_text("x")
    (Path.home() / ".cache").mkdir()
    with tempfile.NamedTemporaryFile() as file:
        file.write(b"x")
    Path(os.devnull).write_text("x")


def mount_points() -> set[Path]:
    lines = Path("/proc/self/mountinfo").read_text().splitlines()
    found = {Path(line.split()[4]) for line in lines}
    return {path for path in found if path.is_dir() and not path.is_relative_to("/dev/shm")}


def intrusions(folder: Path, own: Path) -> Iterator[str]:
    """Every way to make an entry in the folder that works; what it leaves is taken away again."""
    with contextlib.suppress(OSError):
        if not folder.is_dir():
            return
        entry = folder / uuid.uuid4().hex
        inside = own / uuid.uuid4().hex
        inside.write_text("x")
        shortcut = own / uuid.uuid4().hex
        shortcut.symlink_to(folder)
        ways: dict[str, Callable[[], Any]] = {
            "open": lambda: entry.write_text("x"),
            "open through a symlink": lambda: (shortcut / entry.name).write_text("x"),
            "mkdir": lambda: entry.mkdir(),
            "symlink": lambda: entry.symlink_to("x"),
            "link": lambda: os.link(inside, entry),
            "rename": lambda: os.rename(inside, entry),
            "mkfifo": lambda: os.mkfifo(entry),
            "bind": lambda: bind(entry),
        }
        # One without a name in /dev is only memory, as of memfd_create.
        if folder.parts[:2] != ("/", "dev"):
            ways["temporary file"] = lambda: os.close(os.open(folder, os.O_TMPFILE | os.O_WRONLY))
        for way, intrude in ways.items():
            with contextlib.suppress(OSError):
                intrude()
                yield f"{way} in {folder}"
            remove(entry)
        remove(inside)
        remove(shortcut)


def bind(path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(path))


def remove(entry: Path) -> None:
    for take_away in (os.unlink, os.rmdir):
        with contextlib.suppress(OSError):
            take_away(entry)


def overwrites(file: Path) -> Iterator[str]:
    """Opening to write changes nothing yet."""
    with contextlib.suppress(OSError):
        os.close(os.open(file, os.O_WRONLY))
        yield f"writing {file}"
    exchanged = Path(tempfile.gettempdir()) / uuid.uuid4().hex
    exchanged.write_text("x")
    call = ctypes.CDLL(None, use_errno=True).syscall
    here, exchange = ctypes.c_int(-100), ctypes.c_uint(2)
    if call(RENAMEAT2, here, bytes(exchanged), here, bytes(file), exchange) == 0:
        call(RENAMEAT2, here, bytes(exchanged), here, bytes(file), exchange)
        yield f"exchanging {file}"
