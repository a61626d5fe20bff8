"""Line ends were changed on the way (FTP in text mode, a checkout on Windows)."""

import pickle
from pathlib import Path


def write(path: Path) -> None:
    whole = pickle.dumps({"weights": [10, 266, 2570], "text": "a\nb"}, protocol=4)
    path.write_bytes(whole.replace(b"\n", b"\r\n"))
