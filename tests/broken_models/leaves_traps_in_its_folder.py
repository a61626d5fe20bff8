"""What is hard to clear away: links, pipes, odd names, depth, masses."""

import os
from pathlib import Path

import pandas as pd


def predict(live_features: pd.DataFrame) -> pd.DataFrame:
    predictions = live_features.filter(like="feature_").sum(axis=1).rank(pct=True).to_frame("prediction")
    own = Path.cwd()
    for number, target in enumerate(("/etc/passwd", "/proc/1/environ", "/", "/tmp", "..", "loop")):
        (own / f"link {number}").symlink_to(target)
    (own / "loop").symlink_to("loop")
    os.mkfifo("pipe")
    (own / "many").mkdir()
    for number in range(10_000):
        os.close(os.open(f"many/{number}", os.O_CREAT))
    Path(os.fsdecode(b"\xff\n\x1b[31m" + b"x" * 240)).touch()
    (own / "of nobody").touch(mode=0)
    for _ in range(3_000):
        os.mkdir("deep")
        os.chdir("deep")
    return predictions
