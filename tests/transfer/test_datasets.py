"""Live data from Numerai: a stand-in of its API and storage on loopback, and the real numerapi."""

import contextlib
import errno
import fcntl
import functools
import io
import json
import os
import signal
import socket
import struct
import subprocess
import sys
import tempfile
import threading
import time
import unittest
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, ClassVar
from unittest import mock

import pandas as pd

from numerai_predict.faults import Code, Fault
from numerai_predict.transfer import DatasetDownloads, datasets
from tests.harness import LEGACY_MODEL, LIVE, MODEL, ROOT, PredictTestCase, Run
from tests.servers import Answer, serving, unused_url

NAME = "v5.3/live.parquet"
BENCHMARKS = "v5.3/live_benchmark_models.parquet"
SIGNATURE = "X-Amz-Signature=5ec2e7"
EXPIRED = b"<Error><Code>AccessDenied</Code><Message>Request has expired</Message></Error>"
# numerapi has no setting for its address, so the downloader's Python points it elsewhere before anything runs; there
# a pause is written down and takes no time, but its clock goes on. While it lives, it holds a lock.
SHIM = """
import fcntl, os, sys, time
if "numerai_predict.transfer.numerapi_download" in sys.orig_argv:
    alive = open(os.environ["ALIVE"], "a")
    fcntl.flock(alive, fcntl.LOCK_SH)
    sys.path.append(os.getcwd())
    import numerapi.base_api
    from numerai_predict.transfer import http, retry

    retry.has_route = lambda: "UNCONNECTED" not in os.environ
    numerapi.base_api.API_TOURNAMENT_URL = os.environ["NUMERAPI_URL"]
    http.READ_TIMEOUT_S = float(os.environ["READ_TIMEOUT_S"])
    passed = 0.0
    monotonic = time.monotonic

    def sleep(seconds):
        global passed
        passed += seconds
        with open(os.environ["PAUSES"], "a") as file:
            print(seconds, file=file)

    time.sleep = sleep
    time.monotonic = lambda: monotonic() + passed
"""


@functools.cache
def live_of(rows: int) -> bytes:
    """A whole parquet file with the first rows of the sample."""
    buffer = io.BytesIO()
    pd.read_parquet(LIVE).head(rows).to_parquet(buffer)
    return buffer.getvalue()


def with_damaged_footer(parquet: bytes) -> bytes:
    """The file with its magic and its lengths, but without sense in its footer."""
    length = int.from_bytes(parquet[-8:-4], "little")
    return parquet[: -8 - length] + b"\xff" * length + parquet[-8:]


def wait_until(condition: Callable[[], object]) -> None:
    """Wait until it holds; some seconds at most."""
    end = time.monotonic() + 20
    while not condition():
        if time.monotonic() > end:
            raise AssertionError("it never came")
        time.sleep(0.02)


@contextlib.contextmanager
def standard_error_in(path: Path) -> Iterator[None]:
    """Send what this process and those it starts write to stderr to a file."""
    sys.stderr.flush()
    before = os.dup(2)
    with open(path, "ab") as file:
        os.dup2(file.fileno(), 2)
    try:
        yield
    finally:
        os.dup2(before, 2)
        os.close(before)


@contextlib.contextmanager
def breaking_off(reply: bytes, trickle_s: float = 0.0) -> Iterator[str]:
    """Serve a URL that sends these bytes to everybody, trickles on for some seconds, and resets the connection."""
    listener = socket.create_server(("127.0.0.1", 0))

    def speak(connection: socket.socket) -> None:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        connection.recv(1 << 16)
        connection.sendall(reply)
        end = time.monotonic() + trickle_s
        while time.monotonic() < end:
            connection.sendall(b"x")
            time.sleep(0.05)

    def serve() -> None:
        with contextlib.suppress(OSError):
            while True:
                connection, _ = listener.accept()
                with connection:
                    speak(connection)

    threading.Thread(target=serve, daemon=True).start()
    with listener:
        yield f"http://127.0.0.1:{listener.getsockname()[1]}/live.parquet"
        listener.shutdown(socket.SHUT_RDWR)


