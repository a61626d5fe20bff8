"""Asks torch where it keeps what it compiles and downloads, which is in a folder with the name of the user."""

import pandas as pd


def predict(live_features: pd.DataFrame) -> pd.DataFrame:
    import getpass
    import os
    import pwd

    import torch
    from torch._inductor.runtime.cache_dir_utils import cache_dir

    assert getpass.getuser() == pwd.getpwuid(os.getuid()).pw_name == "model"
    assert cache_dir().startswith(os.environ["HOME"])
    assert torch.hub.get_dir().startswith(os.environ["HOME"])
    return live_features.filter(like="feature_").sum(axis=1).rank(pct=True).to_frame("prediction")
