"""numerai.py: what is asked of a real server, what is made of its answers, and which traps of numerapi it avoids."""

import contextlib
import traceback
import unittest
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timezone
from typing import Any
from unittest import mock

from numerai_predict.api import (
    ApiError,
    ApiKeys,
    ApiRefused,
    ApiUnreachable,
    LatestSubmission,
    NumeraiApi,
    OpenRound,
    Pipeline,
    Slot,
    Submission,
)
from numerai_predict.api.numerai import MOST_REFUSALS
from numerai_predict.transfer import http, retry
from tests.api.harness import KEYS, SECRET, ApiTestCase, refusing, saying
from tests.api.stand_in import ALL_SCOPES, Failure
from tests.api.stand_in_case import KEY, StandInTestCase, csv_for
from tests.servers import Answer

NOON = datetime(2026, 11, 27, 12, tzinfo=timezone.utc)
ROUND = {
    "number": 1342,
    "openTime": "2026-11-27T12:00:00Z",
    "closeStakingTime": "2026-11-27T13:00:00Z",
    "dataDatestamp": 20261126,
}
NO_NUMBERS: tuple[object, ...] = (None, "1342", True, 13.5)
NO_TIMES: tuple[object, ...] = (
    *(None, 5, "", "soon", "2026-11-27", "2026-13-27T12:00:00Z", "0001-01-01T00:00:00+09:00", "2026-11-27T12:00:00Z\n"),
    "\u0662026-11-27T12:00:00Z",
)
MODEL = {
    "id": "m1",
    "name": "mine",
    "tournament": 8,
    "computePickleUpload": None,
    "latestSubmissions": [],
}
SUBMISSION = {
    "id": "s1",
    "status": "on-time",
    "selected": True,
    "errorInfo": None,
    "filename": "f1.csv",
    "insertedAt": "2026-11-27T12:10:00Z",
    "round": {"number": 1342},
}
CSV = b"id,prediction\nn0,0.5\n"
SIGNATURE = "X-Amz-Signature=5ec2e75ec2e75ec2e7"
EXPIRED = b"<Error><Code>AccessDenied</Code><Message>Request has expired</Message></Error>"


class NumeraiTestCase(ApiTestCase):
    def setUp(self) -> None:
        super().setUp()
        self.api = NumeraiApi(KEYS, self.url)

    def assert_makes_no_sense(self, ask: Any, *wrong: object) -> None:
        """Each of these data must be no answer, in words."""
        for data in wrong:
            with self.subTest(data):
                self.offer(saying(data))
                problem = r"^The answer of the Numerai API makes no sense \(data.*given up after 2 tries"
                with mock.patch.object(retry, "RETRIES", 2), self.assertRaisesRegex(ApiUnreachable, problem):
                    ask()


