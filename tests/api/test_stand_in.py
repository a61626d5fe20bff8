"""The stand-in of Numerai's API: rounds, keys, submissions as the platform takes them, and what no client should do."""

import io
from datetime import timedelta
from typing import Any

import pandas as pd
import requests

from tests.api.stand_in import HOUR, ClockOverHttp, Sent
from tests.api.stand_in_case import (
    CREATE,
    CURRENT,
    KEY,
    LATEST,
    MINUTE,
    MONDAY,
    SUBMISSIONS,
    UPLOAD_AUTH,
    StandInTestCase,
    csv_for,
    sample_week,
)
from tests.harness import BENCHMARKS, LIVE

PIPELINE = """query($date: String) {
    pipelineStatus(date: $date tournament: "classic") {dataReadyAt dataP90Eta dataP99Eta} }"""
DATASET = 'query($round: Int) {dataset(filename: "v5.3/live.parquet" round: $round tournament: 8)}'
NOT_OPEN = "Current round not open for submissions"


class WeekTest(StandInTestCase):
    def test_rounds_open_from_tuesday_to_saturday(self) -> None:
        noons = [MONDAY + timedelta(days=day, hours=12) for day in range(1, 6)]
        rounds = sample_week()
        self.assertEqual([one.opening for one in rounds], noons)
        self.assertEqual([one.deadline - one.opening for one in rounds], [HOUR] * 4 + [26 * HOUR])
        self.assertEqual([one.number for one in rounds], [1340, 1341, 1342, 1343, 1344])

    def test_each_round_has_the_same_features_under_ids_of_its_own(self) -> None:
        frames = [pd.read_parquet(io.BytesIO(one.live)) for one in sample_week()]
        sample = pd.read_parquet(LIVE)
        for frame in frames:
            self.assertEqual(frame.index.name, "id")
            pd.testing.assert_frame_equal(frame.reset_index(drop=True), sample.reset_index(drop=True))
        self.assertEqual(len(set().union(*(frame.index for frame in frames))), 5 * len(sample))

    def test_benchmarks_have_the_ids_of_the_live_data_in_their_own_order(self) -> None:
        [first, *_] = sample_week()
        ids = dict(zip(pd.read_parquet(LIVE).index, pd.read_parquet(io.BytesIO(first.live)).index, strict=True))
        self.assertEqual(
            [ids[one] for one in pd.read_parquet(BENCHMARKS).index],
            list(pd.read_parquet(io.BytesIO(first.benchmarks)).index),
        )


class ClockTest(StandInTestCase):
    def test_clock_over_http_is_the_clock_of_the_stand_in(self) -> None:
        clock = ClockOverHttp(self.stand_in.url)
        clock.sleep(3600)
        self.assertLess(abs(clock.now() - (self.first.opening + 63 * MINUTE)), MINUTE)
        clock.set(self.second.opening)
        self.assertLess(self.stand_in.clock.now() - self.second.opening, MINUTE)
        self.assertEqual(self.stand_in.asked, [])


class RoundsTest(StandInTestCase):
    def test_current_round_is_the_open_one(self) -> None:
        expected = {
            "number": 1340,
            "openTime": "2026-11-24T12:00:00Z",
            "closeStakingTime": "2026-11-24T13:00:00Z",
            "closeTime": "2026-11-24T14:00:00Z",
            "dataDatestamp": 20261124,
        }
        self.assertEqual(self.ask(CURRENT, key=None), [expected])

    def test_round_that_opens_late_is_not_open_before(self) -> None:
        self.first.opening += 30 * MINUTE
        self.assertEqual(self.refusal(CURRENT), NOT_OPEN)
        self.stand_in.clock.sleep(1800)
        self.assertEqual(self.ask(CURRENT)[0]["number"], 1340)

    def test_between_rounds_the_answer_is_what_was_chosen(self) -> None:
        self.stand_in.clock.set(self.first.deadline)
        self.assertEqual(self.refusal(CURRENT), NOT_OPEN)
        self.stand_in.between_rounds = "null"
        self.assertEqual(self.ask(CURRENT), [None])
        self.stand_in.between_rounds = "last"
        self.assertEqual(self.ask(CURRENT)[0]["number"], 1340)
        self.stand_in.between_rounds = "next"
        self.assertEqual(self.ask(CURRENT)[0]["number"], 1341)

    def test_other_tournament_has_no_round(self) -> None:
        self.assertEqual(self.refusal("{rounds(tournament: 11 number: 0) {number}}"), NOT_OPEN)

    def test_pipeline_of_a_day_shows_the_estimates_and_then_the_data(self) -> None:
        self.first.data_ready = self.first.opening + 10 * MINUTE
        before = self.ask(PIPELINE, date="2026-11-24")
        self.assertEqual((before["dataReadyAt"], before["dataP90Eta"]), (None, "2026-11-24T12:00:00Z"))
        self.stand_in.clock.sleep(600)
        self.assertEqual(self.ask(PIPELINE)["dataReadyAt"], "2026-11-24T12:10:00Z")

    def test_pipeline_of_a_day_without_data_is_null(self) -> None:
        self.assertIsNone(self.ask(PIPELINE, date="2026-11-23"))


