"""Train a small neural net and write it as a model of pure NumPy, which needs no torch where it runs.

It is trained with torch where that is installed, and with NumPy elsewhere. Without flags it trains on this repository's
sample data. For a model of the tournament, download Numerai's data first:

    from numerapi import NumerAPI
    napi = NumerAPI()
    for name in ("features.json", "train.parquet", "live.parquet", "live_benchmark_models.parquet"):
        napi.download_dataset(f"v5.3/{name}", f"data/{name}")

and train with `--data_dir data`, under the Python version that the model is to run in.
"""

import argparse
import json
import shlex
import sys
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path
from typing import Any, TypeAlias

import cloudpickle
import numpy as np
import numpy.typing as npt
import pandas as pd

ROOT = Path(__file__).resolve().parents[1]
SAMPLE_DATA = ROOT / "tests/data"
HIDDEN = 32
EPOCHS = 20
BATCH = 256

Floats: TypeAlias = npt.NDArray[np.floating[Any]]


def train_with_torch(inputs: Floats, target: Floats) -> list[Floats]:
    """Return the weights and the bias of the hidden layer, then those of the output, as NumPy arrays."""
    import torch

    torch.manual_seed(0)
    net = torch.nn.Sequential(torch.nn.Linear(inputs.shape[1], HIDDEN), torch.nn.ReLU(), torch.nn.Linear(HIDDEN, 1))
    optimizer = torch.optim.Adam(net.parameters(), lr=0.003)
    x, y = torch.tensor(inputs, dtype=torch.float32), torch.tensor(target, dtype=torch.float32)
    for _ in range(EPOCHS):
        for batch in torch.randperm(len(x)).split(BATCH):
            loss = torch.nn.functional.mse_loss(net(x[batch])[:, 0], y[batch])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
    # On the CPU and out of torch: the pickle would otherwise refer to torch, or even need a GPU.
    return [array.detach().cpu().numpy().astype(float).T for array in net.parameters()]


def train_with_numpy(inputs: Floats, target: Floats) -> list[Floats]:
    """Return the weights and the bias of the hidden layer, then those of the output."""
    rng = np.random.default_rng(0)
    w1, b1 = rng.normal(scale=(2 / inputs.shape[1]) ** 0.5, size=(inputs.shape[1], HIDDEN)), np.zeros(HIDDEN)
    w2, b2 = rng.normal(scale=(1 / HIDDEN) ** 0.5, size=(HIDDEN, 1)), np.zeros(1)
    for epoch in range(EPOCHS):
        rate = 0.1 * (1 - epoch / EPOCHS)
        for batch in np.array_split(rng.permutation(len(inputs)), len(inputs) // BATCH + 1):
            hidden = np.maximum(inputs[batch] @ w1 + b1, 0)
            error = (hidden @ w2 + b2 - target[batch, None]) / len(batch)
            hidden_error = error @ w2.T * (hidden > 0)
            w2 -= rate * hidden.T @ error
            b2 -= rate * error.sum(axis=0)
            w1 -= rate * inputs[batch].T @ hidden_error
            b1 -= rate * hidden_error.sum(axis=0)
    return [w1, b1, w2, b2]


def train_model(data_dir: Path) -> Callable[[pd.DataFrame], pd.DataFrame]:
    """Return a predict function that carries all that it needs; equal data give equal predictions."""
    metadata = json.loads((data_dir / "features.json").read_text())
    features = metadata["feature_sets"]["small"]
    train = pd.read_parquet(data_dir / "train.parquet", columns=["target", *features]).dropna(subset=["target"])
    # What fills gaps and scales comes from the training data, and is carried along: one live era has other values.
    medians = train[features].median().to_numpy()
    means = train[features].mean().to_numpy()
    deviations = train[features].std().to_numpy()

    # Functions inside a function are written into the pickle whole, with the names from outside that they use: arrays
    # and the features, but not the training data.
    def prepare(frame: pd.DataFrame) -> Floats:
        """Return the inputs of the net, the features in the order of training, without gaps and scaled."""
        values = frame[features].to_numpy(dtype=float)
        filled: Floats = np.where(np.isnan(values), medians, values)
        return (filled - means) / deviations

    train_net = train_with_torch if find_spec("torch") else train_with_numpy
    w1, b1, w2, b2 = train_net(prepare(train), train["target"].to_numpy())

    def predict(live_features: pd.DataFrame) -> pd.DataFrame:
        """Return one prediction in (0, 1] per live id: the rank of its score within its era."""
        hidden = np.maximum(prepare(live_features) @ w1 + b1, 0)
        scores = pd.Series((hidden @ w2 + b2)[:, 0], index=live_features.index)
        ranks = scores.groupby(live_features["era"]).rank(pct=True)
        return ranks.to_frame("prediction")

    return predict


def main() -> None:
    """Train, write the pickle, and say what to do next."""
    parser = argparse.ArgumentParser(description="Train a neural net and write it as a model of pure NumPy.")
    parser.add_argument("--data_dir", type=Path, default=SAMPLE_DATA)
    parser.add_argument("--output", type=Path, default=Path("numpy_neural_net.pkl"))
    args = parser.parse_args()
    args.output.write_bytes(cloudpickle.dumps(train_model(args.data_dir)))
    print(f"Wrote {args.output} ({args.output.stat().st_size:,} bytes). Look into it, then run it:")
    predict = shlex.join([sys.executable, str(ROOT / "predict.py")])
    model, data_dir = shlex.quote(str(args.output)), shlex.quote(str(args.data_dir))
    print(f"{predict} --inspect --model {model}")
    print(f"{predict} --debug --model {model} --dataset {data_dir}/live.parquet")


if __name__ == "__main__":
    main()