class NumeraiTestCase(PredictTestCase):
    """A test with a Numerai of its own."""

    def setUp(self) -> None:
        super().setUp()
        shim = self.folder / "shim"
        shim.mkdir()
        (shim / "sitecustomize.py").write_text(SHIM)
        contexts = contextlib.ExitStack()
        self.addCleanup(contexts.close)
        self.server = contexts.enter_context(serving())
        self.env = {
            "PYTHONPATH": str(shim),
            "NUMERAPI_URL": self.server.url + "/api",
            "READ_TIMEOUT_S": "30",
            "PAUSES": str(self.folder / "pauses"),
            "ALIVE": str(self.folder / "alive"),
        }

    def offer(self, *answers: Answer) -> None:
        """Let the API give the address of the storage, and the storage these answers."""
        self.offer_address(f"{self.server.url}/storage/live.parquet?{SIGNATURE}")
        self.server.queue("/storage/live.parquet", *answers)

    def offer_address(self, address: object) -> None:
        """Let the API give this address."""
        self.server.queue("/api", Answer(body=json.dumps({"data": {"dataset": address}}).encode()))

    def asked(self, path: str) -> int:
        """How many requests came for that path."""
        return sum(request.path == path for request in self.server.requests)

    @property
    def asked_api(self) -> int:
        return self.asked("/api")

    @property
    def asked_storage(self) -> int:
        return self.asked("/storage/live.parquet")

    def is_downloading(self) -> bool:
        """Whether any downloader is alive."""
        with open(self.env["ALIVE"], "a") as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                return True
        return False

    @property
    def downloaded(self) -> Path:
        """Where the live data ends up."""
        return self.output_dir / NAME


