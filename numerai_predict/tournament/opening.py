"""Waits for the round that opens today."""

from collections.abc import Callable

from numerai_predict.api import NumeraiApi, OpenRound
from numerai_predict.tournament.clock import Clock

# Between two looks.
POLL_S = 15.0
# A round is open for an hour from when its data is ready: so long after that there is none to wait for.
OPEN_S = 3600.0


def wait_for_round(api: NumeraiApi, clock: Clock, say: Callable[[str], None]) -> OpenRound | None:
    """The round, as soon as it is open; None if none is, and none is expected any more today.

    It is waited for until it opens, or until OPEN_S after the data was ready or is expected (99 of 100 cases); where
    nothing is expected, not at all. `say` gets a line about what is waited for whenever that changes: openTime,
    closeStakingTime and the pipeline's estimate. Raises ApiRefused, and ApiUnreachable when the wait is over.
    """
    raise NotImplementedError
