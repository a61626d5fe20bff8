"""Live data from Numerai: a stand-in of its API and storage on loopback, and the real numerapi."""

import io
import json
import os
import subprocess
import sys
import tempfile
import time
import unittest
from pathlib import Path
from typing import Any, ClassVar
from unittest import mock

import pandas as pd

from numerai_predict import datasets
from numerai_predict.faults import Code, Fault
from tests.harness import LEGACY_MODEL, LIVE, MODEL, PredictTestCase, Run, command_lines
from tests.servers import Answer, serving, unused_url

NAME = "v5.3/live.parquet"
# numerapi has no setting for its address, so the downloader's Python points it elsewhere before anything runs.
SHIM = """
import os, sys
if "numerai_predict.numerapi_download" in sys.orig_argv:
    import numerapi.base_api
    numerapi.base_api.API_TOURNAMENT_URL = os.environ["NUMERAPI_URL"]
"""


def live_of(rows: int) -> bytes:
    """A whole parquet file with the first rows of the sample."""
    buffer = io.BytesIO()
    pd.read_parquet(LIVE).head(rows).to_parquet(buffer)
    return buffer.getvalue()


class NumeraiTestCase(PredictTestCase):
    """A test with a Numerai of its own."""

    def setUp(self) -> None:
        super().setUp()
        shim = self.folder / "shim"
        shim.mkdir()
        (shim / "sitecustomize.py").write_text(SHIM)
        context = serving()
        self.server = context.__enter__()
        self.addCleanup(context.__exit__, None, None, None)
        self.env = {"PYTHONPATH": str(shim), "NUMERAPI_URL": self.server.url + "/api"}

    def offer(self, *answers: Answer) -> None:
        """Let the API give the address of the storage, and the storage these answers."""
        address = {"data": {"dataset": self.server.url + "/storage/live.parquet"}}
        self.server.queue("/api", Answer(body=json.dumps(address).encode()))
        self.server.queue("/storage/live.parquet", *answers)

    def download(self, *flags: str | Path) -> Run:
        """Run the one-argument sample model on Numerai's live data."""
        return self.predict(LEGACY_MODEL, "--dataset", NAME, *flags, env=self.env)

    @property
    def downloaded(self) -> Path:
        """Where the live data ends up."""
        return self.output_dir / NAME


