"""What tests against the stand-in share: a week, two slots, keys with every scope, and a client that checks nothing."""

import functools
import unittest
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta, timezone
from typing import Any

import requests

from tests.api.stand_in import ALL_SCOPES, NumeraiStandIn, StandInRound, StandInSlot, live_ids, standing_in, week
from tests.harness import BENCHMARKS, LIVE

MONDAY = datetime(2026, 11, 23, tzinfo=timezone.utc)
KEY = "PUBLIC-ID$SECRET-KEY"
MINUTE = timedelta(minutes=1)
CREATE = """mutation($filename: String! $tournament: Int! $modelId: String $triggerId: String $dataDatestamp: Int) {
    createSubmission(filename: $filename tournament: $tournament modelId: $modelId triggerId: $triggerId
        dataDatestamp: $dataDatestamp) {id status} }"""
UPLOAD_AUTH = """query($filename: String! $tournament: Int! $modelId: String) {
    submissionUploadAuth(filename: $filename tournament: $tournament modelId: $modelId) {filename url} }"""
SUBMISSIONS = """query($modelId: String) {
    submissions(modelId: $modelId) {id status selected errorInfo filteredCount filename round {number}} }"""
LATEST = "{account {models {name latestSubmissions {roundNumber status filename timestamp}}}}"
CURRENT = "{rounds(tournament: 8 number: 0) {number openTime closeStakingTime closeTime dataDatestamp}}"


@functools.cache
def _week() -> Sequence[StandInRound]:
    return week(MONDAY, LIVE.read_bytes(), BENCHMARKS.read_bytes())


def sample_week() -> list[StandInRound]:
    """The rounds 1340 to 1344, from Tuesday, 2026-11-24, with live data of the tests' own size."""
    return [replace(one) for one in _week()]


def csv_for(round_: StandInRound, step: int = 100, shift: float = 0.0) -> bytes:
    """Good predictions for a round."""
    ids = sorted(live_ids(round_.live))
    rows = [f"{one},{(place % step) / step + shift}" for place, one in enumerate(ids)]
    return "\n".join(["id,prediction", *rows, ""]).encode()


class StandInTestCase(unittest.TestCase):
    """Three minutes into the first round of a week."""

    def setUp(self) -> None:
        context = standing_in()
        self.stand_in: NumeraiStandIn = context.__enter__()
        self.addCleanup(context.__exit__, None, None, None)
        self.stand_in.rounds = sample_week()
        self.stand_in.slots = [StandInSlot("id-alpha", "alpha"), StandInSlot("id-beta", "beta", has_pickle=True)]
        self.stand_in.scopes = {KEY: set(ALL_SCOPES)}
        self.first, self.second = self.stand_in.rounds[:2]
        self.stand_in.clock.set(self.first.opening + 3 * MINUTE)

    def post(self, query: str, key: str | None = KEY, timeout: float = 10, **variables: Any) -> requests.Response:
        headers = {} if key is None else {"Authorization": f"Token {key}"}
        body = {"query": query, "variables": variables}
        return requests.post(self.stand_in.url, json=body, headers=headers, timeout=timeout)

    def ask(self, query: str, key: str | None = KEY, **variables: Any) -> Any:
        """The one field of the answer's data."""
        answer = self.post(query, key, **variables).json()
        self.assertNotIn("errors", answer)
        [field] = answer["data"].values()
        return field

    def refusal(self, query: str, key: str | None = KEY, **variables: Any) -> str:
        """The message of the one error that is the answer, which is of status 200."""
        answer = self.post(query, key, **variables)
        self.assertEqual(answer.status_code, 200)
        [error] = answer.json()["errors"]
        return str(error["message"])

    def address(self, model: str = "id-alpha") -> Any:
        return self.ask(UPLOAD_AUTH, filename="alpha.csv", tournament=8, modelId=model)

    def upload(self, csv: bytes) -> str:
        auth = self.address()
        requests.put(auth["url"], csv, timeout=10)
        return str(auth["filename"])

    def create(self, name: str, **more: Any) -> Any:
        return self.ask(CREATE, filename=name, tournament=8, modelId="id-alpha", **more)

    def submit(self, csv: bytes, **more: Any) -> Any:
        return self.create(self.upload(csv), **more)

    def process(self) -> None:
        """Wait until no submission is pending."""
        self.stand_in.clock.sleep(self.stand_in.processing_s)
