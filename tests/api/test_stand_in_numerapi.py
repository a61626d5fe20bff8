"""The real numerapi against the stand-in: what it can do there, and how it goes wrong."""

import io
import logging
import tempfile
from contextlib import ExitStack
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any
from unittest import mock

import numerapi
import numerapi.base_api
import numerapi.utils
import pandas as pd
import requests

from tests.api.stand_in import HOUR, Failure
from tests.api.stand_in_case import KEY, StandInTestCase, csv_for

NAME = "v5.3/live.parquet"


class NumerapiTestCase(StandInTestCase):
    def setUp(self) -> None:
        super().setUp()
        stack = ExitStack()
        self.addCleanup(stack.close)
        self.file = str(Path(stack.enter_context(tempfile.TemporaryDirectory()), "live.parquet"))
        stack.enter_context(mock.patch.object(numerapi.base_api, "API_TOURNAMENT_URL", self.stand_in.url))
        stack.enter_context(mock.patch.object(numerapi.utils.time, "sleep"))  # Between its tries.
        stack.enter_context(mock.patch.object(logging, "basicConfig"))
        logging.disable(logging.CRITICAL)
        self.addCleanup(logging.disable, logging.NOTSET)
        self.api = numerapi.NumerAPI(*KEY.split("$"), show_progress_bars=False)

    def break_down(self, operation: str, times: int = 1, **how: Any) -> None:
        self.stand_in.failures.append(Failure(operation, times, **how))

    def upload_for_first(self) -> str:
        predictions = pd.read_csv(io.BytesIO(csv_for(self.first)))
        return str(self.api.upload_predictions(df=predictions, model_id="id-alpha"))

    def open_now(self) -> None:
        """numerapi goes by the clock of the machine."""
        now = datetime.now(timezone.utc)
        self.first.opening, self.first.deadline = now - HOUR, now + HOUR
        self.stand_in.clock.set(now)


class WhatWorksTest(NumerapiTestCase):
    def tearDown(self) -> None:
        self.assertEqual(self.stand_in.violations, [])

    def test_round_is_open_or_not(self) -> None:
        self.open_now()
        self.assertTrue(self.api.check_round_open())
        self.assertEqual(self.api.get_current_round(), 1340)
        self.stand_in.clock.sleep(2 * 3600)
        self.assertFalse(self.api.check_round_open())
        self.stand_in.between_rounds = "null"
        self.assertFalse(self.api.check_round_open())

    def test_account_and_its_models_are_read(self) -> None:
        self.assertEqual(self.api.get_models(), {"alpha": "id-alpha", "beta": "id-beta"})
        self.assertEqual([one["name"] for one in self.api.get_account()["models"]], ["alpha", "beta"])
        self.assertIn("Python 3.11", self.api.model_upload_docker_images())

    def test_pipeline_and_rounds_are_read(self) -> None:
        ready = self.api.pipeline_status("2026-11-24")["dataReadyAt"]
        self.assertEqual(ready.timestamp(), self.first.opening.timestamp())
        self.assertEqual([one["number"] for one in self.api.get_competitions()], [1340])

    def test_datasets_are_downloaded(self) -> None:
        self.assertEqual(self.api.list_datasets()[0], NAME)
        self.api.download_dataset(NAME, self.file)
        self.assertEqual(Path(self.file).read_bytes(), self.first.live)

    def test_predictions_are_uploaded_and_on_time(self) -> None:
        made = self.upload_for_first()
        self.process()
        self.assertEqual([one.id for one in self.stand_in.on_time(1340)["alpha"]], [made])
        self.assertEqual([one["id"] for one in self.api.submission_ids("id-alpha")], [made])

    def test_diagnostics_take_whole_eras_only(self) -> None:
        self.stand_in.eras = {"0001": {"a", "b"}, "0002": {"c", "d"}}
        whole = pd.DataFrame({"id": ["a", "b", "c", "d"], "prediction": [0.1, 0.2, 0.3, 0.4]})
        results = []
        for frame in (whole, whole[:3]):
            made = self.api.upload_diagnostics(df=frame, model_id="id-alpha")
            results += self.api.diagnostics("id-alpha", made)
        shown = [(one["status"], one["erasAcceptedCount"], one["validationCorrMean"]) for one in results]
        self.assertEqual(shown, [("done", 2, 0.02), ("failed", 0, None)])
        self.assertIn("0002", results[1]["message"])
        self.assertEqual(len(self.stand_in.diagnosed[1].csv.splitlines()), 4)


class TrapTest(NumerapiTestCase):
    """What numerapi 2.19 to 2.22 does when something fails: why submissions need a client of their own."""

    def test_put_that_is_refused_still_gives_a_submission_id(self) -> None:
        for status in (403, 503):
            with self.subTest(status):
                self.break_down("put", status=status)
                made = self.upload_for_first()
                self.process()
                self.assertEqual((self.stand_in.sent[-1].id, self.stand_in.sent[-1].status), (made, "none"))
                self.assertIn(f"its PUT had status {status}", self.stand_in.violations[-1])
        self.assertEqual(self.stand_in.on_time(1340), {})

    def test_submission_is_created_again_after_a_502(self) -> None:
        self.break_down("createSubmission", status=502, after=True)
        self.upload_for_first()
        self.assertEqual(len(self.stand_in.sent), 2)
        self.assertIn("was submitted twice", self.stand_in.violations[0])

    def test_429_and_401_are_a_key_error_without_another_try(self) -> None:
        for status in (429, 401):
            self.break_down("account", status=status)
            with self.subTest(status), self.assertRaisesRegex(KeyError, "data"):
                self.api.get_models()
        self.assertEqual([one.operation for one in self.stand_in.asked], ["account", "account"])

    def test_any_error_means_that_no_round_is_open(self) -> None:
        self.open_now()
        self.break_down("rounds", error="Internal server error")
        self.assertFalse(self.api.check_round_open())
        self.assertTrue(self.api.check_round_open())

    def test_day_without_data_is_an_attribute_error(self) -> None:
        with self.assertRaises(AttributeError):
            self.api.pipeline_status("2026-11-23")

    def test_download_that_was_interrupted_goes_on_with_the_file_of_the_next_day(self) -> None:
        self.break_down("get", cut=True)
        with self.assertRaises(requests.RequestException):
            self.api.download_dataset(NAME, self.file)
        half = len(self.first.live) // 2
        self.stand_in.clock.set(self.second.opening + timedelta(minutes=1))
        self.second.live += b"longer"
        self.api.download_dataset(NAME, self.file)
        kept = Path(self.file).read_bytes()
        self.assertTrue(kept.startswith(self.first.live[: half // 1024 * 1024]))
        self.assertEqual(kept[half:], self.second.live[half:])

    def test_file_of_the_same_size_is_kept(self) -> None:
        Path(self.file).write_bytes(bytes(len(self.first.live)))
        self.api.download_dataset(NAME, self.file)
        self.assertEqual(Path(self.file).read_bytes(), bytes(len(self.first.live)))

    def test_one_missing_key_is_no_key(self) -> None:
        with mock.patch.dict("os.environ", clear=True):
            api = numerapi.NumerAPI("PUBLIC-ID", None, show_progress_bars=False)
        with self.assertRaisesRegex(ValueError, "API keys required"):
            api.get_models()
        self.assertEqual(self.stand_in.asked, [])