class TestRun(NumeraiTestCase):
    """Downloads through predict.py."""

    def run_on_numerai(self, *flags: str | Path) -> Run:
        """Run the one-argument sample model on Numerai's live data."""
        return self.predict(LEGACY_MODEL, "--dataset", NAME, *flags, env=self.env)

    def test_dataset_is_downloaded_to_the_output_folder_and_used(self) -> None:
        self.offer(Answer(body=live_of(100)))
        run = self.run_on_numerai()
        self.assertEqual(run.status, 0, run.stderr)
        self.assertEqual(run.report["predictions"]["rows"], 100)
        self.assertEqual(self.downloaded.read_bytes(), live_of(100))
        self.assertEqual(run.report["data"]["live_features"]["path"], str(self.downloaded))
        self.assertTrue(run.report["data"]["live_features"]["downloaded"])
        query = json.loads(self.server.requests[0].body)
        self.assertEqual(query["variables"]["filename"], NAME)
        self.assertNotIn("%|", run.stderr, "progress away from a terminal")

    def test_features_and_benchmark_models_are_asked_for_side_by_side(self) -> None:
        address = {"data": {"dataset": f"{self.server.url}/storage/live.parquet"}}
        self.server.queue("/api", Answer(body=json.dumps(address).encode(), wait_s=3))
        self.server.queue("/storage/live.parquet", Answer(body=live_of(100)))
        run = self.predict(MODEL, "--dataset", NAME, "--benchmarks", BENCHMARKS, env=self.env)
        self.assertEqual(run.code, "missing_columns", "features in place of benchmark models")
        first, second = self.server.requests[:2]
        self.assertEqual((first.path, second.path), ("/api", "/api"), "one waited for the other")
        names = {json.loads(request.body)["variables"]["filename"] for request in (first, second)}
        self.assertEqual(names, {NAME, BENCHMARKS})

    def test_benchmark_models_are_not_asked_for_where_a_local_model_has_no_use_for_them(self) -> None:
        self.assertEqual(self.predict(LEGACY_MODEL, "--benchmarks", BENCHMARKS, env=self.env).status, 0)
        self.assertEqual(self.server.requests, [])

    def test_benchmark_models_that_fail_matter_only_for_two_arguments(self) -> None:
        self.server.queue("/api", Answer(body=b'{"errors": [{"message": "no such dataset"}]}'))
        flags = ("--benchmarks", BENCHMARKS)
        self.assertEqual(self.predict(LEGACY_MODEL, *flags, env=self.env).status, 0)
        run = self.predict(MODEL, *flags, env=self.env)
        self.assertEqual((run.status, run.code), (3, "dataset_not_downloaded"))
        self.assertIn("--benchmarks", run.report["fault"]["hint"])

    def test_earlier_download_in_the_working_folder_is_not_taken_for_a_local_file(self) -> None:
        self.offer(Answer(body=live_of(100)), Answer(body=live_of(50)))
        here = ("--output_dir", ".")
        self.assertEqual(self.run_on_numerai(*here).report["predictions"]["rows"], 100)
        self.assertEqual(self.run_on_numerai(*here).report["predictions"]["rows"], 50)

    def test_file_that_the_user_put_there_is_read(self) -> None:
        self.offer(Answer(body=live_of(100)))
        here = ("--output_dir", ".")
        self.run_on_numerai(*here)
        (self.folder / NAME).write_bytes(live_of(50))
        self.assertEqual(self.run_on_numerai(*here).report["predictions"]["rows"], 50)
        self.assertEqual(len(self.server.requests), 2)

    def test_failure_ends_the_run_with_status_3_and_one_sentence(self) -> None:
        self.offer(Answer(403, EXPIRED))
        run = self.run_on_numerai()
        self.assertEqual((run.status, run.code, run.csvs), (3, "dataset_not_downloaded", []), run.stderr)
        self.assertEqual(
            run.report["fault"]["message"],
            "v5.3/live.parquet could not be downloaded from Numerai: the request to the storage failed (HTTP status "
            "403, AccessDenied: Request has expired).",
        )
        self.assertIn("--dataset", run.report["fault"]["hint"])
        self.assertNotIn(SIGNATURE, run.stderr + json.dumps(run.report))

    def test_name_outside_of_the_output_folder_is_refused(self) -> None:
        run = self.predict(LEGACY_MODEL, "--dataset", "../../live.parquet", env=self.env)
        self.assertEqual((run.status, run.code), (3, "dataset_not_found"))
        self.assertEqual(self.server.requests, [])

    def test_interrupted_run_ends_its_downloads_without_a_word_of_theirs(self) -> None:
        self.server.queue("/api", Answer(body=b"{}", wait_s=60))
        command = [sys.executable, str(ROOT / "predict.py"), "--model", str(LEGACY_MODEL), "--dataset", NAME]
        with subprocess.Popen(
            [*command, "--benchmarks", BENCHMARKS, "--output_dir", str(self.output_dir)],
            env=os.environ | self.env,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        ) as run:
            wait_until(self.is_downloading)
            os.killpg(run.pid, signal.SIGINT)  # As Ctrl-C does.
            _, stderr = run.communicate(timeout=60)
        self.assertEqual(run.returncode, 3, stderr)
        self.assertNotIn("Traceback", stderr)
        self.assertEqual(os.listdir(self.output_dir), [])
        self.assertFalse(self.is_downloading())

    def test_failing_model_leaves_no_download_running(self) -> None:
        broken = self.folder / "broken.pkl"
        broken.write_bytes(b"<html>")
        self.server.queue("/api", Answer(body=b"{}", wait_s=60))
        began = time.monotonic()
        run = self.predict(broken, "--dataset", NAME, env=self.env)
        self.assertEqual((run.status, run.code), (1, "not_a_pickle"))
        self.assertLess(time.monotonic() - began, 30, "it waited for the download")
        self.assertEqual(list(self.output_dir.glob(".download-*")), [])
        self.assertFalse(self.is_downloading())


