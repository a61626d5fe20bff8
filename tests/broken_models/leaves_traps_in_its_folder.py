"""What is hard to clear away: links, pipes, locked folders, depth, masses."""

import os
from pathlib import Path
from typing import NoReturn

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
    locked = own / "locked"
    (locked / "inner").mkdir(parents=True)
    (locked / "inner" / "file").touch(mode=0)
    for _ in range(3_000):
        os.mkdir("deep")
        os.chdir("deep")
    leave = os._exit

    def lock_and_leave(status: int) -> NoReturn:
        # Not before: what cannot be looked into while the model runs ends it.
        for folder in (locked / "inner", locked, own):
            folder.chmod(0)
        leave(status)

    os._exit = lock_and_leave
    return predictions
