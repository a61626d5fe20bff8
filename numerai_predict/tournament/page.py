"""The page of a tournament: report/index.html, one file that needs no network, light and dark."""

from collections.abc import Sequence
from pathlib import Path

from numerai_predict.tournament.results import RoundResults

PAGE = "report/index.html"


def write_page(rounds: Sequence[RoundResults], path: Path) -> None:
    """Write the page of these rounds, the newest first: models by rounds, what failed and why, duration and memory
    against the limits, correlations. Raises OSError.
    """
    raise NotImplementedError
