"""A program: correlates the predictions of a round with those of the round before and with the benchmark models."""

from pathlib import Path


def correlate(
    predictions: dict[str, Path], yesterday: dict[str, Path], benchmarks: Path
) -> dict[str, dict[str, float]]:
    """Of each slot's predictions (CSV by the slot's name): "yesterday" and each benchmark model, Spearman's rank
    correlation over the ids that both have; left out where fewer than three are shared.

    It is computed in a process of its own, as no pandas or pyarrow belongs into this one. What cannot be read is left
    out and logged.
    """
    raise NotImplementedError
