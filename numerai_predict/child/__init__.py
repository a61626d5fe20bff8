"""The model's process, and what it answers."""

from typing import TYPE_CHECKING

from numerai_predict.child.answer import (
    Answer,
    EarlierException,
    LiveFeatures,
    MissingColumns,
    OtherColumns,
    PredictionStats,
    Problem,
    RaisedException,
    Shape,
)
from numerai_predict.child.names import (
    BENCHMARK_MODELS,
    CHECKING,
    DATA,
    INSPECT_PHASES,
    INSPECTING,
    LIVE_FEATURES,
    LOADING,
    PREDICT_PHASES,
    PREDICTING,
    READ_PHASES,
    READING,
)
from numerai_predict.on_demand import on_demand

if TYPE_CHECKING:
    from numerai_predict.child.checks import spearman

__all__ = [
    "BENCHMARK_MODELS",
    "CHECKING",
    "DATA",
    "INSPECTING",
    "INSPECT_PHASES",
    "LIVE_FEATURES",
    "LOADING",
    "PREDICTING",
    "PREDICT_PHASES",
    "READING",
    "READ_PHASES",
    "Answer",
    "EarlierException",
    "LiveFeatures",
    "MissingColumns",
    "OtherColumns",
    "PredictionStats",
    "Problem",
    "RaisedException",
    "Shape",
    "spearman",
]

__getattr__ = on_demand(__name__, {"checks": "spearman"})  # It imports pandas.