class RoundTest(NumeraiTestCase):
    def test_round_has_its_times_in_utc(self) -> None:
        self.offer(saying({"rounds": [ROUND]}))
        self.assertEqual(OpenRound(1342, NOON, NOON.replace(hour=13), 20261126), self.api.current_round())
        self.assertEqual({"tournament": 8}, self.question()["variables"])

    def test_times_of_all_forms_are_read(self) -> None:
        for text in (
            *("2026-11-27T12:00:00Z", "2026-11-27T12:00:00", "2026-11-27 12:00:00", "2026-11-27T12:00:00.1Z"),
            *("2026-11-27T12:00:00.123456Z", "2026-11-27T14:00:00+02:00", "2026-11-27T07:00:00.999-05:00"),
        ):
            with self.subTest(text):
                self.offer(saying({"rounds": [ROUND | {"openTime": text, "dataDatestamp": None}]}))
                current = self.api.current_round()
                assert current
                self.assertEqual((NOON, None), (current.opening.replace(microsecond=0), current.datestamp))
                self.assertEqual(timezone.utc, current.opening.tzinfo)

    def test_no_round_is_none_however_the_api_says_it(self) -> None:
        not_open = "Current round not open for submissions"
        for answer in (
            refusing(not_open),
            refusing(not_open + "."),
            saying({"rounds": [None]}),
            saying({"rounds": []}),
        ):
            self.offer(answer)
            self.assertIsNone(self.api.current_round())
            self.assertEqual([], self.clock.pauses)

    def test_any_other_error_is_an_error_and_not_a_closed_round(self) -> None:
        for answer in (
            refusing("Your session is invalid or has expired."),
            refusing("Current round not open for submissions", "Database is gone"),
            refusing(""),
            Answer(401),
            Answer(404),
        ):
            self.offer(answer)
            self.assertRaises(ApiRefused, self.api.current_round)
        for answer in (Answer(500), Answer(429), Answer(body=b"{}")):
            self.offer(answer)
            self.assertRaises(ApiUnreachable, self.api.current_round)

    def test_round_that_makes_no_sense_is_no_closed_round(self) -> None:
        missing = [{key: value for key, value in ROUND.items() if key != name} for name in ROUND]
        broken: list[dict[str, object]] = [
            *({"number": number} for number in NO_NUMBERS),
            *({"openTime": time} for time in NO_TIMES),
            {"closeStakingTime": None},
            {"dataDatestamp": "20261126"},
        ]
        wrong = [*missing, *(ROUND | change for change in broken), 5, [ROUND]]
        rounds = [None, {}, ROUND, *([one] for one in wrong)]
        self.assert_makes_no_sense(self.api.current_round, *({"rounds": one} for one in rounds), {})

    def test_keys_are_not_sent_where_they_are_not_needed(self) -> None:
        self.offer(saying({"rounds": [ROUND], "pipelineStatus": None}))
        self.api.current_round()
        self.api.pipeline("2026-11-27")
        self.assertEqual([None, None], [request.headers.get("Authorization") for request in self.asked])


class PipelineTest(NumeraiTestCase):
    def test_pipeline_has_what_is_known(self) -> None:
        status = {"dataReadyAt": None, "dataP90Eta": "2026-11-27T12:00:00Z", "dataP99Eta": "2026-11-27T12:30:00Z"}
        self.offer(saying({"pipelineStatus": status}))
        self.assertEqual(Pipeline(None, NOON, NOON.replace(minute=30)), self.api.pipeline("2026-11-27"))
        self.assertEqual({"tournament": "classic", "date": "2026-11-27"}, self.question()["variables"])

    def test_no_pipeline_is_all_unknown(self) -> None:
        for answer in (saying({"pipelineStatus": None}), refusing("Pipeline status not found")):
            self.offer(answer)
            self.assertEqual(Pipeline(), self.api.pipeline("2026-11-27"))

    def test_other_errors_are_errors(self) -> None:
        self.offer(refusing("Invalid date"))
        self.assertRaises(ApiRefused, lambda: self.api.pipeline("2026-11-27"))
        status = {"dataReadyAt": "soon", "dataP90Eta": None, "dataP99Eta": None}
        wrong: list[object] = [{}, {"pipelineStatus": []}, {"pipelineStatus": {}}, {"pipelineStatus": status}]
        self.assert_makes_no_sense(lambda: self.api.pipeline("2026-11-27"), *wrong)