class DownloadTestCase(NumeraiTestCase):
    """A test that downloads for itself."""

    def setUp(self) -> None:
        super().setUp()
        self.downloads = DatasetDownloads()

    def download(self, name: str = NAME) -> bytes:
        """What a download brings."""
        with mock.patch.dict(os.environ, self.env), standard_error_in(self.folder / "log"):
            return self.downloads.download(name, self.output_dir).read_bytes()

    def failure(self, code: Code = Code.DATASET_NOT_DOWNLOADED) -> str:
        """The sentence of a download that must fail with that code, leaving neither data nor litter."""
        with self.assertRaises(Fault) as raised:
            self.download()
        self.assertIs(raised.exception.code, code, raised.exception)
        self.assertEqual([path for path in self.output_dir.rglob("*") if path.is_file()], [])
        self.assertEqual(list(self.output_dir.glob(".download-*")), [])
        self.assertTrue(raised.exception.message.startswith(NAME) or code is Code.OUTPUT_NOT_WRITTEN)
        return raised.exception.message

    @property
    def log(self) -> str:
        """What was logged."""
        return (self.folder / "log").read_text()

    @property
    def pauses(self) -> list[float]:
        """The seconds between the tries so far."""
        try:
            return [float(line) for line in (self.folder / "pauses").read_text().split()]
        except FileNotFoundError:
            return []

    def assert_tried_often(self, message: str, tries: int) -> None:
        """The message must name the number of tries, which have to be some, with pauses that grow."""
        self.assertRegex(message, f"; given up after {tries} tries in [0-9]+ seconds")
        self.assertGreater(tries, 8)
        self.assertEqual(len(self.pauses), tries - 1)
        self.assertLessEqual(sum(self.pauses), datasets.DEADLINE_SECONDS)
        self.assertLessEqual(max(self.pauses[:2]), 1)
        self.assertGreater(max(self.pauses), 5)


class TestAddress(DownloadTestCase):
    """Which round is asked for, and where."""

    def test_round_that_is_given_is_asked_for_and_else_the_current_one(self) -> None:
        self.offer(Answer(body=live_of(100)))
        with mock.patch.dict(os.environ, self.env):
            self.downloads.download(NAME, self.output_dir, 1342)
        self.download()
        asked = [request for request in self.server.requests if request.path == "/api"]
        self.assertEqual([1342, None], [json.loads(request.body)["variables"]["round"] for request in asked])

    def test_address_of_the_variable_is_asked(self) -> None:
        self.offer(Answer(body=live_of(100)))
        with unused_url() as nobody:
            self.env |= {"NUMERAI_API_URL": self.server.url + "/api", "NUMERAPI_URL": nobody}
            self.assertEqual(live_of(100), self.download())

    def test_variable_without_an_address_is_named(self) -> None:
        self.env["NUMERAI_API_URL"] = "numer.ai"
        self.assertIn("NUMERAI_API_URL is no http(s) URL", self.failure())
        self.assertEqual(([], []), (self.server.requests, self.pauses))


