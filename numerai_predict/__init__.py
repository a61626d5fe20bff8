"""Runs models of the Numerai Tournament as the platform does, many in one process if need be.

`run_model(RunRequest(...))` returns a RunReport; `inspect_model(path)` looks into a pickle without loading it.
"""

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from numerai_predict.faults import Fault
    from numerai_predict.report import RunReport
    from numerai_predict.runner import RunContext, RunRequest, inspect_model, run_model

__all__ = ["Fault", "RunContext", "RunReport", "RunRequest", "inspect_model", "run_model"]
__version__ = "1.0.0"

_ROOMS = {"Fault": "faults", "RunReport": "report"}


def __getattr__(name: str) -> Any:
    """Import what is asked for, and no more: the model's process needs a part of the package only."""
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(f"{__name__}.{_ROOMS.get(name, 'runner')}"), name)
