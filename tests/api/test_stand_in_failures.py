"""The stand-in of Numerai's API fails as it is asked to, and notes what no client should do."""

import time
from typing import Any

import requests

from tests.api.stand_in import Failure
from tests.api.stand_in_case import CREATE, CURRENT, KEY, LATEST, SUBMISSIONS, StandInTestCase, csv_for

DATASET = '{dataset(filename: "v5.3/live.parquet")}'


class FailureTest(StandInTestCase):
    def break_down(self, operation: str, times: int = 1, **how: Any) -> Failure:
        failure = Failure(operation, times, **how)
        self.stand_in.failures.append(failure)
        return failure

    def test_status_comes_as_often_as_asked_for_with_the_time_to_wait(self) -> None:
        self.break_down("rounds", times=2, status=429, retry_after_s=7)
        answers = [self.post(CURRENT) for _ in range(3)]
        self.assertEqual([one.status_code for one in answers], [429, 429, 200])
        self.assertEqual([one.headers.get("Retry-After") for one in answers], ["7", "7", None])

    def test_other_operations_do_not_fail(self) -> None:
        failure = self.break_down("account", status=503)
        self.ask(CURRENT)
        self.assertEqual(failure.times, 1)
        self.assertEqual(self.post(LATEST).status_code, 503)

    def test_star_is_all_of_the_api_and_not_the_storage(self) -> None:
        url = self.ask(DATASET)
        self.break_down("*", times=2, status=500)
        self.assertEqual(requests.get(url, timeout=10).status_code, 200)
        self.assertEqual([self.post(CURRENT).status_code, self.post(LATEST).status_code], [500, 500])

    def test_error_is_one_of_graphql(self) -> None:
        self.break_down("account", error="Internal server error")
        self.assertEqual(self.refusal(LATEST), "Internal server error")

    def test_body_is_no_json(self) -> None:
        self.break_down("rounds", body=b"<html>Bad gateway</html>", status=502)
        self.break_down("rounds", body=b"<html>Maintenance</html>")
        answers = [self.post(CURRENT) for _ in range(2)]
        self.assertEqual([one.status_code for one in answers], [502, 200])
        self.assertEqual([one.text for one in answers], ["<html>Bad gateway</html>", "<html>Maintenance</html>"])

    def test_cut_connection_has_no_answer(self) -> None:
        self.break_down("rounds", cut=True)
        with self.assertRaises(requests.ConnectionError):
            self.post(CURRENT)
        self.ask(CURRENT)

    def test_cut_download_ends_in_its_midst(self) -> None:
        url = self.ask(DATASET)
        self.break_down("get", cut=True)
        with self.assertRaises(requests.RequestException), requests.get(url, stream=True, timeout=10) as answer:
            self.assertEqual(int(answer.headers["Content-Length"]), len(self.first.live))
            answer.content  # noqa: B018 - reads it
        self.assertEqual(requests.get(url, timeout=10).content, self.first.live)

    def test_hanging_answer_comes_when_it_is_over(self) -> None:
        self.break_down("rounds", times=2, hang_s=0.2)
        with self.assertRaises(requests.ReadTimeout):
            self.post(CURRENT, timeout=0.05)
        begun = time.monotonic()
        self.ask(CURRENT)
        self.assertGreater(time.monotonic() - begun, 0.15)

    def test_submission_whose_answer_is_lost_exists(self) -> None:
        lost: list[dict[str, Any]] = [{"cut": True}, {"status": 502}, {"body": b"<html>"}, {"error": "Timeout"}]
        for step, how in enumerate(lost, 90):
            with self.subTest(how):
                name = self.upload(csv_for(self.first, step))
                self.break_down("createSubmission", after=True, **how)
                try:
                    self.post(CREATE, filename=name, tournament=8, modelId="id-alpha")
                except requests.ConnectionError:
                    self.assertIn("cut", how)
                self.assertEqual(self.ask(SUBMISSIONS)[0]["filename"], name)

    def test_submission_that_fails_before_does_not_exist(self) -> None:
        name = self.upload(csv_for(self.first))
        self.break_down("createSubmission", status=502)
        self.assertEqual(self.post(CREATE, filename=name, tournament=8, modelId="id-alpha").status_code, 502)
        self.assertEqual(self.ask(SUBMISSIONS), [])

    def test_put_that_fails_is_no_upload(self) -> None:
        self.break_down("put", status=503)
        auth = self.address()
        self.assertEqual(requests.put(auth["url"], csv_for(self.first), timeout=10).status_code, 503)
        self.assertIsNone(self.stand_in.uploads[auth["filename"]].body)


