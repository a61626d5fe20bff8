"""The evening before: whether the keys, the slots, the images and the pickles are as they must be. Submits nothing."""

from collections.abc import Callable
from dataclasses import dataclass

from numerai_predict.api import NumeraiApi
from numerai_predict.tournament.settings import Settings


@dataclass(frozen=True)
class Finding:
    """What was checked (`keys`, or a slot's name), whether it is as it must be, in a sentence; a hint if it is not; and
    the exit status that it leads to (0, 1: a model, 2: keys or settings, 3: the network).
    """

    about: str
    message: str
    hint: str = ""
    exit_status: int = 0


def check_tournament(
    api: NumeraiApi, settings: Settings, native: bool, run: bool, say: Callable[[Finding], None]
) -> int:
    """Check everything, saying each finding as soon as it is known; returns the exit status. With `run`, each pickle is
    run on the last live data, under the acceptance rules.
    """
    raise NotImplementedError
