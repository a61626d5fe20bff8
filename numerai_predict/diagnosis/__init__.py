"""Why a model gave no predictions: from its file, its answer and the end of its process to one fault."""

from typing import TYPE_CHECKING

from numerai_predict.on_demand import on_demand

if TYPE_CHECKING:
    from numerai_predict.diagnosis.model_file import other_file
    from numerai_predict.diagnosis.outcome import (
        diagnose,
        fault_of_reading,
        has_loaded,
        is_perhaps_of_benchmarks,
        too_slow_for_one_cpu,
    )

__all__ = [
    "diagnose",
    "fault_of_reading",
    "has_loaded",
    "is_perhaps_of_benchmarks",
    "other_file",
    "too_slow_for_one_cpu",
]

__getattr__ = on_demand(
    __name__,
    {
        "model_file": "other_file",
        "outcome": "diagnose fault_of_reading has_loaded is_perhaps_of_benchmarks too_slow_for_one_cpu",
    },
)
