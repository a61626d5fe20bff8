"""The models and data that are measured, made where they are needed."""

import functools
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cloudpickle
import numpy as np
import pandas as pd

from numerai_predict.sandbox import Limits

TESTS = Path(__file__).resolve().parents[1]
PREDICT = TESTS.parent / "predict.py"
SAMPLE = TESTS / "data"
SAMPLE_MODEL = TESTS / f"models/model_{sys.version_info.major}_{sys.version_info.minor}.pkl"
PROCESSES = Limits.processes
SLEEP_SECONDS = 5
# 50 MB.
ARRAY_NUMBERS = 6_250_000

Predict = Callable[[pd.DataFrame, pd.DataFrame], pd.DataFrame]


@dataclass(frozen=True)
class Case:
    """What to measure: its name on the command line and in the table, what it may cost as a factor of the bare minimum,
    and what makes its data and its model in a folder; what is made twice is made once.
    """

    name: str
    title: str
    allowed: str
    data: Callable[[Path], Path]
    model: Callable[[Path], Path]

    def files(self, folder: Path) -> list[str]:
        """The model, the live features and the benchmark models."""
        data = self.data(folder)
        return [str(self.model(folder)), str(data / "live.parquet"), str(data / "live_benchmark_models.parquet")]

    def programs(self, folder: Path) -> dict[str, list[str]]:
        """The commands of the bare minimum and of predict.py, both of which write to `output_of(folder)`."""
        output = output_of(folder)
        files = self.files(folder)
        bare = [sys.executable, str(TESTS / "bare_minimum.py"), *files, str(output / "bare.csv")]
        return {"bare": bare, "predict.py": predict_argv(PREDICT, files, output)}


def predict_argv(program: Path, files: list[str], output: Path) -> list[str]:
    """The command of predict.py or of what stands in for it."""
    flags = ("--model", "--dataset", "--benchmarks")
    given = [word for pair in zip(flags, files, strict=True) for word in pair]
    return [sys.executable, str(program), *given, "--output_dir", str(output)]


def output_of(folder: Path) -> Path:
    """Where the predictions go."""
    output = folder / "output"
    output.mkdir(exist_ok=True)
    return output


def sample_data(folder: Path) -> Path:
    """650 rows of 42 features."""
    return SAMPLE


def full_size(folder: Path) -> Path:
    """A live round as large as the platform's: 7,000 rows of v5.3's 3,555 features."""
    return make_data(folder / "full", rows=7_000, features=3_555)


def million_rows(folder: Path) -> Path:
    """A million rows of 42 features."""
    return make_data(folder / "million", rows=1_000_000, features=42)


@functools.cache
def make_data(folder: Path, rows: int, features: int) -> Path:
    """Live data of that size."""
    size = ["--rows", str(rows), "--features", str(features), "--output_dir", str(folder)]
    subprocess.run([sys.executable, str(TESTS / "data/make_data.py"), *size], check=True)
    return folder


def sample_model(folder: Path) -> Path:
    """A LightGBM of 60 trees."""
    return SAMPLE_MODEL


@functools.cache
def two_thousand_trees(folder: Path) -> Path:
    """A LightGBM of 2,000 trees."""
    data = ["--data_dir", str(full_size(folder)), "--features", "42"]
    model = ["--trees", "2000", "--output_dir", str(folder), "--name", "two_thousand_trees"]
    subprocess.run([sys.executable, str(TESTS / "models/train_models.py"), *data, *model], check=True)
    return folder / "two_thousand_trees.pkl"


@functools.cache
def scikit_learn(folder: Path) -> Path:
    """A ridge regression."""
    from sklearn.linear_model import Ridge  # type: ignore[import-untyped]

    return write_model(folder / "scikit_learn.pkl", Ridge().fit(*training()).predict)


@functools.cache
def numpy_only(folder: Path) -> Path:
    """A weighted sum, which imports nothing more than pandas does."""
    return write_model(folder / "numpy_only.pkl", weighted_sum(arrays=0))


@functools.cache
def half_a_gigabyte(folder: Path) -> Path:
    """A pickle of 500 MB."""
    return write_model(folder / "half_a_gigabyte.pkl", weighted_sum(arrays=10))


@functools.cache
def two_gigabytes(folder: Path) -> Path:
    """A pickle of 2 GB."""
    return write_model(folder / "two_gigabytes.pkl", weighted_sum(arrays=40))


