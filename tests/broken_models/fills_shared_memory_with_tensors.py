"""torch hands tensors of its workers over in shared memory."""

from typing import NoReturn

import pandas as pd


def predict(live_features: pd.DataFrame) -> NoReturn:
    import torch

    torch.ones(100 << 20, dtype=torch.uint8).share_memory_()
    raise AssertionError("it fits")
