"""A morning: waits for the round, runs the models, submits what is ready, and says how it went."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Wishes:
    """What a start is asked for: to submit, in how many slots (None: as many as fit), in processes of this Python
    instead of containers, and which slots to run again whatever became of them.
    """

    submit: bool = False
    slots: int | None = None
    native: bool = False
    again: tuple[str, ...] = ()


class Morning:
    """One start."""