class AccountTest(NumeraiTestCase):
    def test_scopes_are_those_of_the_keys(self) -> None:
        self.offer(saying({"apiTokenInfo": {"scopes": ["upload_submission", "stake"]}}))
        self.assertEqual({"upload_submission", "stake"}, self.api.scopes())
        self.assertEqual(f"Token PUBLICID${SECRET}", self.asked[0].headers["Authorization"])
        wrong: list[object] = [{"apiTokenInfo": one} for one in (None, {"scopes": None}, {})]
        self.assert_makes_no_sense(self.api.scopes, *wrong)

    def test_slots_are_those_of_the_tournament_with_their_submissions(self) -> None:
        latest = {"roundNumber": 1341, "status": "on-time", "filename": "f.csv", "timestamp": None}
        no_submission = {"roundNumber": 1342, "status": "none", "filename": None, "timestamp": None}
        models = [
            MODEL | {"latestSubmissions": [no_submission, latest]},
            MODEL | {"id": "m2", "name": "pickled", "computePickleUpload": {"id": "p"}, "latestSubmissions": None},
            {"id": None, "name": None, "tournament": 11},
        ]
        self.offer(saying({"account": {"models": models}}))
        mine = Slot("m1", "mine", False, (LatestSubmission(1341, "on-time", "f.csv"),))
        self.assertEqual({"mine": mine, "pickled": Slot("m2", "pickled", True)}, self.api.slots())

    def test_slots_that_make_no_sense_are_no_empty_account(self) -> None:
        broken = [{name: None} for name in ("id", "name", "tournament")] + [{"computePickleUpload": "p"}]
        models = [[MODEL | change] for change in broken] + [[{}], [None], {}, "x"]
        wrong = [{"account": {"models": one}} for one in models]
        self.assert_makes_no_sense(self.api.slots, *wrong, {"account": None}, {"account": {}}, {})

    def test_submissions_are_the_latest_first(self) -> None:
        found = [
            SUBMISSION | {"id": "s0", "insertedAt": "2026-11-27T12:09:00Z", "selected": None, "status": None},
            SUBMISSION,
            SUBMISSION | {"id": "s2", "insertedAt": None, "round": None, "errorInfo": "NaN in row 5", "filename": None},
        ]
        self.offer(saying({"submissions": found}))
        first, second, third = self.api.submissions("m1")
        self.assertEqual(Submission("s1", "on-time", True, "", "f1.csv", 1342), first)
        self.assertEqual(Submission("s0", "none", False, "", "f1.csv", 1342), second)
        self.assertEqual(Submission("s2", "on-time", True, "NaN in row 5"), third)
        self.assertEqual({"modelId": "m1"}, self.question()["variables"])

    def test_submissions_that_make_no_sense_are_not_none(self) -> None:
        broken: list[dict[str, object]] = [{"id": None}, {"id": ""}, {"selected": "yes"}, {"round": 5}, {"status": 5}]
        wrong = [[SUBMISSION | change] for change in broken] + [[{}], [None], {}]
        self.assert_makes_no_sense(lambda: self.api.submissions("m1"), *({"submissions": one} for one in wrong), {})

    def test_threads_may_share_it(self) -> None:
        self.offer(saying({"submissions": [SUBMISSION]}))
        with ThreadPoolExecutor(8) as pool:
            found = list(pool.map(self.api.submissions, ["m1"] * 40))
        self.assertEqual([1] * 40, [len(one) for one in found])

    def test_submissions_of_one_second_are_in_order_too(self) -> None:
        times = {"s1": "12:00:00.1Z", "s2": "12:00:00Z", "s3": "12:00:00.12Z"}
        found = [SUBMISSION | {"id": id_, "insertedAt": f"2026-11-27T{time}"} for id_, time in times.items()]
        self.offer(saying({"submissions": found}))
        self.assertEqual(["s3", "s1", "s2"], [one.id for one in self.api.submissions("m1")])


