"""What a model costs in a round, forked from a warm template, beside a run of its own: `python -m tests.bench.round`.

CPU time is what is counted: of a worker's whole tree for the round less that of a round of one model, and of every
process of predict.py, with an image also in a container. What a model computes itself is the same in each, so that what
the runtime adds is compared.
"""

import argparse
import contextlib
import json
import math
import os
import platform
import shutil
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from tests.bench.cases import CASES, PREDICT, Case, output_of, predict_argv
from tests.bench.measure import Cost, cpu_sets, timed
from tests.bench.pairs import empty, progress
from tests.bench.table import table

WORKER = [sys.executable, "-m", "numerai_predict", "worker"]
DOCKER = os.environ.get("DOCKER", "docker")
ONE_CPU = cpu_sets()[0]
LIMITS = ("--network", "none", "--cpus", "1", "--memory", "5g")
FEWEST = 20
# A round takes so many CPU seconds of the models' own at most, if that leaves it enough of them.
MOST_OWN_S = 60.0
OWN_RUNS = 10
COST_HEAD = ["case", "model's own", "container each", "native each", "warm", "added, warm", "native", "container"]
REST_HEAD = ["case", "before the first s", "in the model's process", "worker, fork", "wall a model"]
PHASES = ("starting", "importing", "inspecting", "reading", "loading", "predicting", "checking")
ALLOWED = "at least 10"
# What a model computes by itself, in a process that has read the data and has predicted once before.
OWN = """
import pickle, sys, time
import pandas as pd
model, live, benchmarks, repetitions = sys.argv[1:]
frames = pd.read_parquet(live), pd.read_parquet(benchmarks)
taken = []
for _ in range(int(repetitions) + 1):
    began = time.process_time()
    with open(model, "rb") as file:
        pickle.load(file)(*(frame.copy() for frame in frames))
    taken.append(time.process_time() - began)
print(sum(taken[1:]) / len(taken[1:]))
"""

IN_CONTAINER = """
import resource, subprocess, sys
subprocess.run([sys.executable, "/predict.py", *sys.argv[1:]], capture_output=True, check=True)
used = resource.getrusage(resource.RUSAGE_CHILDREN)
print(used.ru_utime + used.ru_stime)
"""


def main() -> None:
    """Print the tables."""
    arguments = parse_arguments()
    print(
        f"Python {platform.python_version()}, {arguments.models} models in a round, {arguments.runs} runs of their own"
    )
    costs, rest = [], []
    with tempfile.TemporaryDirectory(prefix="bench-round-") as name:
        folder = Path(name)
        folder.chmod(0o755)  # The models' users read what is in it.
        for case in (case for case in CASES if case.name in arguments.case):
            cost_cells, rest_cells = measured(case, folder, arguments)
            costs.append([case.title, *cost_cells])
            rest.append([case.title, *rest_cells])
    print("\nCPU ms a model; on the right, how many times more a run or a container of its own adds than a warm run")
    print(f"(allowed: {ALLOWED})\n")
    print(table(COST_HEAD, costs), end="\n\n")
    print("Where the rest goes: CPU ms a model, and wall ms of its phases\n")
    print(table([*REST_HEAD, *PHASES], rest))


def parse_arguments() -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench.round", description=__doc__)
    names = [case.name for case in CASES]
    parser.add_argument("--models", type=int, default=200, help="in the round (%(default)s)")
    parser.add_argument("--runs", type=int, default=5, help="of single runs (%(default)s)")
    parser.add_argument("--image", default=image_here(), help="of the containers (%(default)s); none, if it is empty")
    parser.add_argument("--case", action="append", choices=names, help="measure this, and what else is named so")
    arguments = parser.parse_args()
    arguments.case = arguments.case or ["sample", "full", "trees", "sklearn"]
    return arguments


def image_here() -> str:
    """The image of this Python, if the engine has it."""
    name = f"numerai_predict_py_{sys.version_info.major}_{sys.version_info.minor}:latest"
    with contextlib.suppress(OSError):
        if subprocess.run([DOCKER, "image", "inspect", name], capture_output=True, check=False).returncode == 0:
            return name
    return ""


