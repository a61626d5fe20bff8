"""Asks a program that is not installed whether there is a GPU."""

import subprocess
from typing import NoReturn

import pandas as pd


def predict(live_features: pd.DataFrame) -> NoReturn:
    subprocess.run(["nvidia-smi", "-L"], check=True)
    raise AssertionError("it is installed")