class UploadTest(NumeraiTestCase):
    def offer_storage(self, *answers: Answer, address: str | None = None) -> None:
        """Let the API give addresses, each with a name of its own, of a storage that answers so."""
        address = address or f"{self.server.url}/storage/f.csv?{SIGNATURE}"
        self.offer(*(saying({"submissionUploadAuth": {"filename": f"f{n}.csv", "url": address}}) for n in range(50)))
        self.server.queue("/storage/f.csv", *answers)

    def upload(self, csv: bytes = CSV) -> str:
        return self.api.upload("m1", csv, "mine.csv")

    def failure(self) -> str:
        with self.assertRaises(ApiUnreachable) as raised:
            self.upload()
        return str(raised.exception)

    @property
    def puts(self) -> int:
        """How often the storage was asked."""
        return len(self.server.requests) - len(self.asked)

    def test_csv_is_put_with_its_length_and_without_keys(self) -> None:
        self.offer_storage(Answer())
        self.assertEqual("f0.csv", self.upload())
        self.assertEqual({"filename": "mine.csv", "tournament": 8, "modelId": "m1"}, self.question()["variables"])
        put = self.server.requests[1]
        self.assertEqual(("PUT", "/storage/f.csv", SIGNATURE, CSV), (put.method, put.path, put.query, put.body))
        self.assertEqual(("text/csv", str(len(CSV))), (put.headers["Content-Type"], put.headers["Content-Length"]))
        self.assertNotIn("Transfer-Encoding", put.headers)
        self.assertNotIn("Authorization", put.headers)
        self.assertNotIn(SECRET, str(put))

    def test_put_of_403_is_no_acceptance_and_another_address_is_asked_for(self) -> None:
        self.offer_storage(Answer(403, EXPIRED), Answer())
        self.assertEqual("f1.csv", self.upload(), "the name that belongs to the address that took it")
        self.assertEqual((2, 2), (len(self.asked), self.puts))

    def test_put_of_403_for_ever_is_no_acceptance(self) -> None:
        self.offer_storage(Answer(403, EXPIRED))
        problem = "The request to the storage failed (HTTP status 403, AccessDenied: Request has expired)"
        self.assertEqual(problem, self.failure())
        self.assertEqual((MOST_REFUSALS, MOST_REFUSALS), (len(self.asked), self.puts))

    def test_put_of_any_status_but_2xx_is_no_acceptance(self) -> None:
        for status in (300, 301, 304, 307, 308, 400, 401, 404, 411, 413):
            self.offer_storage(Answer(status, headers={"Location": f"{self.server.url}/elsewhere"}))
            self.assertIn(f"The request to the storage failed (HTTP status {status})", self.failure())
            self.assertEqual({"/api", "/storage/f.csv"}, {request.path for request in self.server.requests})
        self.clock.pauses.clear()
        for status in (500, 503, 429):
            self.offer_storage(Answer(status))
            self.assertRegex(self.failure(), rf"storage failed \(HTTP status {status}\); given up after \d+ tries")
            self.assertLessEqual(sum(self.clock.pauses), 120)
            self.clock.pauses.clear()

    def test_web_page_and_cut_answer_are_no_acceptance(self) -> None:
        page = Answer(200, b"<html>Log in</html>", {"Content-Type": "text/html"})
        self.offer_storage(page, Answer(200, b"x" * 100, cut=5), Answer(503), Answer())
        self.assertEqual("f3.csv", self.upload())

    def test_wait_that_the_storage_asks_for_is_respected(self) -> None:
        self.offer_storage(Answer(503, headers={"Retry-After": "17"}), Answer())
        self.upload()
        self.assertEqual([17.0], self.clock.pauses)

    def test_address_in_clear_text_is_not_used(self) -> None:
        for address in ("http://x.test/f.csv", "ftp://x.test/f.csv", "/storage/f.csv", "file:///etc/passwd"):
            self.offer_storage(Answer(), address=address)
            self.assertIn("data.submissionUploadAuth.url is no address with TLS", self.failure())
            self.assertEqual(0, self.puts)

    def test_refusal_of_the_api_is_what_it_says(self) -> None:
        self.offer(refusing("Slot has a pickle"))
        with self.assertRaisesRegex(ApiRefused, "^Slot has a pickle$"):
            self.upload()
        wrong: list[object] = [{"filename": None, "url": self.url}, {"filename": "f", "url": None}, {}, None]
        self.assert_makes_no_sense(self.upload, *({"submissionUploadAuth": one} for one in wrong))

    def test_no_failure_shows_a_signature_or_a_key(self) -> None:
        quoting = f"<Error><Code>Denied</Code><Message>{SIGNATURE} {SECRET}</Message></Error>".encode()
        quoting = quoting.replace(SECRET.encode(), b"")  # Which the storage was never sent.
        rude = {"X-Rude": "1\r\nno header"}
        for answer in (*(Answer(status, quoting) for status in (302, 403, 500)), Answer(403, b"x", rude, cut=1)):
            self.offer_storage(answer)
            with self.assertRaises(ApiError) as raised:
                self.upload()
            shown = "".join(traceback.format_exception(raised.exception)) + repr(raised.exception) + self.log
            self.assertNotIn("5ec2e7", shown)


