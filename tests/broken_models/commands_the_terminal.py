"""Prints, and raises, what clears a terminal's screen, names its window, hides text and turns its direction."""

import os
import sys

import pandas as pd

COMMANDS = "\x1b[2J\x1b[H\x1b]0;mine\x07\x1b[8m\x9b31m\x08\x7f\u202e"


def predict(live_features: pd.DataFrame) -> pd.DataFrame:
    print(f"Printed {COMMANDS} and\x1b", "[2J", sep="")
    print(f"Said {COMMANDS}.", file=sys.stderr, flush=True)
    os.write(1, b"Written \x1b(0\x9b\xff.\n")
    raise ValueError(f"Raised {COMMANDS}.")