def measured(case: Case, folder: Path, arguments: argparse.Namespace) -> tuple[list[str], list[str]]:
    """The cells of both tables."""
    files = case.files(folder)
    progress(f"what {case.name} computes itself")
    own = own_cpu_s(files)
    progress(f"{case.name} in runs of its own")
    native = statistics.mean(single_run(files, folder) for _ in range(arguments.runs))
    container = container_run(files, arguments) if arguments.image else math.nan
    models = max(FEWEST, min(arguments.models, int(MOST_OWN_S / own)))
    progress(f"{case.name} {models} times in a round")
    first, (only,) = round_of(1, files, folder)
    whole, outcomes = round_of(models, files, folder)
    warm = (whole.cpu_s - first.cpu_s) / (models - 1)
    in_model = statistics.mean(outcome["usage"]["cpu_s"] for outcome in outcomes)
    costs = [own, container, native, warm, warm - own]
    each = (whole.wall_s - first.wall_s) / (models - 1)
    phases = [statistics.mean(outcome["usage"]["phases"].get(name, 0.0) for outcome in outcomes) for name in PHASES]
    return (
        [*ms(costs), *(cell((each - own) / (warm - own)) for each in (native, container))],
        [f"{first.cpu_s - only['usage']['cpu_s']:.1f}", *ms([in_model, warm - in_model, each, *phases])],
    )


def ms(seconds: Sequence[float]) -> list[str]:
    """Milliseconds, as cells."""
    return [cell(each * 1000, ",.0f") for each in seconds]


def cell(value: float, form: str = ".1f") -> str:
    """A figure; a dash for what was not measured."""
    return "-" if math.isnan(value) else f"{value:{form}}"


def own_cpu_s(files: list[str]) -> float:
    """CPU seconds that the model takes to be loaded and to predict."""
    argv = [sys.executable, "-c", OWN, *files, str(OWN_RUNS)]
    return float(subprocess.run(argv, capture_output=True, check=True).stdout)


def single_run(files: list[str], folder: Path) -> float:
    """CPU seconds of predict.py."""
    output = output_of(folder)
    seconds = timed(predict_argv(PREDICT, files, output), ONE_CPU).cpu_s
    empty(output)
    return seconds


def container_run(files: list[str], arguments: argparse.Namespace) -> float:
    """CPU seconds of the runtime in a container; what the engine computes comes on top, and is not counted."""
    folders = sorted({str(Path(file).parent) for file in files})
    mounts = [word for place in folders for word in ("--volume", f"{place}:{place}:ro")]
    words = [word for pair in zip(("--model", "--dataset", "--benchmarks"), files, strict=True) for word in pair]
    argv = [
        DOCKER,
        "run",
        "--rm",
        *LIMITS,
        *mounts,
        "--entrypoint",
        "python",
        arguments.image,
        "-c",
        IN_CONTAINER,
        *words,
    ]
    taken = [subprocess.run(argv, capture_output=True, check=True).stdout for _ in range(arguments.runs + 1)]
    return statistics.mean(map(float, taken[1:]))


def round_of(models: int, files: list[str], folder: Path) -> tuple[Cost, list[dict[str, Any]]]:
    """What one worker costs for a round of the model so many times, and the outcomes."""
    model, live, benchmarks = files
    place = folder / "round"
    (place / "data").mkdir(parents=True)
    shutil.copy(live, place / "data/live.parquet")
    shutil.copy(benchmarks, place / "data/live_benchmark_models.parquet")
    rows = [{"id": f"m{number:04}", "model": model} for number in range(models)]
    (place / "manifest.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    cost = timed([*WORKER, str(place)], ONE_CPU)
    outcomes = [json.loads(path.read_bytes()) for path in sorted((place / "outcomes").iterdir())]
    shutil.rmtree(place)
    if [outcome["status"] for outcome in outcomes] != ["success"] * models:
        sys.exit(f"Not all of {models} models succeeded: {[outcome['fault'] for outcome in outcomes]}")
    return cost, outcomes


if __name__ == "__main__":
    main()