class TestApi(DownloadTestCase):
    """Failures of the API."""

    def test_api_that_is_down_is_asked_until_the_deadline(self) -> None:
        with unused_url() as url:
            self.env["NUMERAPI_URL"] = url
            message = self.failure()
        problem = r"the request to the Numerai API failed (the connection failed (Connection refused))"
        self.assertIn(f"{NAME} could not be downloaded from Numerai: {problem}; given up after", message)
        self.assert_tried_often(message, len(self.pauses) + 1)
        self.assertIn(f"WARNING {NAME}: Try 1 failed: {problem}; next in ", self.log)
        self.assertEqual(1, self.log.count("Try "), "a line for each cause")

    def test_api_that_fails_for_ever_is_asked_until_the_deadline(self) -> None:
        self.server.queue("/api", Answer(500))
        message = self.failure()
        self.assertIn("the request to the Numerai API failed (HTTP status 500)", message)
        self.assert_tried_often(message, self.asked_api)

    def test_api_that_fails_once_is_asked_again_without_the_pause_of_numerapi(self) -> None:
        self.server.queue("/api", Answer(500))
        self.offer(Answer(body=live_of(100)))
        self.assertEqual(self.download(), live_of(100))
        self.assertEqual((self.asked_api, self.asked_storage), (2, 1))
        self.assertEqual(len(self.pauses), 1)
        self.assertLess(self.pauses[0], 1)

    def test_api_that_asks_to_wait_is_asked_after_that(self) -> None:
        self.server.queue("/api", Answer(429, headers={"Retry-After": "70"}))
        self.offer(Answer(body=live_of(100)))
        self.assertEqual(self.download(), live_of(100))
        self.assertEqual(self.pauses, [70.0])
        self.assertIn("Try 1 failed: the request to the Numerai API failed (HTTP status 429); next in 70.0 s", self.log)

    def test_api_that_is_silent_once_is_asked_again(self) -> None:
        self.env["READ_TIMEOUT_S"] = "0.5"
        self.server.queue("/api", Answer(wait_s=60))
        self.offer(Answer(body=live_of(100)))
        self.assertEqual(self.download(), live_of(100))
        self.assertEqual(self.asked_api, 2)
        self.assertIn("the request to the Numerai API failed (no answer for 0.5 seconds)", self.log)

    def test_api_that_answers_nonsense_once_is_asked_again(self) -> None:
        nonsense = (b"<html>", b"", b"null", b"[]", b"5", b"{}", b'{"data": null}', b'{"data": {}}', b'{"data": 1}')
        self.server.queue("/api", *(Answer(body=body) for body in nonsense))
        self.offer(Answer(body=live_of(100)))
        self.assertEqual(self.download(), live_of(100))
        self.assertEqual(self.asked_api, len(nonsense) + 1)

    def test_api_that_answers_nonsense_for_ever_is_named(self) -> None:
        self.server.queue("/api", Answer(body=b"<html>"))
        message = self.failure()
        self.assertIn("the answer of the Numerai API makes no sense; given up", message)
        self.assert_tried_often(message, self.asked_api)
        self.assertNotIn("went wrong", self.log, "what numerapi logs")

    def test_api_with_broken_tls_is_asked_until_the_deadline(self) -> None:
        self.env["NUMERAPI_URL"] = self.env["NUMERAPI_URL"].replace("http:", "https:")
        message = self.failure()
        self.assertIn("the request to the Numerai API failed (the TLS handshake failed", message)
        self.assert_tried_often(message, len(self.pauses) + 1)

    def test_api_whose_name_is_unknown_is_asked_until_the_deadline(self) -> None:
        self.env["NUMERAPI_URL"] = "http://numerai.invalid/"
        message = self.failure()
        self.assertIn("the request to the Numerai API failed (the host name cannot be resolved", message)
        self.assert_tried_often(message, len(self.pauses) + 1)

    def test_api_that_no_network_leads_to_is_given_up_within_seconds(self) -> None:
        self.env |= {"NUMERAPI_URL": "http://numerai.invalid/", "UNCONNECTED": "yes"}
        with mock.patch.object(datasets, "has_route", return_value=False), self.assertRaises(Fault) as raised:
            self.download()
        self.assertIs(Code.DATASET_NOT_DOWNLOADED, raised.exception.code)
        self.assertRegex(raised.exception.message, r"cannot be resolved.* as no network is connected here\.$")
        expected = "No network is connected here: download the file elsewhere, and give it with --dataset."
        self.assertEqual(expected, raised.exception.hint)
        self.assertLessEqual(sum(self.pauses), 8)

    def test_answer_of_the_api_that_will_be_the_same_is_taken_at_once(self) -> None:
        for answer, problem in (
            (Answer(body=b'{"errors": [{"message": "no such dataset"}]}'), "the Numerai API says: no such dataset"),
            (Answer(body=b'{"errors": [{"message": ""}]}'), "the Numerai API says: an error"),
            (Answer(body=b'{"data": {"dataset": null}}'), "the Numerai API gave no address for it"),
            (Answer(body=b'{"data": {"dataset": "s3://live"}}'), "the Numerai API gave no address for it"),
            (Answer(403), "the request to the Numerai API failed (HTTP status 403)"),
        ):
            with self.subTest(problem):
                self.server.answers.clear()
                self.server.requests.clear()
                self.server.queue("/api", answer)
                self.assertEqual(self.failure(), f"{NAME} could not be downloaded from Numerai: {problem}.")
                self.assertEqual((self.asked_api, self.pauses), (1, []))