class ViolationTest(StandInTestCase):
    def expect(self, *parts: str) -> None:
        self.assertEqual(len(self.stand_in.violations), len(parts), self.stand_in.violations)
        for part, violation in zip(parts, self.stand_in.violations, strict=True):
            self.assertIn(part, violation)

    def test_keys_anywhere_but_in_the_header_are_noted(self) -> None:
        requests.get(f"{self.stand_in.url}/?key=SECRET-KEY", timeout=10)
        self.post("query($id: String) {submissions(modelId: $id) {id}}", id="SECRET-KEY")
        requests.put(self.address()["url"], b"PUBLIC-ID", timeout=10)
        requests.get(self.ask(DATASET), headers={"X-Key": KEY}, timeout=10)
        self.expect("in the URL", "in the body", "in the body", "in the headers")

    def test_keys_to_the_storage_are_noted_and_not_kept(self) -> None:
        requests.get(self.ask(DATASET), headers={"Authorization": f"Token {KEY}"}, timeout=10)
        self.expect("to the storage with an Authorization header")
        self.assertNotIn("SECRET-KEY", repr(self.stand_in.violations))

    def test_dataset_asked_for_with_keys_is_fine(self) -> None:
        self.ask(DATASET)
        self.expect()

    def test_put_of_unknown_length_is_refused(self) -> None:
        answer = requests.put(self.address()["url"], iter([b"id", b"prediction"]), timeout=10)
        self.assertEqual(answer.status_code, 411)
        self.expect("without Content-Length")

    def test_put_to_an_expired_address_is_refused(self) -> None:
        auth = self.address()
        self.stand_in.clock.sleep(self.stand_in.address_s + 1)
        answer = requests.put(auth["url"], b"", timeout=10)
        self.assertEqual(answer.status_code, 403)
        self.assertIn("Request has expired", answer.text)
        self.expect("has expired")

    def test_address_is_good_for_its_own_file_and_method(self) -> None:
        auth, url = self.address(), self.ask(DATASET)
        self.assertEqual(requests.put(auth["url"].replace(".csv", "x.csv"), b"", timeout=10).status_code, 403)
        self.assertEqual(requests.get(auth["url"], timeout=10).status_code, 403)
        self.assertEqual(requests.put(url, b"", timeout=10).status_code, 403)
        self.expect(*["was not given out for it"] * 3)

    def test_file_that_nobody_uploaded_is_no_submission(self) -> None:
        for name in (self.address()["filename"], "alpha.csv"):
            message = self.refusal(CREATE, filename=name, tournament=8, modelId="id-alpha")
            self.assertIn("was not uploaded", message)
        self.expect("nobody uploaded it", "nobody uploaded it")
        self.assertEqual(self.stand_in.sent, [])

    def test_submission_after_a_put_that_failed_is_noted_and_comes_to_nothing(self) -> None:
        self.stand_in.failures.append(Failure("put", status=403))
        self.submit(csv_for(self.first))
        self.process()
        [found] = self.ask(SUBMISSIONS)
        self.assertEqual(found["status"], "none")
        self.assertIn("could not be read", found["errorInfo"])
        self.expect("its PUT had status 403")

    def test_submission_after_a_put_without_an_answer_is_noted(self) -> None:
        self.stand_in.failures.append(Failure("put", cut=True, after=True))
        auth = self.address()
        with self.assertRaises(requests.ConnectionError):
            requests.put(auth["url"], csv_for(self.first), timeout=10)
        self.create(auth["filename"])
        self.expect("its PUT had no answer")

    def test_same_file_submitted_or_uploaded_again_is_noted(self) -> None:
        auth = self.address()
        requests.put(auth["url"], csv_for(self.first), timeout=10)
        self.create(auth["filename"])
        self.create(auth["filename"])
        requests.put(auth["url"], csv_for(self.first), timeout=10)
        self.expect("was submitted twice", "same predictions twice", "uploaded again")

    def test_predictions_of_another_round_are_noted_and_refused(self) -> None:
        self.stand_in.clock.set(self.second.opening)
        self.submit(csv_for(self.first))
        self.expect("went to round 1341, and its ids are those of round 1340")
        self.process()
        self.assertIn("latest live ids", self.stand_in.sent[0].error)

    def test_day_of_another_round_is_noted(self) -> None:
        self.submit(csv_for(self.first), dataDatestamp=20261123)
        self.expect("names data of 20261123")

    def test_late_submission_in_place_of_one_on_time_is_noted(self) -> None:
        self.submit(csv_for(self.first))
        self.stand_in.clock.set(self.first.deadline)
        self.submit(csv_for(self.first, step=50))
        self.expect("was on time in round 1340 and got another submission: late")

    def test_same_predictions_after_a_refusal_or_in_the_next_round_are_fine(self) -> None:
        self.submit(b"id,prediction\n")
        self.submit(b"id,prediction\n")
        self.expect()

    def test_upload_for_another_model_is_noted(self) -> None:
        auth = self.address("id-beta")
        requests.put(auth["url"], csv_for(self.first), timeout=10)
        self.create(auth["filename"])
        self.expect("was uploaded for another model than alpha")

    def test_field_that_does_not_exist_is_an_error_and_noted(self) -> None:
        self.assertIn("Cannot query field 'deadline'", self.refusal("{rounds(tournament: 8) {deadline}}"))
        self.assertIn("Syntax Error", self.refusal("{rounds"))
        self.assertIn("has invalid value", self.refusal(CREATE, filename=1, tournament=8))
        self.expect("deadline", "Syntax", "invalid value")
