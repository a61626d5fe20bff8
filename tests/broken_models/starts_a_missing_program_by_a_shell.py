"""Lets a shell start a program that is not installed."""

import subprocess
from typing import NoReturn

import pandas as pd


def predict(live_features: pd.DataFrame) -> NoReturn:
    subprocess.check_output("no-such-program --version", shell=True)
    raise AssertionError("it is installed")
