"""Downloads the live data of a round, and makes sure that it is of this round."""

from collections.abc import Sequence

from numerai_predict.tournament.clock import Clock
from numerai_predict.tournament.round_folder import RoundFolder


def get_live_data(folder: RoundFolder, earlier: Sequence[RoundFolder], clock: Clock) -> None:
    """Download live features and benchmark models of the round once, to `folder.live` and `folder.benchmarks`; what is
    there already is not downloaded again.

    A file that is byte for byte that of an earlier round is stale: it is downloaded again, every half minute, until the
    round's deadline is nearer than a model may take. Raises Fault.
    """
    raise NotImplementedError
