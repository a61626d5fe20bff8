"""The script in place of the model."""

from pathlib import Path


def write(path: Path) -> None:
    path.write_text("import pandas as pd\n\n\ndef predict(live_features):\n    return live_features\n")
