"""The process that models are forked from in a round: it imports their libraries, reads the live data, and waits.

It computes nothing with the libraries: whoever has run a parallel region in it (LightGBM, XGBoost, torch, polars) hangs
in its forks. What a fork takes over that an executed process would not have is renewed in it (`begin_anew`).
"""

import contextlib
import gc
import importlib
import io
import sys
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NoReturn

from numerai_predict.child import main
from numerai_predict.child.frame_memory import read_beforehand
from numerai_predict.child.live_frames import LiveFrames
from numerai_predict.sandbox import ChildChannel, fork_on_request

# What libraries keep of the environment from when they were imported: the folders that they may write to.
REMEMBERED_FOLDERS = (("matplotlib", "get_configdir"), ("matplotlib", "get_cachedir"))


def run_template(libraries: Sequence[str], data: Sequence[str]) -> NoReturn:
    """What a Template executes: import the libraries that are installed, read the data files, and fork on request."""
    for name in libraries:
        with contextlib.suppress(ImportError):
            importlib.import_module(name)
    frames = read_beforehand(map(Path, data))
    rehearse()
    gc.collect()
    gc.freeze()
    fork_on_request(lambda reaper: _predict(reaper, frames))


def _predict(reaper: int, frames: LiveFrames) -> NoReturn:
    begin_anew()
    sys.path.remove(main.OUR_FOLDER)
    main.serve(ChildChannel.from_stdin(), reaper, frames)


def begin_anew() -> None:
    """Renew what a fork has and an executed process would not: the state of NumPy's generator, which all forks would
    share (Python's own renews itself), and the folders that were looked up in another environment.
    """
    import numpy as np

    np.random.seed()
    tempfile.tempdir = None
    for module, function in REMEMBERED_FOLDERS:
        if look_up := getattr(sys.modules.get(module), function, None):
            look_up.cache_clear()


def rehearse() -> None:
    """Do once what the runtime does with every model, on two rows: the forks then find its modules imported, and what
    pandas computes when it is first needed.
    """
    import cloudpickle
    import pandas as pd

    from numerai_predict.child import checks
    from numerai_predict.child.frame_csv import frame_as_csv, index_lines
    from numerai_predict.inspection import before_loading, count_arguments, inspect_pickle, optional_second_argument
    from numerai_predict.sandbox import name_user  # noqa: F401 - imported for the forks

    model: Callable[..., Any] = lambda live_features, benchmarks: live_features  # noqa: E731
    before_loading(inspect_pickle(io.BytesIO(cloudpickle.dumps(model)), "model.pkl"))
    count_arguments(model)
    optional_second_argument(model)
    ids = pd.Index(["n1", "n2"], name="id")
    frame = pd.DataFrame({"prediction": [0.25, 0.75]}, index=ids)
    checks.check_values(frame)
    checks.notices_and_remarks(ids, frame)
    checks.describe(frame, frame)
    frame_as_csv(frame)
    index_lines(ids)