class CreateTest(NumeraiTestCase):
    def create(self, datestamp: int | None = 20261126, trigger_id: str | None = None) -> str:
        return self.api.create_submission("m1", "f0.csv", datestamp, trigger_id)

    def test_submission_is_asked_for_with_everything_that_the_api_takes(self) -> None:
        self.offer(saying({"createSubmission": {"id": "s1"}}))
        self.assertEqual("s1", self.create(trigger_id="t1"))
        expected = {
            **{"filename": "f0.csv", "tournament": 8, "modelId": "m1", "triggerId": "t1"},
            **{"dataDatestamp": 20261126, "source": "numerai-predict"},
        }
        self.assertEqual(expected, self.question()["variables"])
        self.create(None)
        unknown = self.question()["variables"]
        self.assertEqual((None, None), (unknown["dataDatestamp"], unknown["triggerId"]))

    def test_submission_whose_answer_is_lost_is_not_asked_for_again(self) -> None:
        good = saying({"createSubmission": {"id": "s1"}})
        lost = (Answer(502), Answer(429), Answer(body=good.body, cut=7), Answer(body=b"<html>"))
        for answer in (*lost, saying({"createSubmission": None}), saying({"createSubmission": {"id": 5}}), saying({})):
            self.offer(answer, good)
            self.assertRaises(ApiUnreachable, self.create)
            self.assertEqual(1, len(self.asked))

    def test_refusal_is_what_the_api_says(self) -> None:
        self.offer(refusing("This model has a pickle uploaded."))
        with self.assertRaisesRegex(ApiRefused, "^This model has a pickle uploaded$"):
            self.create()