class TestDownload(NumeraiTestCase):
    """Downloads through predict.py."""

    def test_dataset_is_downloaded_to_the_output_folder_and_used(self) -> None:
        self.offer(Answer(body=live_of(100)))
        run = self.download()
        self.assertEqual(run.status, 0, run.stderr)
        self.assertEqual(run.report["predictions"]["rows"], 100)
        self.assertEqual(self.downloaded.read_bytes(), live_of(100))
        self.assertEqual(run.report["data"]["live_features"]["path"], str(self.downloaded))
        self.assertTrue(run.report["data"]["live_features"]["downloaded"])
        query = json.loads(self.server.requests[0].body)
        self.assertEqual(query["variables"]["filename"], NAME)

    def test_download_away_from_a_terminal_shows_no_progress(self) -> None:
        self.offer(Answer(body=live_of(100)))
        self.assertNotIn("%|", self.download().stderr)

    def test_benchmark_models_are_downloaded_only_for_two_arguments(self) -> None:
        self.offer(Answer(body=live_of(100)))
        benchmarks = ("--benchmarks", "v5.3/live_benchmark_models.parquet")
        self.assertEqual(self.predict(LEGACY_MODEL, *benchmarks, env=self.env).status, 0)
        self.assertEqual(self.server.requests, [])
        self.assertEqual(self.predict(MODEL, "--dataset", LIVE, *benchmarks, env=self.env).code, "missing_columns")
        filenames = [json.loads(request.body)["variables"]["filename"] for request in self.server.requests[:1]]
        self.assertEqual(filenames, [benchmarks[1]])

    def test_stale_file_of_the_same_size_is_replaced(self) -> None:
        self.offer(Answer(body=live_of(100)))
        self.downloaded.parent.mkdir()
        self.downloaded.write_bytes(live_of(100)[::-1])
        (self.downloaded.parent / "live.parquet.temp").write_bytes(b"begun yesterday")
        run = self.download()
        self.assertEqual(run.status, 0, run.stderr)
        self.assertEqual(self.downloaded.read_bytes(), live_of(100))

    def test_earlier_download_in_the_working_folder_is_not_taken_for_a_local_file(self) -> None:
        self.offer(Answer(body=live_of(100)), Answer(body=live_of(50)))
        here = ("--output_dir", ".")
        self.assertEqual(self.download(*here).report["predictions"]["rows"], 100)
        self.assertEqual(self.download(*here).report["predictions"]["rows"], 50)

    def test_file_that_the_user_put_there_is_read(self) -> None:
        self.offer(Answer(body=live_of(100)))
        here = ("--output_dir", ".")
        self.download(*here)
        (self.folder / NAME).write_bytes(live_of(50))
        self.assertEqual(self.download(*here).report["predictions"]["rows"], 50)
        self.assertEqual(len(self.server.requests), 2)

    def failure(self) -> str:
        """The message of a run that must end as an error, leaving neither data nor litter."""
        run = self.download()
        self.assertEqual(run.status, 3, run.stderr)
        self.assertEqual(run.csvs, [])
        self.assertEqual(list(self.output_dir.rglob("*.parquet")), [])
        self.assertEqual(list(self.output_dir.glob(".download-*")), [])
        self.assertIn("--dataset", run.report["fault"]["hint"])
        return f"{run.code}: {run.report['fault']['message']}"

    def test_truncated_download_is_never_taken_for_data(self) -> None:
        self.offer(Answer(body=live_of(100), cut=5000))
        self.assertRegex(self.failure(), "dataset_not_downloaded: .*connection")

    def test_storage_that_refuses_is_named(self) -> None:
        self.offer(Answer(403, b"<Error><Code>AccessDenied</Code></Error>"))
        self.assertIn("dataset_not_downloaded: v5.3/live.parquet", self.failure())
        self.assertIn("HTTP status 403", self.failure())

    def test_error_page_with_status_200_is_never_taken_for_data(self) -> None:
        self.offer(Answer(body=b"<html>Service unavailable</html>"))
        self.assertRegex(self.failure(), "unreadable_dataset: .*no parquet file")

    def test_parquet_file_without_rows_is_refused(self) -> None:
        self.offer(Answer(body=live_of(0)))
        self.assertRegex(self.failure(), "unreadable_dataset: .*no rows")

    def test_error_of_the_api_is_passed_on(self) -> None:
        self.server.queue("/api", Answer(body=b'{"errors": [{"message": "no such dataset"}]}'))
        self.assertRegex(self.failure(), "dataset_not_downloaded: .*no such dataset")

    def test_api_without_an_address_is_an_error(self) -> None:
        for body in (b'{"data": {"dataset": null}}', b'{"data": null}', b"[]", b"not JSON"):
            with self.subTest(body):
                self.server.answers.clear()
                self.server.queue("/api", Answer(body=body))
                self.assertIn("dataset_not_downloaded: v5.3/live.parquet", self.failure())

    def test_missing_network_is_named(self) -> None:
        with unused_url() as url:
            self.env["NUMERAPI_URL"] = url
            self.assertRegex(self.failure(), "cannot be reached; is there a network?")

    def test_name_outside_of_the_output_folder_is_refused(self) -> None:
        run = self.predict(LEGACY_MODEL, "--dataset", "../../live.parquet", env=self.env)
        self.assertEqual((run.status, run.code), (3, "dataset_not_found"))
        self.assertEqual(self.server.requests, [])

    def test_failing_model_leaves_no_download_running(self) -> None:
        broken = self.folder / "broken.pkl"
        broken.write_bytes(b"<html>")
        self.server.queue("/api", Answer(body=b"{}", wait_s=60))
        began = time.monotonic()
        run = self.predict(broken, "--dataset", NAME, env=self.env)
        self.assertEqual((run.status, run.code), (1, "not_a_pickle"))
        self.assertLess(time.monotonic() - began, 30, "it waited for the download")
        self.assertEqual(list(self.output_dir.glob(".download-*")), [])
        downloads = [command for command in command_lines() if str(self.output_dir) in " ".join(command)]
        self.assertEqual(downloads, [])


class TestDeadline(unittest.TestCase):
    """A server that never answers, which numerapi itself would wait for."""

    def test_download_that_takes_too_long_is_ended(self) -> None:
        class Hanging(subprocess.Popen[str]):
            """A downloader that never answers."""

            started: ClassVar[list["Hanging"]] = []

            def __init__(self, _: list[str], **options: Any) -> None:
                super().__init__([sys.executable, "-c", "import time; time.sleep(600)"], **options)
                self.started.append(self)

        with (
            tempfile.TemporaryDirectory() as folder,
            mock.patch("subprocess.Popen", Hanging),
            mock.patch.object(datasets, "DEADLINE_SECONDS", 0.2),
        ):
            with self.assertRaises(Fault) as raised:
                datasets.download(NAME, Path(folder))
            self.assertEqual(os.listdir(folder), [])
        self.assertIs(raised.exception.code, Code.DATASET_NOT_DOWNLOADED)
        self.assertEqual([process.returncode for process in Hanging.started], [-9])


if __name__ == "__main__":
    unittest.main()
