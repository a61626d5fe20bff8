"""Who else may have written a model: every Python at hand with two versions of cloudpickle, and what they write."""

import functools
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from numerai_predict.inspection.bytecode import VERSIONS
from tests.harness import TESTS

OWN = f"{sys.version_info.major}.{sys.version_info.minor}"
# What `make check` installs below our own prefix; by major version, as a report names them.
CLOUDPICKLES = {line.split("==")[1][0]: line for line in (TESTS / "writers.txt").read_text().split()}
WRITE = TESTS / "corpus/write.py"
# Shapes that call a function when they are loaded.
TRAPS = ("prints", "makes_a_folder")


@dataclass(frozen=True)
class Sample:
    """A pickle of the corpus: which Python and which cloudpickle wrote it, and what it holds."""

    python: str
    cloudpickle: str
    protocol: int
    shape: str
    content: bytes

    def __str__(self) -> str:
        return f"{self.shape} by Python {self.python} and cloudpickle {self.cloudpickle} in protocol {self.protocol}"


@functools.cache
def corpus() -> list[Sample]:
    """Every shape of tests/corpus/write.py by every Python at hand and the versions of cloudpickle that run there."""
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        written = [
            pool.submit(written_by, python, major) for python in interpreters() for major in cloudpickles(python)
        ]
        return [sample for future in written for sample in future.result()]


def cloudpickles(python: str) -> list[str]:
    """Those that can write under it, by major version: 2 calls itself without end under 3.14 and later."""
    return [major for major in CLOUDPICKLES if major != "2" or VERSIONS.index(python) < VERSIONS.index("3.14")]


def written_by(python: str, major: str) -> list[Sample]:
    with tempfile.TemporaryDirectory() as folder:
        env = {"PYTHONPATH": str(cloudpickle_folder(major)), "PYTHONDONTWRITEBYTECODE": "1"}
        command = [str(interpreters()[python]), str(WRITE), folder]
        subprocess.run(command, env=env, check=True, timeout=60)
        return [sample_of(path, python, major) for path in sorted(Path(folder).glob("*.pkl"))]


def sample_of(path: Path, python: str, major: str) -> Sample:
    shape, protocol, _ = path.name.split(".")
    return Sample(python, major, int(protocol), shape, path.read_bytes())


def cloudpickle_folder(major: str) -> Path:
    """Where the Makefile has put that version, which is pure Python and runs under all of them."""
    folder = Path(sys.prefix) / "writers" / CLOUDPICKLES[major]
    if not (folder / "cloudpickle").is_dir():
        raise FileNotFoundError(f"There is no {folder}; make check installs it.")
    return folder


@functools.cache
def interpreters() -> dict[str, Path]:
    """One interpreter for every version at hand: ours, those of pyenv, those on the PATH."""
    found = {OWN: Path(sys.executable)}
    for version in VERSIONS:
        for path in candidates(version):
            if version not in found and is_version(path, version):
                found[version] = path
    return {version: found[version] for version in VERSIONS if version in found}


def candidates(version: str) -> Iterator[Path]:
    pyenv = shutil.which("pyenv")
    if pyenv:
        root = subprocess.run([pyenv, "root"], capture_output=True, text=True, timeout=60, check=True).stdout.strip()
        yield from sorted(Path(root).glob(f"versions/{version}.*/bin/python"))
    if on_path := shutil.which(f"python{version}"):
        yield Path(on_path)


def is_version(path: Path, version: str) -> bool:
    """Whether it runs at all, which a shim of pyenv may not, and is what its name says."""
    asked = [str(path), "-c", "import sys; print('%d.%d' % sys.version_info[:2])"]
    done = subprocess.run(asked, capture_output=True, text=True, timeout=60, check=False)
    return done.stdout.strip() == version
