"""Raises and prints what clears a terminal, colours it, turns the direction of text and looks like lines of a log."""

import pandas as pd

COMMANDS = "\x1b[2J\x1b]0;title\x07\x9b31m\u202e\x08\x7f"


def predict(live_features: pd.DataFrame) -> pd.DataFrame:
    print(f"printed {COMMANDS}", end="")
    raise ValueError(f"raised {COMMANDS}\n2026-01-01 00:00:00,000 INFO Saved the predictions\r{live_features.shape}")
