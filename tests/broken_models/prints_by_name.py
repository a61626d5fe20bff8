"""Prints to its standard streams by their names, as log handlers and shell scripts do, and predicts."""

import logging
import subprocess

import pandas as pd


def predict(live_features: pd.DataFrame) -> pd.DataFrame:
    for number, name in enumerate(("/dev/stderr", "/proc/self/fd/2", "/dev/fd/2")):
        logger = logging.getLogger(f"model{number}")
        logger.addHandler(logging.FileHandler(name, mode="aw"[number % 2]))
        logger.warning("logged to %s", name)
    for name in ("/dev/stdout", "/proc/self/fd/1", "/dev/fd/1"):
        with open(name, "w") as stream:
            stream.write(f"written to {name}\n")
    subprocess.run(["sh", "-c", "echo echoed > /dev/stderr; echo echoed > /dev/stdout"], check=True)
    with open("/dev/stdin") as stream:
        assert stream.read() == ""
    return live_features.filter(like="feature_").sum(axis=1).rank(pct=True).to_frame("prediction")
