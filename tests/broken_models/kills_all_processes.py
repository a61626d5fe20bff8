"""SIGKILL to every process that it may kill, unless that would be more than its own."""

import contextlib
import os
import signal
import subprocess

import pandas as pd


def predict(live_features: pd.DataFrame) -> pd.DataFrame:
    predictions = live_features.filter(like="feature_").sum(axis=1).rank(pct=True).to_frame("prediction")
    # The kernel reports success for -1 even where it refused every single process: so look at each before.
    others = [process for process in map(int, filter(str.isdigit, os.listdir("/proc"))) if process != os.getpid()]
    open_ways = [process for process in others if may_signal(process)]
    assert not open_ways, open_ways
    child = subprocess.Popen(["sleep", "98769"])
    with contextlib.suppress(PermissionError):
        os.kill(-1, signal.SIGKILL)
        assert child.wait(10) == -signal.SIGKILL
    return predictions


def may_signal(process: int) -> bool:
    with contextlib.suppress(OSError):
        os.kill(process, 0)
        return True
    return False
