"""Runs of broken models in the image: their pickles, written by its own packages, and what a run leaves behind."""

import dataclasses
import functools
import json
import unittest
import uuid
from collections.abc import Callable
from pathlib import Path
from subprocess import CompletedProcess
from typing import Any

from tests.images.engine import IMAGE, TESTS, docker, open_folder, python, remove

MODELS = Path("/models")
DATA = Path("/data")
OUTPUT = Path("/output")

# Writes the model of each source file, what the file defines by value; the rest of the words is JSON, settings of all.
PICKLE = """
import importlib.util, json, sys
from pathlib import Path
import cloudpickle

folder, settings, *sources = sys.argv[1:]
for source in map(Path, sources):
    specification = importlib.util.spec_from_file_location(f"broken_model_{source.stem}", source)
    module = importlib.util.module_from_spec(specification)
    sys.modules[specification.name] = module
    specification.loader.exec_module(module)
    vars(module).update(json.loads(settings))
    cloudpickle.register_pickle_by_value(module)
    path = Path(folder) / f"{source.stem}.pkl"
    if hasattr(module, "write"):
        module.write(path)
    else:
        path.write_bytes(cloudpickle.dumps(getattr(module, "MODEL", None) or module.predict))
"""


@dataclasses.dataclass(frozen=True)
class Run:
    """One finished run of the image: exit status, output, report, predictions, and what else it left behind."""

    status: int
    stdout: str
    stderr: str
    report: dict[str, Any]
    csvs: list[str]
    others: list[str]

    @property
    def log(self) -> str:
        """The end of what was said, for when a test fails."""
        return f"{self.stdout[-1000:]}\n{self.stderr[-4000:]}"


@functools.cache
def models_of(*names: str) -> Path:
    """A folder with the pickles of these broken models, which all tests of a module share."""
    folder = open_folder()
    unittest.addModuleCleanup(remove, folder)
    unittest.addModuleCleanup(models_of.cache_clear)
    write_models(names, folder)
    return folder


def write_models(names: tuple[str, ...], folder: Path, **settings: object) -> None:
    """Write the pickles of broken models into the folder, with the image's own packages."""
    sources = [TESTS / f"broken_models/{name}.py" for name in names]
    python(PICKLE, MODELS, json.dumps(settings), *sources, flags=("--volume", f"{folder}:{MODELS}"))


def command_of(models: Path, name: str, output: Path) -> tuple[tuple[str, ...], tuple[str | Path, ...]]:
    """For a run of a model of the folder as a user does it: the mounts, and the words for predict.py."""
    model = ("--volume", f"{models}/{name}.pkl:{MODELS}/{name}.pkl:ro")
    mounts = (*model, "--volume", f"{TESTS}/data:{DATA}:ro", "--volume", f"{output}:{OUTPUT}")
    data = ("--dataset", DATA / "live.parquet", "--benchmarks", DATA / "live_benchmark_models.parquet")
    words = ("--model", MODELS / f"{name}.pkl", *data, "--output_dir", OUTPUT, "--report", OUTPUT / "report.json")
    return mounts, words


def run_image(
    models: Path,
    name: str,
    engine_flags: tuple[str, ...],
    *flags: str,
    engine: Callable[..., CompletedProcess[str]] = docker,
) -> Run:
    """Run a model of the folder; the container is kept until it is known what files it has left."""
    container = f"predict-{uuid.uuid4().hex}"
    folder = models / container
    folder.mkdir()
    folder.chmod(0o777)
    mounts, words = command_of(models, name, folder)
    try:
        done = engine("run", "--name", container, *mounts, *engine_flags, IMAGE, *words, *flags)
        left = sorted(folder.iterdir())
        report, csvs = folder / "report.json", [path for path in left if path.name.startswith("live_predictions-")]
        return Run(
            status=done.returncode,
            stdout=done.stdout,
            stderr=done.stderr,
            report=json.loads(report.read_text()) if report in left else {},
            csvs=[csv.read_text() for csv in csvs],
            others=[path.name for path in left if path not in (report, *csvs)]
            + temporary_files(container, models / f"{container}-tmp"),
        )
    finally:
        docker("rm", "--force", container)


def temporary_files(container: str, copy: Path) -> list[str]:
    """What is in the container's /tmp; `copy` is a new folder for it. (`docker diff` takes seconds.)"""
    done = docker("cp", f"{container}:/tmp", copy)
    if done.returncode:
        raise AssertionError(done.stderr)
    return [f"/tmp/{path.relative_to(copy)}" for path in copy.rglob("*")]
