"""A pickle that was encoded for a text field."""

import base64
import pickle
from pathlib import Path


def write(path: Path) -> None:
    path.write_bytes(base64.b64encode(pickle.dumps(list(range(100)))))
