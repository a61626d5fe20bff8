"""How long `docker run` takes until the predictions are written: our image beside the original's packages, as a table.

The baseline is an image with the platform's own packages, as its images hold them: without bytecode. We do not copy the
original's program, so the baseline runs the least that it does in every run: it imports numerapi, pandas and requests,
loads model and data, predicts and writes (tests/bare_minimum.py). It has no torch and no TensorFlow, which this model
does not import, and checks, limits and reports nothing. All of that favours the original.

Each run is a new container with one CPU, 4 GB and no network, of an image that the disk's cache holds: the two are run
in turn, and the first run of each is not counted.

Our image must be there; the baseline is built. DOCKER names the client, DOCKER_BUILD_FLAGS holds more flags for its
build.
"""

import argparse
import os
import shlex
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from tests.bench.cases import TESTS, full_size, sample_data
from tests.bench.measure import ABORTED
from tests.bench.pairs import Spread, progress
from tests.bench.table import table

DOCKER = os.environ.get("DOCKER", "docker")
LIMITS = ("--network", "none", "--cpus", "1", "--memory", "4g")
DATA = {"sample (650 × 42)": sample_data, "full size (7,000 × 3,555)": full_size}
ALLOWED = "0.28"


def build_baseline(version: str) -> str:
    """Build the image with the platform's packages; returns its name."""
    image = f"numerai_predict_original_{version.replace('.', '_')}"
    flags = shlex.split(os.environ.get("DOCKER_BUILD_FLAGS", ""))
    command = [DOCKER, "build", *flags, "--tag", image, "--build-arg", f"PYTHON={version}"]
    command += ["--file", str(TESTS / "images/original/Dockerfile"), str(TESTS)]
    # The clients before 23 build without cache mounts unless told.
    subprocess.run(command, check=True, env={"DOCKER_BUILDKIT": "1", **os.environ})
    return image


def seconds_of(*argv: str) -> float:
    """Wall seconds of one container; exits with what it said if it fails."""
    began = time.perf_counter()
    result = subprocess.run([DOCKER, "run", "--rm", *LIMITS, *argv], capture_output=True, text=True)
    seconds = time.perf_counter() - began
    if result.returncode and ABORTED not in result.stderr:
        sys.exit(f"{shlex.join(result.args)} failed with status {result.returncode}:\n{result.stdout}{result.stderr}")
    return seconds


def containers(data: Path, version: str, baseline: str, ours: str) -> dict[str, list[str]]:
    """What `docker run` is given for each column of the table."""
    mounts = ["--volume", f"{data}:/data:ro", "--volume", f"{TESTS / 'models'}:/models:ro"]
    model = f"/models/model_{version.replace('.', '_')}.pkl"
    files = ["/data/live.parquet", "/data/live_benchmark_models.parquet"]
    flags = ["--model", model, "--dataset", files[0], "--benchmarks", files[1], "--output_dir", "/tmp"]
    return {
        "docker alone, s": ["--entrypoint", "true", ours],
        "original's packages, s": [*mounts, baseline, model, *files, "/tmp/predictions.csv"],
        "our image, s": [*mounts, ours, *flags],
    }


def run_in_turn(columns: dict[str, list[str]], runs: int) -> dict[str, list[float]]:
    """The seconds of each container in each round."""
    seconds: dict[str, list[float]] = {name: [] for name in columns}
    for run in range(runs + 1):
        for name, argv in columns.items():
            taken = seconds_of(*argv)
            if run:  # The first one warms the disk's cache.
                seconds[name].append(taken)
    return seconds


def compare(seconds: dict[str, list[float]]) -> list[str]:
    """The cells of a row: each container's seconds, and how the last two compare."""
    _, original, ours = seconds.values()
    ratio = Spread.of(mine / other for mine, other in zip(ours, original, strict=True))
    # Says so where other work disturbed the medians.
    fastest = f"{min(ours) / min(original):.2f}"
    return [*(Spread.of(taken).show() for taken in seconds.values()), ratio.show(), fastest, ALLOWED]


def main() -> None:
    """Print the table for the sample and the full-size data."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=5, help="counted runs of each image (default: 5)")
    parser.add_argument("--version", default="3.11", help="Python of both images (default: 3.11)")
    parser.add_argument("--image", help="our image (default: numerai_predict_py_VERSION:latest)")
    arguments = parser.parse_args()
    version = arguments.version
    ours = arguments.image or f"numerai_predict_py_{version.replace('.', '_')}:latest"
    found = subprocess.run([DOCKER, "image", "inspect", ours], capture_output=True, text=True)
    if found.returncode:
        sys.exit(f"Build our image first: {found.stderr.strip()}")
    baseline = build_baseline(version)
    rows = []
    with tempfile.TemporaryDirectory(prefix="bench-") as name:
        folder = Path(name)
        folder.chmod(0o755)  # Whoever runs in the containers reads it.
        for title, make_data in DATA.items():
            columns = containers(make_data(folder), version, baseline, ours)
            progress(f"the start with {title}")
            rows.append([title, *compare(run_in_turn(columns, arguments.runs))])
    print(
        f"Python {version}, docker run to its end, {shlex.join(LIMITS)}: medians and quartiles, {arguments.runs} runs\n"
    )
    print(table(["data", *columns, "ratio", "of the fastest runs", "allowed"], rows))


if __name__ == "__main__":
    main()