def weighted_sum(arrays: int) -> Callable[[pd.DataFrame], Any]:
    """A score that holds so many arrays of 50 MB besides."""
    generator = np.random.default_rng(0)
    weights = generator.random(len(features())).astype(np.float32)
    ballast = [generator.random(ARRAY_NUMBERS) for _ in range(arrays)]

    def score(live_features: pd.DataFrame) -> Any:
        return live_features.to_numpy(dtype=np.float32) @ weights + len(ballast)

    return score


@functools.cache
def ninety_thousand_trees(folder: Path) -> Path:
    """A LightGBM of 90,000 trees: those of the sample model over and over, since to train as many takes an hour."""
    from lightgbm import Booster, Dataset, train

    data, target = training()
    trained = train({"num_leaves": 15, "verbosity": -1, "num_threads": 1}, Dataset(data, target), num_boost_round=60)
    booster = Booster(model_str=repeat_trees(trained.model_to_string(), times=1_500))
    return write_model(folder / "ninety_thousand_trees.pkl", booster.predict)


def repeat_trees(text: str, times: int) -> str:
    """LightGBM's text of a model with its trees so many times: each has a number, and its length in the head."""
    head, *trees = text.partition("\nend of trees")[0].split("\nTree=")
    bodies = [tree.partition("\n")[2] for tree in trees] * times
    numbered = [f"Tree={number}\n{body}\n" for number, body in enumerate(bodies)]
    before, _, after = head.partition("\ntree_sizes=")
    sizes = " ".join(str(len(tree)) for tree in numbered)
    rest = after.partition("\n")[2]
    return (
        f"{before}\ntree_sizes={sizes}\n{rest}\n"
        + "".join(numbered)
        + "end of trees"
        + text.partition("\nend of trees")[2]
    )


@functools.cache
def many_processes(folder: Path) -> Path:
    """A model of as many processes as it may have, that sleep for some seconds."""

    def score(live_features: pd.DataFrame) -> Any:
        sleeping = [subprocess.Popen(["sleep", str(seconds)]) for _ in range(count)]
        for process in sleeping:
            process.wait()
        return live_features.to_numpy().sum(axis=1)

    count, seconds = PROCESSES - 1, SLEEP_SECONDS
    return write_model(folder / "many_processes.pkl", score)


def computing(folder: Path, seconds: float) -> Path:
    """A model that computes for so long."""

    def score(live_features: pd.DataFrame) -> Any:
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            sum(range(100_000))
        return live_features.to_numpy().sum(axis=1)

    return write_model(folder / "computing.pkl", score)


def training() -> tuple[pd.DataFrame, Any]:
    """The sample's live features, and a target."""
    data = pd.read_parquet(SAMPLE / "live.parquet")[features()]
    return data, np.random.default_rng(0).random(len(data))


def features() -> list[str]:
    """The features of the sample, with which those of all data begin."""
    import pyarrow.parquet

    names = pyarrow.parquet.read_schema(SAMPLE / "live.parquet").names
    return [name for name in names if name.startswith("feature_")]


def write_model(path: Path, score: Callable[[pd.DataFrame], Any]) -> Path:
    """Pickle the predict function that ranks by the score of the sample's features."""
    names = features()

    # Of these functions that are defined in others cloudpickle writes the code, and no reference to this module.
    def predict(live_features: pd.DataFrame, live_benchmark_models: pd.DataFrame) -> pd.DataFrame:
        scores = pd.Series(score(live_features[names]), index=live_features.index)
        return scores.rank(pct=True).to_frame("prediction")

    with path.open("wb") as file:
        cloudpickle.dump(predict, file)
    return path


CASES = [
    Case("sample", "LightGBM, 60 trees, sample", "<1.00", sample_data, sample_model),
    Case("full", "LightGBM, 60 trees, full size", "1.05", full_size, sample_model),
    Case("trees", "LightGBM, 2,000 trees, full size", "1.05", full_size, two_thousand_trees),
    Case("sklearn", "scikit-learn, full size", "1.05", full_size, scikit_learn),
    Case("numpy", "NumPy only, full size", "1.10", full_size, numpy_only),
    Case("pickle", "500 MB pickle, sample", "1.20", sample_data, half_a_gigabyte),
]
LARGE_CASES = [
    Case("2gb", "2 GB pickle, sample", "1.10", sample_data, two_gigabytes),
    Case("90k", "90,000 trees, sample", "1.10", sample_data, ninety_thousand_trees),
    Case("rows", "LightGBM, 60 trees, a million rows", "1.10", million_rows, sample_model),
    Case("processes", f"{PROCESSES} processes, sample", "1.10", sample_data, many_processes),
]
