"""Says that it is being looked into, or read, while it predicts, and raises."""

import sys
from typing import Any

import pandas as pd


def predict(live_features: pd.DataFrame) -> pd.DataFrame:
    predictions = live_features.filter(like="feature_").sum(axis=1).rank(pct=True).to_frame("prediction")
    frame: Any = sys._getframe()
    while "channel" not in frame.f_locals:
        frame = frame.f_back
    channel, answer, checks = (frame.f_locals[name] for name in ("channel", "answer", "checks"))
    for phase in ("inspecting", "reading", "importing"):
        channel.announce(phase)
    raise RuntimeError(f"no regime among {len(predictions)} rows, {len(answer)}, {checks.__name__}")
