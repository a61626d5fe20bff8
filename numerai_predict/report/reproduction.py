"""The command that runs the same model on the same data once more, in the image of this Python."""

import os
import shlex
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Protocol

from numerai_predict import container
from numerai_predict.platform_limits import BENCHMARKS, DATASET, MEMORY_LIMIT, OUTPUT_DIR, TIME_LIMIT_S
from numerai_predict.report.sections import git_ref
from numerai_predict.transfer import file_name_of, has_route, is_url

HERE = '"$PWD"'
# Where a container finds the current folder of whoever runs the command: nothing else is mounted there.
DOWNLOADED = "/downloaded"
# Those of the image that no folder of the host may hide.
OF_THE_IMAGE = frozenset(
    ("/", "/bin", "/etc", "/lib", "/lib64", "/numerai_predict", "/sbin", "/usr", "/usr/bin", "/usr/lib", "/venv")
) | {f"/usr/local{below}" for below in ("", "/bin", "/lib")}


class Reproducible(Protocol):
    """What a run was asked for, as far as a command can ask for it again."""

    @property
    def model(self) -> str | Path:
        """A file or a URL."""

    @property
    def dataset(self) -> str | Path:
        """A file, or the name of a dataset that Numerai has."""

    @property
    def benchmarks(self) -> str | Path:
        """A file, or the name of a dataset that Numerai has."""

    @property
    def output_dir(self) -> str | Path:
        """A folder."""

    @property
    def report(self) -> Path | None:
        """A file, if one is asked for."""

    @property
    def time_limit(self) -> float:
        """Seconds."""

    @property
    def memory_limit(self) -> int:
        """Bytes."""

    @property
    def strict(self) -> bool:
        """Whether the platform's acceptance rules fail the run."""

    @property
    def inspect(self) -> bool:
        """Whether the pickle is only looked into."""


def reproduce_command(run: Reproducible) -> str:
    """The `docker run … --debug` line that repeats a run: its files and limits, its user, and in a container also what
    that was started with, as far as it can be seen inside.

    A model that came from a URL, whose signature is not shown, is expected in the current folder. Nothing is uploaded.
    """
    paths = dict(_paths(run))
    names = {
        flag: str(value)
        for flag, value in (("dataset", run.dataset), ("benchmarks", run.benchmarks))
        if flag not in paths and value not in (DATASET, BENCHMARKS)
    }
    words = ["docker", "run", "-i", "--rm", *_engine_flags()]
    if container.is_container():
        words += _volumes_of_container()
        words += ["-v", f"{HERE}:{DOWNLOADED}"] if is_url(str(run.model)) else []
    else:
        words += [word for folder in folders_around([*paths.values()]) for word in _bind(folder, folder)]
    words += [image_name(), "--debug"]
    for flag, value in {**paths, **names}.items():
        words += [f"--{flag}", shell_word(value)]
    if run.time_limit != TIME_LIMIT_S:
        words += ["--time_limit", f"{run.time_limit:.15g}"]
    if run.memory_limit != MEMORY_LIMIT:
        words += ["--memory_limit", str(run.memory_limit)]
    return " ".join([*words, *(f"--{flag}" for flag in ("strict", "inspect") if getattr(run, flag))])


def _paths(run: Reproducible) -> Iterator[tuple[str, str]]:
    """The whole paths of the files and folders that a run names, by their flags."""
    model = str(run.model)
    if is_url(model):
        folder = DOWNLOADED if container.is_container() else os.getcwd()
        yield "model", f"{folder}/{file_name_of(model)}"
    else:
        yield "model", os.path.abspath(model)
    for flag, dataset in (("dataset", run.dataset), ("benchmarks", run.benchmarks)):
        if os.path.exists(dataset) or os.path.isabs(dataset):
            yield flag, os.path.abspath(dataset)
    if str(run.output_dir) != OUTPUT_DIR:
        yield "output_dir", os.path.abspath(run.output_dir)
    if run.report:
        yield "report", os.path.abspath(run.report)


def _engine_flags() -> list[str]:
    """The user, and what of a container's network, limits and filesystem is not as Docker makes it."""
    flags = [] if os.getuid() == 0 else ["--user", f"{os.getuid()}:{os.getgid()}"]
    flags += [] if has_route() else ["--network", "none"]
    if not container.is_container():
        return flags
    flags += [word for limit in container.limits().items() for word in limit]
    if any(mount.target == "/" and mount.read_only for mount in container.mounts()):
        flags.append("--read-only")
    return flags


def _volumes_of_container() -> list[str]:
    """What was mounted in this container, as it was. A folder of the host whose name cannot be known in here is taken
    for the one that the command is run in; `docker run` is mostly given that.
    """
    words: list[str] = []
    sources: dict[str, str | None] = {}
    for mount in container.users_mounts():
        source = container.source_of(mount)
        outer = max((target for target in sources if container.is_inside(mount.target, target)), key=len, default=None)
        if mount.kind == "tmpfs":
            words += ["--tmpfs", shell_word(mount.target)]
        elif outer is None or source != f"{sources[outer]}{mount.target.removeprefix(outer)}":
            words += _bind(source, mount.target, mount.read_only)
        sources[mount.target] = source
    return words


def _bind(source: str | None, target: str, read_only: bool = False) -> list[str]:
    if source and ":" in source + target:  # Which separates the two in -v; a comma does in --mount.
        fields = [f"source={source}", f"target={target}", *(["readonly"] if read_only else [])]
        quoted = ['"{}"'.format(field.replace('"', '""')) if set(field) & {",", '"'} else field for field in fields]
        return ["--mount", shell_word(",".join(["type=bind", *quoted]))]
    named = HERE if source is None else shell_word(source)
    return ["-v", f"{named}:{shell_word(target)}{':ro' if read_only else ''}"]


def folders_around(paths: list[str]) -> list[str]:
    """The folders of the host that hold the paths, none inside another; a file alone where its folder would hide the
    image's own, and nothing for what does not exist.
    """
    found = dict.fromkeys(folder for path in paths for folder in _around(path))
    return [one for one in found if not any(container.is_inside(one, other) for other in found if other != one)]


def _around(path: str) -> Iterator[str]:
    folder = path if os.path.isdir(path) else os.path.dirname(path)
    if any(container.is_inside(folder, of_kernel) for of_kernel in container.OF_THE_KERNEL):
        return
    if folder not in OF_THE_IMAGE and os.path.isdir(folder):
        yield folder
    elif os.path.isfile(path):
        yield path
    real = os.path.dirname(os.path.realpath(path))
    if os.path.isfile(path) and real != os.path.realpath(folder):  # A link leads out of its folder.
        yield from _around(os.path.realpath(path))


def shell_word(text: str) -> str:
    """The text as a word of a shell's command line; as one of bash and its like, where it does not print."""
    if text.isprintable():
        return shlex.quote(text)
    quoted = text.replace("\\", "\\\\").replace("'", "\\'")
    return f"$'{''.join(letter if letter.isprintable() else _bytes_of(letter) for letter in quoted)}'"


def _bytes_of(letter: str) -> str:
    return "".join(f"\\x{byte:02x}" for byte in os.fsencode(letter))


def image_name() -> str:
    """The image of this Python: of the commit that this one was built from, of the latest outside an image."""
    return f"numerai_predict_py_{sys.version_info.major}_{sys.version_info.minor}:{git_ref() or 'latest'}"
