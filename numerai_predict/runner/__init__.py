"""One run of a model from its request to its report, as a function."""

from typing import TYPE_CHECKING

from numerai_predict.on_demand import on_demand

if TYPE_CHECKING:
    from numerai_predict.runner.inputs import get_data
    from numerai_predict.runner.request import RunRequest
    from numerai_predict.runner.run import (
        EXEC_LAUNCHER,
        INSPECT_TIME_LIMIT_S,
        RunContext,
        inspect_model,
        run_model,
        warn_of_doubts,
    )
    from numerai_predict.runner.sizes import size_in

__all__ = [
    "EXEC_LAUNCHER",
    "INSPECT_TIME_LIMIT_S",
    "RunContext",
    "RunRequest",
    "get_data",
    "inspect_model",
    "run_model",
    "size_in",
    "warn_of_doubts",
]

__getattr__ = on_demand(
    __name__,
    {
        "inputs": "get_data",
        "request": "RunRequest",
        "run": "EXEC_LAUNCHER INSPECT_TIME_LIMIT_S RunContext inspect_model run_model warn_of_doubts",
        "sizes": "size_in",
    },
)