class TestStorage(DownloadTestCase):
    """Failures of the storage."""

    def test_whatever_comes_instead_of_a_whole_file_is_asked_for_again_from_the_start(self) -> None:
        whole = live_of(100)
        no_parquet = "what came is no parquet file"
        bad = {
            "the request to the storage failed (HTTP status 503)": Answer(503),
            f"{no_parquet} (Parquet file size is 6 bytes": Answer(body=b"<html>"),
            f"{no_parquet} (Parquet file size is 0 bytes": Answer(),
            f"{no_parquet} (Parquet magic bytes not found in footer": Answer(body=whole + b"<html>"),
            f"{no_parquet} (it does not begin like one)": Answer(body=b"x" + whole),
            f"{no_parquet} (Couldn't deserialize thrift": Answer(body=with_damaged_footer(whole)),
            "what came has no rows": Answer(body=live_of(0)),
            "the request to the storage failed (the connection ended before everything": Answer(body=whole, cut=5000),
        }
        self.offer(*bad.values(), Answer(body=whole))
        self.assertEqual(self.download(), whole)
        for number, problem in enumerate(bad, 1):
            self.assertIn(f"Try {number} failed: {problem}", self.log)
        asked = [request.path for request in self.server.requests]
        self.assertEqual(asked, ["/api", "/storage/live.parquet"] * (len(bad) + 1))
        self.assertFalse([request for request in self.server.requests if "Range" in request.headers])

    def test_storage_that_is_silent_once_is_asked_again(self) -> None:
        self.env["READ_TIMEOUT_S"] = "0.5"
        self.offer(Answer(wait_s=60), Answer(body=live_of(100)))
        self.assertEqual(self.download(), live_of(100))
        self.assertEqual(self.asked_storage, 2)
        self.assertIn("the request to the storage failed (no answer for 0.5 seconds)", self.log)

    def test_storage_that_asks_to_wait_is_asked_after_that(self) -> None:
        self.offer(Answer(503, headers={"Retry-After": "70"}), Answer(body=live_of(100)))
        self.assertEqual(self.download(), live_of(100))
        self.assertEqual(self.pauses, [70.0])

    def test_storage_that_asks_to_wait_beyond_the_deadline_is_given_up(self) -> None:
        self.offer(Answer(503, headers={"Retry-After": "3600"}))
        self.assertRegex(self.failure(), "HTTP status 503.*given up after 1 try .* the server asks to wait 3,600")
        self.assertEqual((self.asked_storage, self.pauses), (1, []))

    def test_storage_that_refuses_is_named_with_the_code_of_s3(self) -> None:
        for answer, problem in (
            (Answer(403, EXPIRED), "HTTP status 403, AccessDenied: Request has expired"),
            (Answer(404, b"<Error><Code>NoSuchKey</Code></Error>"), "HTTP status 404, NoSuchKey"),
        ):
            with self.subTest(problem):
                self.server.answers.clear()
                self.server.requests.clear()
                self.offer(answer)
                self.assertIn(f"the request to the storage failed ({problem})", self.failure())
                self.assertEqual((self.asked_storage, self.pauses), (1, []))

    def test_connection_that_is_reset_for_ever_is_tried_until_the_deadline(self) -> None:
        with breaking_off(b"HTTP/1.1 200 OK\r\nContent-Length: 5000\r\n\r\nPAR1") as url:
            self.offer_address(url)
            message = self.failure()
        self.assertIn("the request to the storage failed (the connection", message)
        self.assert_tried_often(message, self.asked_api)

    def test_error_page_for_ever_is_no_dataset(self) -> None:
        self.offer(Answer(body=b"<html>Service unavailable</html>"))
        message = self.failure(Code.UNREADABLE_DATASET)
        self.assertIn("from Numerai: what came is no parquet file (Parquet magic bytes not found", message)
        self.assert_tried_often(message, self.asked_storage)

    def test_storage_that_fails_after_an_error_page_is_no_damaged_file(self) -> None:
        self.offer(Answer(body=b"<html>Service unavailable</html>"), Answer(403))
        self.assertIn("HTTP status 403", self.failure())

    def test_storage_that_trickles_is_given_up_just_before_the_deadline(self) -> None:
        with (
            breaking_off(b"HTTP/1.1 200 OK\r\nContent-Length: 5000000\r\n\r\n", trickle_s=60) as url,
            mock.patch.object(datasets, "DEADLINE_SECONDS", datasets.FAREWELL_SECONDS + 2),
        ):
            self.offer_address(url)
            message = self.failure()
        self.assertIn("it was not complete when the time was up; given up after 1 try in ", message)

    def test_query_of_an_address_is_never_shown(self) -> None:
        rude = Answer(body=live_of(100), cut=len(live_of(100)), headers={"X-Rude": "1\r\nno header"})
        self.offer(Answer(503), rude)
        self.assertEqual(self.download(), live_of(100))
        self.assertIn("Failed to parse headers", self.log, "a warning of urllib3 that holds the URL")
        self.assertNotIn(SIGNATURE, self.log)
        self.server.answers.clear()
        self.server.queue("/api", Answer(body=b'{"errors": [{"message": "no https://host/x?X-Amz-Signature=5ec2e7"}]}'))
        for name in ("v5.3/x", "../x"):
            with self.assertRaises(Fault) as raised:
                self.download(f"{name}?{SIGNATURE}")
            self.assertIn(f"{name}?… ", raised.exception.message)
            self.assertNotIn(SIGNATURE, raised.exception.message + self.log)