class StandInTest(StandInTestCase):
    """A morning with the stand-in, by its clock; pauses between tries are short."""

    def setUp(self) -> None:
        super().setUp()
        contexts = contextlib.ExitStack()
        self.addCleanup(contexts.close)
        contexts.enter_context(mock.patch.multiple(retry, DELAY_BASE_S=0.02, DELAY_MAX_S=0.04))
        contexts.enter_context(mock.patch.object(retry._log, "disabled", True))
        self.api = NumeraiApi(ApiKeys(*KEY.split("$")), self.stand_in.url)
        self.csv = csv_for(self.first)

    def break_next(self, operation: str, how: dict[str, Any]) -> None:
        """Let the next requests of that operation fail."""
        self.stand_in.failures.append(Failure(operation, **how))

    def send(self, csv: bytes | None = None) -> str:
        """Upload, and ask for the submission."""
        name = self.api.upload("id-alpha", csv or self.csv, "alpha.csv")
        return self.api.create_submission("id-alpha", name, self.first.datestamp, None)

    def times_asked(self, operation: str) -> int:
        return sum(asked.operation == operation for asked in self.stand_in.asked)

    def assert_on_time(self) -> None:
        """One submission, of our predictions, and nothing that no client should do."""
        self.process()
        [sent] = self.stand_in.on_time(self.first.number)["alpha"]
        self.assertEqual(self.csv, sent.csv)
        self.assertEqual([], self.stand_in.violations)

    def test_morning_goes_from_the_slots_to_a_submission_that_is_read_back(self) -> None:
        self.assertEqual(set(ALL_SCOPES), self.api.scopes())
        self.assertEqual({"alpha": Slot("id-alpha", "alpha"), "beta": Slot("id-beta", "beta", True)}, self.api.slots())
        first = self.first
        self.assertEqual(
            OpenRound(first.number, first.opening, first.deadline, first.datestamp), self.api.current_round()
        )
        self.assertEqual(Pipeline(first.opening, first.p90, first.p99), self.api.pipeline(f"{first.opening:%Y-%m-%d}"))
        self.assertEqual([], self.api.submissions("id-alpha"))
        id_ = self.send()
        [pending] = self.api.submissions("id-alpha")
        self.assertEqual((id_, "pending", first.number), (pending.id, pending.status, pending.round))
        self.assert_on_time()
        [read] = self.api.submissions("id-alpha")
        self.assertEqual((id_, "on-time", True, ""), (read.id, read.status, read.selected, read.error))
        latest = LatestSubmission(first.number, "on-time", read.file_name)
        self.assertEqual((latest,), self.api.slots()["alpha"].latest)

    def test_storage_that_fails_gets_the_predictions_at_a_new_address(self) -> None:
        failures: list[dict[str, Any]] = [{"status": 403}, {"status": 503}, {"cut": True}, {"status": 307}]
        for how in (*failures, {"cut": True, "after": True}):
            with self.subTest(how):
                self.stand_in.sent.clear()
                self.break_next("put", how)
                self.send()
                self.assert_on_time()

    def test_address_that_has_expired_is_never_submitted(self) -> None:
        self.stand_in.address_s = -1.0
        with self.assertRaisesRegex(ApiUnreachable, "The request to the storage failed .HTTP status 403, AccessDenied"):
            self.send()
        self.assertEqual(([], 0), (self.stand_in.sent, self.times_asked("createSubmission")))

    def test_submission_whose_answer_is_lost_is_found_by_reading_back(self) -> None:
        failures: list[dict[str, Any]] = [{"status": 502}, {"cut": True}, {"body": b"<html>"}]
        for how in failures:
            with self.subTest(how):
                self.stand_in.sent.clear()
                self.stand_in.asked.clear()
                self.break_next("createSubmission", how | {"after": True})
                self.assertRaises(ApiUnreachable, self.send)
                self.assertEqual(1, self.times_asked("createSubmission"))
                self.assertEqual(1, len(self.api.submissions("id-alpha")))
                self.assert_on_time()

    def test_questions_are_asked_again_when_the_api_fails(self) -> None:
        failures: list[dict[str, Any]] = [{"status": 429, "retry_after_s": 1}, {"status": 500}, {"cut": True}]
        for how in (*failures, {"body": b"<html>"}):
            self.break_next("rounds", how)
            current = self.api.current_round()
            assert current
            self.assertEqual(self.first.number, current.number)

    def test_api_that_hangs_is_asked_again(self) -> None:
        self.break_next("account", {"hang_s": 5})
        with mock.patch.object(http, "READ_TIMEOUT_S", 0.3):
            self.assertEqual({"alpha", "beta"}, set(self.api.slots()))

    def test_there_is_no_round_between_rounds_unless_the_api_says_one(self) -> None:
        self.stand_in.clock.set(self.first.deadline)
        self.assertIsNone(self.api.current_round())
        self.stand_in.between_rounds = "null"
        self.assertIsNone(self.api.current_round())
        self.stand_in.between_rounds = "next"
        current = self.api.current_round()
        assert current
        self.assertEqual(self.second.number, current.number)

    def test_day_without_a_round_has_no_pipeline(self) -> None:
        self.assertEqual(Pipeline(), self.api.pipeline("2026-11-23"))

    def test_predictions_of_the_wrong_ids_are_read_back_as_wrong(self) -> None:
        self.send(b"id,prediction\nn0,0.5\n")
        self.process()
        [read] = self.api.submissions("id-alpha")
        self.assertTrue(read.error)

    def test_slot_with_a_pickle_refuses(self) -> None:
        name = self.api.upload("id-beta", self.csv, "beta.csv")
        with self.assertRaisesRegex(ApiRefused, "has a pickle uploaded"):
            self.api.create_submission("id-beta", name, None, None)

    def test_keys_that_are_wrong_are_refused_at_once_and_not_shown(self) -> None:
        for keys in (ApiKeys("PUBLIC-ID", "another-secret"), None):
            with self.assertRaises(ApiRefused) as raised:
                NumeraiApi(keys, self.stand_in.url).slots()
            self.assertTrue(str(raised.exception))
            self.assertNotIn("another-secret", str(raised.exception))
        self.assertEqual(2, self.times_asked("account"))

    def test_trigger_goes_into_the_submission(self) -> None:
        name = self.api.upload("id-alpha", self.csv, "alpha.csv")
        self.api.create_submission("id-alpha", name, None, "trigger-7")
        self.assertEqual("trigger-7", self.stand_in.sent[0].trigger_id)


if __name__ == "__main__":
    unittest.main()
