"""Runs pickles of a round in slots of this machine, through the room `round`."""

from collections.abc import Callable, Sequence
from pathlib import Path

from numerai_predict.tournament.clock import Clock
from numerai_predict.tournament.round_folder import RoundFolder
from numerai_predict.tournament.settings import TournamentModel


def run_models(
    folder: RoundFolder,
    models: Sequence[TournamentModel],
    clock: Clock,
    slots: int | None,
    native: bool,
    on_end: Callable[[str], None],
    again: bool = False,
) -> None:
    """Run the pickles that have no outcome yet, each once however many slots it is for, under the platform's acceptance
    rules, until all have one or the round's deadline. `on_end` gets the row id of each as soon as its outcome is there,
    also of those that have one from an earlier start. A model that failed by its own fault is not run again unless its
    pickle has changed, or with `again`; one that something else kept is. A start that was killed is continued.

    Raises Fault, StoreError and OSError.
    """
    raise NotImplementedError


def row_id(pickle: Path, sha256: str) -> str:
    """The id of a pickle's row: its file name's stem and the beginning of its SHA-256."""
    raise NotImplementedError