class TestFolder(DownloadTestCase):
    """What is and what comes into the output folder."""

    def test_stale_file_of_the_same_size_is_replaced(self) -> None:
        self.offer(Answer(body=live_of(100)))
        self.downloaded.parent.mkdir()
        self.downloaded.write_bytes(live_of(100)[::-1])
        (self.downloaded.parent / "live.parquet.temp").write_bytes(b"begun yesterday")
        self.assertEqual(self.download(), live_of(100))

    def test_earlier_download_stays_known_as_such_if_the_next_fails_at_the_very_end(self) -> None:
        self.offer(Answer(body=live_of(100)), Answer(body=live_of(50)))
        self.download()
        broken = OSError(errno.EIO, "Input/output error")
        with mock.patch("os.replace", side_effect=broken), self.assertRaises(Fault):
            self.download()
        self.assertEqual(self.downloaded.read_bytes(), live_of(100))
        self.assertTrue(datasets.is_stale(self.downloaded))

    def test_download_that_cannot_be_marked_does_not_appear(self) -> None:
        self.offer(Answer(body=live_of(100)))
        (self.downloaded.parent / ".live.parquet.downloaded").mkdir(parents=True)
        self.assertIn(f"{self.downloaded} cannot be written: Is a directory.", self.failure(Code.OUTPUT_NOT_WRITTEN))

    def test_output_folder_that_takes_no_files_is_named(self) -> None:
        self.output_dir.rmdir()
        self.output_dir.write_bytes(b"")
        with self.assertRaises(Fault) as raised:
            self.download()
        self.assertIs(raised.exception.code, Code.OUTPUT_NOT_WRITTEN)
        self.assertEqual(raised.exception.message, f"{self.downloaded} cannot be written: Not a directory.")

    def test_disk_that_becomes_full_is_not_taken_for_the_network(self) -> None:
        mount = ["mount", "-t", "tmpfs", "-o", "size=64k", "none", str(self.output_dir)]
        if subprocess.run(mount, capture_output=True, check=False).returncode:
            self.skipTest("a small file system cannot be mounted here")
        self.addCleanup(subprocess.run, ["umount", str(self.output_dir)], check=True)
        self.offer(Answer(body=live_of(100) + bytes(100_000)))
        message = self.failure(Code.OUTPUT_NOT_WRITTEN)
        self.assertEqual(message, f"{self.downloaded} cannot be written: No space left on device.")
        self.assertEqual(self.asked_storage, 1)


