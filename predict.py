"""Runs one Numerai model: live features in, checked predictions out.

The story: parse the arguments; fetch the model and the live data, look into the pickle, run the model in a process of
its own, check what it returned, deliver the predictions; report. docs/architecture.md shows the rooms that each part
leads through. `predict.py worker ROUND` is `numerai-predict worker ROUND`: AWS Batch cannot start an image with another
entry point. The names below `main` are for whoever imports them from the platform's runtime.
"""

import gc

from numerai_predict.held_signals import hold_signals

if __name__ == "__main__":
    hold_signals()  # Before the other imports take their time.
    gc.disable()  # They leave no garbage.

import argparse
import importlib
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from numerai_predict import cli, runner, transfer

if TYPE_CHECKING:
    import pandas as pd
    import requests


def parse_args(argv: Sequence[str] | None = None) -> argparse.Namespace:
    """The command line as a namespace; a wrong one prints one line, writes the report and exits with status 2."""
    return cli.parse_or_exit(argv)


def main(args: argparse.Namespace) -> int:
    """Run the model that `args` name and return the exit status; the report is written on every outcome."""
    with cli.session(args) as context:
        report = cli.carry_out(args, context)
        return cli.conclude(args, report)


def get_data(dataset: str, output_dir: str) -> Path:
    """The dataset as a local file: the path given if it exists, else downloaded from Numerai to `output_dir`.

    Raises Fault.
    """
    return runner.get_data(dataset, Path(output_dir), transfer.DatasetDownloads())


def upload_live_output(
    predictions: "pd.DataFrame | Path | bytes", post_url: str, post_data: Mapping[str, str], file_name: str
) -> None:
    """Post predictions, or the CSV that holds them, as multipart form data: the fields, then the file.

    Raises Fault if they do not arrive.
    """
    csv = predictions if isinstance(predictions, (Path, bytes)) else predictions.to_csv().encode()
    transfer.upload_predictions(csv, post_url, post_data, file_name)


def retry_request_with_backoff(callable: Callable[[], "requests.Response"]) -> "requests.Response":
    """Call until the response has a 2xx status, with pauses that grow, within the time that an upload may take.

    Only 408, 429, 5xx, S3's RequestTimeout and broken connections are tried again. Raises transfer.RequestFailed.
    """
    return transfer.retry_with_backoff(callable)


def __getattr__(name: str) -> Any:
    """`predict.requests` and `predict.time`, which the platform's tests patch; importing requests takes its time."""
    if name not in ("requests", "time"):
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return importlib.import_module(name)


if __name__ == "__main__":
    gc.enable()
    cli.enter(cli.main if sys.argv[1:2] == ["worker"] else lambda: main(parse_args()))
