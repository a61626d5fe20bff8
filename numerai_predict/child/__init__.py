"""The model's process, and what it answers."""

from numerai_predict.child.answer import Answer, PredictionStats, Problem, RaisedException, Shape

__all__ = ["Answer", "PredictionStats", "Problem", "RaisedException", "Shape"]