class TestSideBySide(DownloadTestCase):
    """Two downloads at once, and their end."""

    def start_both(self, pool: ThreadPoolExecutor) -> list[Any]:
        """Let both downloads begin."""
        return [pool.submit(self.downloads.download, name, self.output_dir) for name in (NAME, BENCHMARKS)]

    def test_two_downloads_at_once_both_arrive(self) -> None:
        self.offer(Answer(503), Answer(503), Answer(body=live_of(100)))
        log = standard_error_in(self.folder / "log")
        with mock.patch.dict(os.environ, self.env), log, ThreadPoolExecutor(2) as pool:
            files = [future.result() for future in self.start_both(pool)]
        self.assertEqual([file.read_bytes() for file in files], [live_of(100)] * 2)
        self.assertIn(self.log.count(": Try "), (1, 2), "both, or one twice for one cause")

    def test_abandoned_downloads_end_at_once_and_leave_nothing(self) -> None:
        self.offer(Answer(body=live_of(100), wait_s=60))
        with mock.patch.dict(os.environ, self.env), ThreadPoolExecutor(2) as pool:
            both = self.start_both(pool)
            wait_until(lambda: self.asked_storage == 2)
            self.downloads.abandon()
            began = time.monotonic()
            failures = [future.exception() for future in both]
        self.assertLess(time.monotonic() - began, 5)
        self.assertEqual([type(failure) for failure in failures], [Fault, Fault])
        self.assertEqual(os.listdir(self.output_dir), [])
        self.assertFalse(self.is_downloading())

    def test_abandoned_downloads_leave_those_of_another_run_going(self) -> None:
        self.offer(Answer(wait_s=60), Answer(body=live_of(100), wait_s=2), Answer(body=live_of(100)))
        other = DatasetDownloads()
        with mock.patch.dict(os.environ, self.env), ThreadPoolExecutor(2) as pool:
            abandoned = pool.submit(self.downloads.download, BENCHMARKS, self.output_dir)
            wait_until(lambda: self.asked_storage == 1)
            going = pool.submit(other.download, NAME, self.output_dir)
            wait_until(lambda: self.asked_storage == 2)
            self.downloads.abandon()
            failure = abandoned.exception(10)
            self.assertFalse(going.done())
            self.assertEqual(going.result().read_bytes(), live_of(100))
            again = other.download(NAME, self.output_dir)
        self.assertIsInstance(failure, Fault)
        self.assertEqual(again.read_bytes(), live_of(100))
        self.assertFalse((self.output_dir / BENCHMARKS).exists())

    def test_download_that_begins_after_that_does_not(self) -> None:
        self.downloads.abandon()
        self.assertIn("the run is over", self.failure())
        self.assertEqual(self.server.requests, [])

    def test_killed_parent_leaves_no_download_running(self) -> None:
        self.offer(Answer(body=live_of(100), wait_s=60))
        program = "import sys, pathlib; from numerai_predict.transfer import DatasetDownloads; "
        program += f"DatasetDownloads().download({NAME!r}, pathlib.Path(sys.argv[1]))"
        with subprocess.Popen(
            [sys.executable, "-c", program, str(self.output_dir)], cwd=ROOT, env=os.environ | self.env
        ) as parent:
            wait_until(lambda: self.asked_storage == 1)
            self.assertTrue(self.is_downloading())
            parent.send_signal(signal.SIGKILL)
        wait_until(lambda: not self.is_downloading())


class TestDeadline(unittest.TestCase):
    """A downloader that does not end by itself."""

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
                DatasetDownloads().download(NAME, Path(folder))
            self.assertEqual(os.listdir(folder), [])
        self.assertIs(raised.exception.code, Code.DATASET_NOT_DOWNLOADED)
        self.assertEqual([process.returncode for process in Hanging.started], [-9])


if __name__ == "__main__":
    unittest.main()
