"""Submits predictions, each at most once, and reads back from the platform what became of them.

A record is written before each step, so that whoever starts again after a kill knows what may have happened:
sending (the file is uploaded) -> sent (createSubmission answered) -> accepted or rejected (read back).
"""

from pathlib import Path

from numerai_predict.api import NumeraiApi, OpenRound, Slot
from numerai_predict.tournament.clock import Clock
from numerai_predict.tournament.round_folder import RoundFolder, SlotRecord


class Submitter:
    """Submits for one round. Threads may share it, each for another slot. It sends nothing after the deadline, nothing
    when the platform is in another round, and nothing in place of the same pickle's submission that is on time.
    """

    def __init__(self, api: NumeraiApi, folder: RoundFolder, round_: OpenRound, clock: Clock, trigger_id: str | None):
        raise NotImplementedError

    def submit(self, name: str, slot: Slot, record: SlotRecord, csv: Path) -> None:
        """Bring the submission as far as it goes until the deadline, reading it back until it is accepted or rejected.
        What became of it is in the folder; raises OSError and ApiError, after which `submit` may be called again.
        """
        raise NotImplementedError

    def is_settled(self, name: str, slot: Slot, record: SlotRecord) -> bool:
        """Whether there is nothing to do for this slot: this pickle's predictions are on time, or those of a pickle
        that somebody else submitted, of which nothing is known here.
        """
        raise NotImplementedError
