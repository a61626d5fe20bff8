"""A .zip with more than the model in it."""

import pickle
import zipfile
from pathlib import Path


def write(path: Path) -> None:
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("model.pkl", pickle.dumps(1))
        archive.writestr("other.pkl", pickle.dumps(2))
