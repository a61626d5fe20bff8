"""Numerai's API as the tournament needs it. What numerapi does is not enough for submissions: it takes a PUT of status
403 for a success, repeats `createSubmission` after a 502, and waits without end.
"""

from numerai_predict.api.answers import OpenRound, Pipeline, Slot, Submission
from numerai_predict.api.graphql import URL
from numerai_predict.api.keys import ApiKeys

# Classic, the only tournament that takes pickles; 11 is Signals, 12 Crypto.
TOURNAMENT = 8
# A question is tried again for so long.
QUESTION_S = 60.0
UPLOAD_S = 120.0


class NumeraiApi:
    """The API with the keys of an account, or without for what is public. Every method raises ApiRefused and
    ApiUnreachable; threads may share it.
    """

    def __init__(self, keys: ApiKeys | None, url: str = URL) -> None:
        raise NotImplementedError

    def current_round(self) -> OpenRound | None:
        """The current round, which may have yet to open, or be closed by now; None between rounds."""
        raise NotImplementedError

    def pipeline(self, day: str) -> Pipeline:
        """How far the live data of a day (2026-11-26) is; all unknown if there is no data on that day."""
        raise NotImplementedError

    def scopes(self) -> frozenset[str]:
        """What the keys allow: `upload_submission`, `read_submission_info`, `read_user_info`, …"""
        raise NotImplementedError

    def slots(self) -> dict[str, Slot]:
        """The account's models of the tournament, by their names."""
        raise NotImplementedError

    def submissions(self, model_id: str) -> list[Submission]:
        """The submissions of a model, the latest first."""
        raise NotImplementedError

    def upload(self, model_id: str, csv: bytes, file_name: str) -> str:
        """Upload predictions, and return the name that the platform gives the file. It is no submission yet. A status
        other than 2xx of the storage is a failure: what was presigned may have expired, so a new address is asked for.
        """
        raise NotImplementedError

    def create_submission(self, model_id: str, file_name: str, datestamp: int | None, trigger_id: str | None) -> str:
        """Make a submission of an uploaded file, and return its id. It is asked for once: after ApiUnreachable it may
        be there or not, and `submissions` says which.
        """
        raise NotImplementedError