class KeysTest(StandInTestCase):
    def test_missing_and_wrong_keys_are_refused_in_the_same_words(self) -> None:
        for key in (None, "PUBLIC-ID$WRONG-KEY", ""):
            with self.subTest(key=key):
                self.assertIn("session is invalid", self.refusal(LATEST, key))

    def test_missing_scope_is_named(self) -> None:
        self.stand_in.scopes[KEY] = {"read_user_info"}
        self.assertEqual(self.ask("{apiTokenInfo {scopes}}"), {"scopes": ["read_user_info"]})
        auth: Any = {"filename": "a.csv", "tournament": 8, "modelId": "id-alpha"}
        self.assertIn("upload_submission", self.refusal(UPLOAD_AUTH, **auth))
        self.assertIn("upload_submission", self.refusal(CREATE, **auth))
        self.assertIn("read_submission_info", self.refusal(SUBMISSIONS))

    def test_what_was_asked_is_kept(self) -> None:
        self.ask(PIPELINE, key=None, date="2026-11-24")
        self.ask(LATEST)
        self.assertEqual(
            [(one.operation, one.variables, one.authorized) for one in self.stand_in.asked],
            [("pipelineStatus", {"date": "2026-11-24"}, False), ("account", {}, True)],
        )


class DatasetTest(StandInTestCase):
    def download(self, round_: int | None = None) -> bytes:
        return bytes(requests.get(self.ask(DATASET, round=round_), timeout=10).content)

    def test_live_data_is_that_of_the_last_round_whose_data_is_ready(self) -> None:
        self.assertEqual(self.download(), self.first.live)
        self.second.data_ready = self.second.opening + 10 * MINUTE
        self.stand_in.clock.set(self.second.opening + 5 * MINUTE)
        self.assertEqual(self.download(), self.first.live)
        self.stand_in.clock.sleep(300)
        self.assertEqual(self.download(), self.second.live)
        self.assertEqual(self.download(1340), self.first.live)

    def test_range_is_a_part_of_the_same_file(self) -> None:
        url = self.ask(DATASET)
        part = requests.get(url, headers={"Range": "bytes=100-"}, timeout=10)
        self.assertEqual((part.status_code, part.content), (206, self.first.live[100:]))
        past = requests.get(url, headers={"Range": f"bytes={len(self.first.live)}-"}, timeout=10)
        self.assertEqual(past.status_code, 416)

    def test_stale_file_comes_as_often_as_it_should(self) -> None:
        self.first.stale, self.first.stale_live = 2, b"yesterday's"
        self.assertEqual([self.download() for _ in range(3)], [b"yesterday's"] * 2 + [self.first.live])

    def test_range_of_a_stale_file_goes_on_in_it(self) -> None:
        self.first.stale, self.first.stale_live = 2, b"yesterday's"
        url = self.ask(DATASET)
        requests.get(url, timeout=10)
        self.assertEqual(requests.get(url, headers={"Range": "bytes=9-"}, timeout=10).content, b"'s")
        self.assertEqual(self.first.stale, 1)

    def test_benchmark_models_are_those_of_the_round(self) -> None:
        url = self.ask('{dataset(filename: "v5.3/live_benchmark_models.parquet")}')
        self.assertEqual(requests.get(url, timeout=10).content, self.first.benchmarks)

    def test_unknown_dataset_is_refused(self) -> None:
        self.assertIn("not found", self.refusal('{dataset(filename: "v1/none.csv")}'))
        self.assertIn("not found", self.refusal(DATASET, round=1341))

    def test_files_besides_live_data_are_listed_and_served(self) -> None:
        self.stand_in.datasets["v5.3/validation.parquet"] = b"eras"
        self.assertIn("v5.3/validation.parquet", self.ask("{listDatasets}"))
        url = self.ask('{dataset(filename: "v5.3/validation.parquet")}')
        self.assertEqual(requests.get(url, timeout=10).content, b"eras")


