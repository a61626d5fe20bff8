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
import statistics
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

TESTS = Path(__file__).resolve().parents[1]
DOCKER = os.environ.get("DOCKER", "docker")
LIMITS = ("--network", "none", "--cpus", "1", "--memory", "4g")
TARGET = 0.28


@dataclass(frozen=True)
class Case:
    """A folder with the two data files, read by the sample model."""

    name: str
    folder: Path


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
    if result.returncode:
        sys.exit(f"{shlex.join(result.args)} failed with status {result.returncode}:\n{result.stdout}{result.stderr}")
    return seconds


def containers(case: Case, version: str, baseline: str, ours: str) -> dict[str, list[str]]:
    """What `docker run` is given for each row of the table."""
    mounts = ["--volume", f"{case.folder}:/data:ro", "--volume", f"{TESTS / 'models'}:/models:ro"]
    model = f"/models/model_{version.replace('.', '_')}.pkl"
    data = ["/data/live.parquet", "/data/live_benchmark_models.parquet"]
    flags = ["--model", model, "--dataset", data[0], "--benchmarks", data[1], "--output_dir", "/tmp"]
    return {
        "docker alone": ["--entrypoint", "true", ours],
        "original's packages": [*mounts, baseline, model, *data, "/tmp/predictions.csv"],
        "our image": [*mounts, ours, *flags],
    }


def compare(case: Case, rows: dict[str, list[str]], runs: int) -> None:
    """Print the median of each row, and how the last two compare."""
    seconds: dict[str, list[float]] = {name: [] for name in rows}
    for run in range(runs + 1):
        for name, argv in rows.items():
            taken = seconds_of(*argv)
            if run:  # The first one warms the disk's cache.
                seconds[name].append(taken)
    medians = {name: statistics.median(taken) for name, taken in seconds.items()}
    for title, (name, median) in zip([case.name, "", ""], medians.items(), strict=True):
        spread = f"({min(seconds[name]):.2f} to {max(seconds[name]):.2f})"
        print(f"{title:<28}{name:<20}{median:>7.2f} s  {spread}")
    _, original, ours = medians.values()
    _, fastest_original, fastest = map(min, seconds.values())  # Says so where other work disturbed the medians.
    ratios = f"{ours / original:>7.2f}    fastest runs {fastest / fastest_original:.2f}, target {TARGET:.2f}"
    print(f"{'':<28}{'ratio':<20}{ratios}\n", flush=True)


def make_full_size(folder: Path) -> None:
    """Write a live round as large as the platform's."""
    folder.mkdir()
    size = ["--rows", "7000", "--features", "3555", "--output_dir", str(folder)]
    subprocess.run([sys.executable, str(TESTS / "data/make_data.py"), *size], check=True)


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
    with tempfile.TemporaryDirectory() as name:
        Path(name).chmod(0o755)  # Whoever runs in the containers reads it.
        full = Path(name) / "full"
        make_full_size(full)
        cases = [Case("sample (650 x 42)", TESTS / "data"), Case("full size (7000 x 3555)", full)]
        print(f"Python {version}, docker run to its end, {shlex.join(LIMITS)}, median of {arguments.runs} runs\n")
        for case in cases:
            compare(case, containers(case, version, baseline, ours), arguments.runs)


if __name__ == "__main__":
    main()
