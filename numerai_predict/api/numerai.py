"""Numerai's API as the tournament needs it. What numerapi does is not enough for submissions: it takes a PUT of status
403 for a success, repeats `createSubmission` after a 502, and waits without end.
"""

import time
from datetime import datetime, timezone

from numerai_predict.api.answers import LatestSubmission, OpenRound, Pipeline, Slot, Submission
from numerai_predict.api.fields import Fields, SenselessAnswer
from numerai_predict.api.graphql import URL, ApiRefused, ApiUnreachable, GraphQL, sentence
from numerai_predict.api.keys import ApiKeys
from numerai_predict.transfer import RequestFailed, TransientFailure, answer_to, is_private, keep_trying, put_file

# Classic, the only tournament that takes pickles; 11 is Signals, 12 Crypto.
TOURNAMENT = 8
# Where the API wants a word for it.
TOURNAMENT_NAME = "classic"
# Who made a submission.
SOURCE = "numerai-predict"
# A question is tried again for so long.
QUESTION_S = 60.0
UPLOAD_S = 120.0
# As many addresses may be refused, be it as expired, before that is believed.
MOST_REFUSALS = 3
# What the API says between rounds, in lower case.
NO_ROUND = "current round not open for submissions"
# A day without data is null, as far as is known; this would say the same.
NO_PIPELINE = "not found"
# What it says of a submission that it has yet to look at.
NO_STATUS = "none"

ROUNDS = """query($tournament: Int!) {
  rounds(tournament: $tournament, number: 0) {number openTime closeStakingTime dataDatestamp}
}"""
PIPELINE = """query($tournament: String!, $date: String) {
  pipelineStatus(date: $date, tournament: $tournament) {dataReadyAt dataP90Eta dataP99Eta}
}"""
SCOPES = "query {apiTokenInfo {scopes}}"
MODELS = """query {
  account {models {
    id name tournament computePickleUpload {id} latestSubmissions {roundNumber status filename timestamp}
  }}
}"""
SUBMISSIONS = """query($modelId: String) {
  submissions(modelId: $modelId) {id status selected errorInfo filename insertedAt round {number}}
}"""
UPLOAD_AUTH = """query($filename: String!, $tournament: Int!, $modelId: String) {
  submissionUploadAuth(filename: $filename, tournament: $tournament, modelId: $modelId) {filename url}
}"""
CREATE = """mutation(
  $filename: String!, $tournament: Int!, $modelId: String, $triggerId: String, $dataDatestamp: Int, $source: String
) {
  createSubmission(
    filename: $filename, tournament: $tournament, modelId: $modelId, triggerId: $triggerId,
    dataDatestamp: $dataDatestamp, source: $source
  ) {id}
}"""


class NumeraiApi:
    """The API with the keys of an account, or without for what is public, for which they are not sent. Every method
    raises ApiRefused and ApiUnreachable; threads may share it.
    """

    def __init__(self, keys: ApiKeys | None, url: str = URL) -> None:
        self._public = GraphQL(url)
        self._account = GraphQL(url, keys.authorization) if keys else self._public

    def current_round(self) -> OpenRound | None:
        """The current round, which may have yet to open, or be closed by now; None between rounds."""
        try:
            return self._public.ask(ROUNDS, {"tournament": TOURNAMENT}, QUESTION_S, _round_in)
        except ApiRefused as refusal:
            if str(refusal).lower() == NO_ROUND:
                return None
            raise

    def pipeline(self, day: str) -> Pipeline:
        """How far the live data of a day (2026-11-26) is; all unknown if there is no data on that day."""
        try:
            return self._public.ask(PIPELINE, {"tournament": TOURNAMENT_NAME, "date": day}, QUESTION_S, _pipeline_in)
        except ApiRefused as refusal:
            if NO_PIPELINE in str(refusal).lower():
                return Pipeline()
            raise

    def scopes(self) -> frozenset[str]:
        """What the keys allow: `upload_submission`, `read_submission_info`, `read_user_info`, …"""
        return self._account.ask(SCOPES, {}, QUESTION_S, _scopes_in)

    def slots(self) -> dict[str, Slot]:
        """The account's models of the tournament, by their names."""
        return self._account.ask(MODELS, {}, QUESTION_S, _slots_in)

    def submissions(self, model_id: str) -> list[Submission]:
        """The submissions of a model, the latest first."""
        return self._account.ask(SUBMISSIONS, {"modelId": model_id}, QUESTION_S, _submissions_in)

    def upload(self, model_id: str, csv: bytes, file_name: str) -> str:
        """Upload predictions, and return the name that the platform gives the file. It is no submission yet. A status
        other than 2xx of the storage is a failure: what was presigned may have expired, so a new address is asked for.
        """
        until = time.monotonic() + UPLOAD_S
        refusals = 0

        def attempt() -> str:
            nonlocal refusals
            name, url = self._address(model_id, file_name, until - time.monotonic())
            try:
                answer_to(lambda: put_file(url, csv, "text/csv"))
            except TransientFailure as failure:
                raise TransientFailure(_at_storage(failure), failure.wait_s, failure.unreached) from None
            except RequestFailed as failure:
                refusals += 1
                if refusals < MOST_REFUSALS:
                    raise TransientFailure(_at_storage(failure)) from None
                raise RequestFailed(_at_storage(failure)) from None
            return name

        try:
            return keep_trying(attempt, UPLOAD_S)
        except RequestFailed as failure:
            raise ApiUnreachable(sentence(failure)) from None

    def create_submission(
        self,
        model_id: str,
        file_name: str,
        datestamp: int | None,
        trigger_id: str | None,
        within_s: float = QUESTION_S,
    ) -> str:
        """Make a submission of an uploaded file, and return its id. It is asked for once, within so many seconds, in
        which a connection is to be made: after ApiUnreachable it may be there or not, and `submissions` says which.
        """
        variables = {
            "filename": file_name,
            "tournament": TOURNAMENT,
            "modelId": model_id,
            "triggerId": trigger_id,
            "dataDatestamp": datestamp,
            "source": SOURCE,
        }
        return self._account.ask(CREATE, variables, min(within_s, QUESTION_S), _id_in, once=True)

    def _address(self, model_id: str, file_name: str, deadline_s: float) -> tuple[str, str]:
        """The name that the platform gives the file, and the presigned URL that takes it."""
        variables = {"filename": file_name, "tournament": TOURNAMENT, "modelId": model_id}
        return self._account.ask(UPLOAD_AUTH, variables, deadline_s, _address_in)


