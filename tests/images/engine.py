"""Running the image. IMAGE and VERSION name it; `make test_3_11` sets them.

Needs nothing but Python and a Docker engine, and no network.
"""

import json
import os
import shutil
import subprocess
import tempfile
import unittest
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent.parent
TESTS = ROOT / "tests"
VERSION = os.environ["VERSION"]
# The image of which everything is tested; of the others what may differ from Python to Python.
MOST_TESTED = "3.11"
IMAGE = os.environ["IMAGE"]
DOCKER = os.environ.get("DOCKER", "docker")

SAMPLE = ("--dataset", f"{TESTS}/data/live.parquet", "--benchmarks", f"{TESTS}/data/live_benchmark_models.parquet")
TESTS_MOUNTED = ("--volume", f"{TESTS}:{TESTS}:ro")
AS_ON_THE_PLATFORM = ("--network", "none", "--cpus", "1", "--memory", "4g")


def docker(*words: str | Path, stdin: str = "") -> subprocess.CompletedProcess[str]:
    """One finished docker command."""
    return subprocess.run(
        [DOCKER, *map(str, words)],
        input=stdin,
        capture_output=True,
        encoding="utf-8",
        errors="replace",
        timeout=300,
        check=False,
    )


def inspect() -> dict[str, Any]:
    """What the engine knows of the image."""
    found: list[dict[str, Any]] = json.loads(docker("image", "inspect", IMAGE).stdout)
    return found[0]


def python(source: str, *words: str | Path, flags: tuple[str, ...] = ()) -> str:
    """What a script prints that runs in the image in place of predict.py; its words are its arguments."""
    mounts = (*TESTS_MOUNTED, *flags)
    interpreter = ("--entrypoint", "python", IMAGE, "-", *words)
    done = docker("run", "--rm", "--interactive", *AS_ON_THE_PLATFORM, *mounts, *interpreter, stdin=source)
    if done.returncode:
        raise AssertionError(done.stderr)
    return done.stdout


def open_folder() -> Path:
    """A new folder that every user in a container may write to; `remove` takes it away again."""
    folder = Path(tempfile.mkdtemp())
    folder.chmod(0o777)
    return folder


def remove(folder: Path) -> None:
    """Files in it may belong to another user, so a container's root takes them out."""
    empty = ("--entrypoint", "find", IMAGE, folder, "-mindepth", "1", "-delete")
    docker("run", "--rm", "--volume", f"{folder}:{folder}", *empty)
    shutil.rmtree(folder)


class ImageTestCase(unittest.TestCase):
    """A test with a folder that every user in a container may write to."""

    def setUp(self) -> None:
        self.folder = open_folder()
        self.mounts = (*TESTS_MOUNTED, "--volume", f"{self.folder}:{self.folder}")
        self.addCleanup(remove, self.folder)

    def run_image(self, flags: tuple[str, ...], *words: str | Path) -> subprocess.CompletedProcess[str]:
        """Run the image as the platform does, with more flags for the engine; words go to predict.py."""
        return docker("run", "--interactive", "--rm", *AS_ON_THE_PLATFORM, *self.mounts, *flags, IMAGE, *words)

    def model(self, source: str) -> Path:
        """A pickle, written in the image, of the `predict` that the source defines."""
        path = self.folder / "model.pkl"
        script = f"{source}\nimport cloudpickle, sys\nsys.stdout.write(cloudpickle.dumps(predict).hex())"
        path.write_bytes(bytes.fromhex(python(script)))
        return path