class SubmissionTest(StandInTestCase):
    def read_back(self) -> list[dict[str, object]]:
        found: list[dict[str, object]] = self.ask(SUBMISSIONS, modelId="id-alpha")
        return found

    def test_submission_is_pending_and_then_on_time(self) -> None:
        made = self.submit(csv_for(self.first), triggerId="t-1", dataDatestamp=20261124)
        self.assertEqual(made["status"], "pending")
        self.assertFalse(self.read_back()[0]["selected"])
        self.assertEqual(self.stand_in.on_time(1340), {})
        self.process()
        [found] = self.read_back()
        self.assertEqual((found["id"], found["status"], found["selected"]), (made["id"], "on-time", True))
        self.assertEqual((found["round"], found["errorInfo"], found["filteredCount"]), ({"number": 1340}, None, 0))
        [sent] = self.stand_in.on_time(1340)["alpha"]
        self.assertEqual((sent.csv, sent.trigger_id, sent.datestamp), (csv_for(self.first), "t-1", 20261124))
        self.assertEqual(self.stand_in.violations, [])

    def test_submission_of_before_that_a_test_adds_is_read_back(self) -> None:
        earlier = Sent("s-0", "id-alpha", 1340, b"", "web.csv", self.first.opening, "pending")
        self.stand_in.sent.append(earlier)
        self.assertEqual([(one["id"], one["status"]) for one in self.read_back()], [("s-0", "on-time")])
        self.assertEqual(self.stand_in.on_time(1340), {"alpha": [earlier]})

    def test_last_accepted_submission_is_the_selected_one(self) -> None:
        for csv in (csv_for(self.first), csv_for(self.first, step=50), b"id,prediction\n"):
            self.submit(csv)
        self.process()
        self.assertEqual([one["selected"] for one in self.read_back()], [False, True, False])
        self.assertEqual([one["status"] for one in self.read_back()], ["none", "on-time", "on-time"])

    def test_latest_submissions_are_the_last_of_each_round(self) -> None:
        self.submit(csv_for(self.first))
        self.submit(csv_for(self.first, step=50))
        self.stand_in.clock.set(self.second.opening)
        self.submit(csv_for(self.second))
        alpha, beta = self.ask(LATEST)["models"]
        latest = alpha["latestSubmissions"]
        shown = [(one["roundNumber"], one["status"]) for one in latest]
        self.assertEqual(shown, [(1341, "pending"), (1340, "on-time")])
        self.assertEqual(latest[1]["filename"], self.stand_in.sent[1].file_name)
        self.assertEqual(beta["latestSubmissions"], [])

    def test_bad_predictions_are_processed_and_then_refused_with_a_reason(self) -> None:
        lines = csv_for(self.first).decode().splitlines()
        cases = {
            "headers": ["id,predictions", *lines[1:]],
            "missing": lines[:-1],
            "Duplicates": [*lines, lines[-1]],
            "not live": [*lines, "n-other,0.5"],
            "between 0 and 1": [*lines[:-1], lines[-1].split(",")[0] + ",1.01"],
            "NaN": [*lines[:-1], lines[-1].split(",")[0] + ","],
            "standard deviation": [lines[0], *(line.split(",")[0] + ",0.5" for line in lines[1:])],
            "could not convert": [*lines[:-1], lines[-1].split(",")[0] + ",high"],
        }
        for reason, bad in cases.items():
            with self.subTest(reason):
                self.submit("\n".join(bad).encode())
                self.assertEqual((self.read_back()[0]["status"], self.read_back()[0]["errorInfo"]), ("pending", None))
                self.process()
                self.assertEqual(self.read_back()[0]["status"], "none")
                self.assertIn(reason, str(self.read_back()[0]["errorInfo"]))

    def test_without_an_open_round_a_submission_is_late_or_queued(self) -> None:
        self.stand_in.clock.set(self.first.deadline)
        self.submit(csv_for(self.first))
        self.stand_in.clock.set(self.first.opening - HOUR)
        self.submit(csv_for(self.first, step=50))
        self.stand_in.clock.set(self.first.deadline + HOUR)
        self.assertEqual([(one.status, one.round) for one in self.stand_in.sent], [("late", 1340), ("queued", 1340)])
        self.assertEqual(self.stand_in.on_time(1340), {})

    def test_slot_with_a_pickle_takes_none(self) -> None:
        name = self.upload(csv_for(self.first))
        self.assertIn("pickle", self.refusal(CREATE, filename=name, tournament=8, modelId="id-beta"))
        [alpha, beta] = self.ask("{account {models {computePickleUpload {id}}}}")["models"]
        self.assertIsNone(alpha["computePickleUpload"])
        self.assertIsNotNone(beta["computePickleUpload"])

    def test_unknown_model_is_refused(self) -> None:
        name = self.upload(csv_for(self.first))
        self.assertIn("not found", self.refusal(CREATE, filename=name, tournament=8, modelId="id-other"))
        self.assertIn("not found", self.refusal(CREATE, filename=name, tournament=11, modelId="id-alpha"))