def _round_in(data: Fields) -> OpenRound | None:
    rounds = data.get("rounds", list)
    if rounds in ([], [None]):
        return None
    current = data.parts("rounds")[0]
    return OpenRound(
        current.get("number", int),
        current.time("openTime"),
        current.time("closeStakingTime"),
        current.maybe("dataDatestamp", int),
    )


def _pipeline_in(data: Fields) -> Pipeline:
    status = data.maybe_part("pipelineStatus")
    if not status:
        return Pipeline()
    ready, p90, p99 = map(status.maybe_time, ("dataReadyAt", "dataP90Eta", "dataP99Eta"))
    return Pipeline(ready, p90, p99)


def _scopes_in(data: Fields) -> frozenset[str]:
    return frozenset(map(str, data.part("apiTokenInfo").get("scopes", list)))


def _slots_in(data: Fields) -> dict[str, Slot]:
    models = data.part("account").parts("models")
    slots = [_slot_in(model) for model in models if model.get("tournament", int) == TOURNAMENT]
    return {slot.name: slot for slot in slots}


def _slot_in(model: Fields) -> Slot:
    has_pickle = model.maybe_part("computePickleUpload") is not None
    latest = [_latest_in(one) for one in model.parts("latestSubmissions") if one.maybe("filename", str)]
    return Slot(model.text("id"), model.text("name"), has_pickle, tuple(latest))


def _latest_in(latest: Fields) -> LatestSubmission:
    status = latest.maybe("status", str) or NO_STATUS
    return LatestSubmission(latest.get("roundNumber", int), status, latest.text("filename"))


def _submissions_in(data: Fields) -> list[Submission]:
    found = data.parts("submissions")
    earliest = datetime.min.replace(tzinfo=timezone.utc)
    found.sort(key=lambda one: one.maybe_time("insertedAt") or earliest, reverse=True)
    return [_submission_in(one) for one in found]


def _submission_in(submission: Fields) -> Submission:
    round_ = submission.maybe_part("round")
    return Submission(
        submission.text("id"),
        submission.maybe("status", str) or NO_STATUS,
        bool(submission.maybe("selected", bool)),
        submission.maybe("errorInfo", str) or "",
        submission.maybe("filename", str) or "",
        round_.maybe("number", int) if round_ else None,
    )


def _address_in(data: Fields) -> tuple[str, str]:
    address = data.part("submissionUploadAuth")
    name, url = address.text("filename"), address.text("url")
    if not is_private(url):
        raise SenselessAnswer("data.submissionUploadAuth.url is no address with TLS")
    return name, url


def _id_in(data: Fields) -> str:
    return data.part("createSubmission").text("id")


def _at_storage(failure: Exception) -> str:
    return f"the request to the storage failed ({failure})"
