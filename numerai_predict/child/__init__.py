"""The model's process, and what it answers."""

from numerai_predict.child.answer import Answer, PredictionStats, Problem, RaisedException, Shape
from numerai_predict.child.phases import (
    CHECKING,
    INSPECT_PHASES,
    INSPECTING,
    LOADING,
    PREDICT_PHASES,
    PREDICTING,
    READ_PHASES,
    READING,
)

__all__ = [
    "CHECKING",
    "INSPECTING",
    "INSPECT_PHASES",
    "LOADING",
    "PREDICTING",
    "PREDICT_PHASES",
    "READING",
    "READ_PHASES",
    "Answer",
    "PredictionStats",
    "Problem",
    "RaisedException",
    "Shape",
]
