"""download.py: a server on loopback that sends exactly the bytes it is given, and a folder that stays clean."""

import contextlib
import gzip
import hashlib
import io
import os
import socket
import struct
import tempfile
import threading
import time
import tracemalloc
import unittest
import zlib
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any
from unittest import mock

from numerai_predict.faults import Code, Fault
from numerai_predict.transfer import download, http
from numerai_predict.transfer.retry import RequestFailed, TransientFailure

CONTENT = bytes(range(256)) * 4000
SECRET = "5ec2e75ec2e7"
HALF = download.CHUNK_BYTES * 2
ETAG = hashlib.md5(CONTENT).hexdigest()
CLOSE = {"Connection": "close"}
S3 = {"x-amz-request-id": "1", "ETag": f'"{ETAG}"', **CLOSE}


def answer(
    body: bytes = CONTENT, status: str = "200 OK", length: int | None = None, headers: dict[str, str] | None = None
) -> bytes:
    """An HTTP answer as bytes; `length` is what its Content-Length says, if not the truth."""
    lines = {"Content-Length": str(len(body) if length is None else length), **(CLOSE if headers is None else headers)}
    head = "".join(f"{name}: {value}\r\n" for name, value in lines.items())
    return f"HTTP/1.1 {status}\r\n{head}\r\n".encode() + body


def rest(start: int, total: int = len(CONTENT), headers: dict[str, str] | None = None) -> bytes:
    """The answer to a request for what begins at `start`."""
    span = {"Content-Range": f"bytes {start}-{total - 1}/{total}"}
    return answer(CONTENT[start:], "206 Partial Content", headers={**S3, **span, **(headers or {})})


class ListenerTestCase(unittest.TestCase):
    def setUp(self) -> None:
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = Path(folder.name)
        self.asked: list[str] = []
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.addCleanup(self.listener.close)
        self.url = f"http://127.0.0.1:{self.listener.getsockname()[1]}/models/model.pkl?X-Amz-Signature={SECRET}"

    def serve(self, *answers: bytes, reset: bool = False, keep_s: float = 0.0) -> None:
        """Give each connection the next answer, whole, and close it, if the client does not within `keep_s`."""

        def work() -> None:
            for content in answers:
                connection, _ = self.listener.accept()
                with connection, contextlib.suppress(OSError):
                    self.asked.append(connection.recv(1 << 16).decode())
                    connection.sendall(content)
                    connection.settimeout(keep_s)
                    if keep_s:
                        connection.recv(1)
                    if reset:
                        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))

        thread = threading.Thread(target=work, daemon=True)
        thread.start()
        self.addCleanup(thread.join, 10)


class PartialFileTest(ListenerTestCase):
    @contextlib.contextmanager
    def downloading(self, name: str = "model.pkl") -> Iterator[download.PartialFile]:
        """A download into a folder that is empty."""
        for path in self.folder.iterdir():
            path.unlink()
        file = download.PartialFile(self.url.replace("model.pkl", name), self.folder, with_sha256=True)
        with contextlib.closing(file):
            yield file

    def fetch(self, *answers: bytes) -> bytes:
        """Serve, try as often as there are answers, of which only the last may succeed, and return the file."""
        self.serve(*answers)
        with self.downloading() as file:
            for _ in answers[:-1]:
                with self.assertRaises(TransientFailure):
                    http.answer_to(file.attempt)
            self.assertEqual(http.answer_to(file.attempt).status_code // 100, 2)
            self.assertFalse((self.folder / "model.pkl").exists())
            path: Path = file.finish()
            self.assertEqual(hashlib.sha256(path.read_bytes()).hexdigest(), file.sha256)
        self.assertEqual(path, self.folder / "model.pkl")
        return path.read_bytes()

    def failure(self, content: bytes, expected: type[Exception] = TransientFailure) -> str:
        """Serve this once, and return why it was not taken; no file has the name then."""
        self.serve(content)
        with self.downloading() as file, self.assertRaises(expected) as raised:
            http.answer_to(file.attempt)
            file.finish()
        self.assertFalse((self.folder / "model.pkl").exists())
        self.assertNotIn(SECRET, str(raised.exception))
        return str(raised.exception)

    def test_file_appears_whole_and_is_asked_for_as_it_is_stored(self) -> None:
        self.assertEqual(self.fetch(answer(headers=S3)), CONTENT)
        self.assertIn("GET /models/model.pkl?X-Amz-Signature=5ec2e75ec2e7 HTTP/1.1\r\n", self.asked[0])
        self.assertIn("Accept-Encoding: identity\r\n", self.asked[0])
        self.assertNotIn("Range:", self.asked[0])

    def test_empty_file_is_a_file(self) -> None:
        self.assertEqual(self.fetch(answer(b"")), b"")

    def test_body_without_a_length_is_taken_to_its_end(self) -> None:
        self.assertEqual(self.fetch(b"HTTP/1.0 200 OK\r\n\r\n" + CONTENT), CONTENT)

    def test_chunked_body_is_taken(self) -> None:
        head = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nConnection: close\r\n\r\n"
        self.assertEqual(self.fetch(head + b"3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n"), b"abcde")
        self.assertIn("connection ended", self.failure(head + b"3\r\nabc\r\n2\r\nd"))

    def test_body_shorter_than_announced_is_a_failure(self) -> None:
        said = self.failure(answer(CONTENT[:HALF], length=len(CONTENT)))
        self.assertEqual(said, "the connection ended before everything was there")

    def test_body_that_the_library_lets_pass_too_short_is_a_failure(self) -> None:
        with mock.patch("urllib3.HTTPResponse.read1", side_effect=[CONTENT[:HALF], b""]):
            self.assertEqual(self.failure(answer()), "the connection ended before everything was there")

    def test_body_longer_than_announced_ends_at_its_length(self) -> None:
        for surplus in (1, 1000, len(CONTENT) - 10):
            with self.subTest(surplus):
                self.assertEqual(self.fetch(answer(length=len(CONTENT) - surplus)), CONTENT[:-surplus])

    def test_body_longer_than_announced_has_another_md5_if_the_length_is_wrong(self) -> None:
        for surplus in (1, 1000, len(CONTENT) - 10):
            with self.subTest(surplus):
                said = self.failure(answer(length=len(CONTENT) - surplus, headers=S3))
                self.assertEqual(said, "what came has another MD5 than the server announced")

    def test_body_of_a_server_that_keeps_the_connection_ends_at_its_length(self) -> None:
        self.serve(answer(headers={}), keep_s=20)
        began = time.monotonic()
        with self.downloading() as file:
            http.answer_to(file.attempt)
            self.assertEqual(file.finish().read_bytes(), CONTENT)
        self.assertLess(time.monotonic() - began, 10)

    def test_body_with_another_md5_than_its_etag_is_a_failure(self) -> None:
        for headers in (S3, {"Content-MD5": "rL0Y20zC+Fzt72VPzMSk2A=="}):
            with self.subTest(headers):
                said = self.failure(answer(CONTENT[::-1], headers=headers))
                self.assertEqual(said, "what came has another MD5 than the server announced")

    def test_damaged_body_is_fetched_anew_from_its_beginning(self) -> None:
        for damaged in (answer(CONTENT[::-1], headers=S3), answer(headers=S3, length=len(CONTENT) - 1)):
            with self.subTest():
                self.asked.clear()
                self.assertEqual(self.fetch(damaged, answer(headers=S3)), CONTENT)
                self.assertNotIn("Range:", self.asked[1])

    def test_rest_is_asked_for_after_a_cut(self) -> None:
        cut = answer(CONTENT[:HALF], length=len(CONTENT), headers=S3)
        again = rest(HALF)[: -(len(CONTENT) - HALF) + download.CHUNK_BYTES]
        self.assertEqual(self.fetch(cut, again, rest(HALF + download.CHUNK_BYTES)), CONTENT)
        self.assertIn(f"Range: bytes={HALF}-\r\n", self.asked[1])
        self.assertIn(f"Range: bytes={HALF + download.CHUNK_BYTES}-\r\n", self.asked[2])

    def test_rest_that_is_damaged_is_noticed_over_the_whole(self) -> None:
        cut = answer(bytes(HALF), length=len(CONTENT), headers=S3)
        self.assertEqual(self.fetch(cut, rest(HALF), answer(headers=S3)), CONTENT)

    def test_rest_is_not_asked_for_without_an_etag_that_vouches_for_it(self) -> None:
        for headers in (CLOSE, {**CLOSE, "ETag": 'W/"1"'}):
            with self.subTest(headers):
                self.asked.clear()
                cut = answer(CONTENT[:HALF], length=len(CONTENT), headers=headers)
                self.assertEqual(self.fetch(cut, answer(headers=headers)), CONTENT)
                self.assertNotIn("Range:", self.asked[1])

    def test_server_without_ranges_sends_all_of_it_again(self) -> None:
        cut = answer(CONTENT[:HALF], length=len(CONTENT), headers=S3)
        self.assertEqual(self.fetch(cut, answer(headers=S3)), CONTENT)

    def test_rest_of_another_file_is_never_appended(self) -> None:
        cut = answer(CONTENT[:HALF], length=len(CONTENT), headers=S3)
        others = {
            "etag": rest(HALF, headers={"ETag": '"other"'}),
            "start": rest(HALF - 1),
            "total": rest(HALF, total=len(CONTENT) + 1),
            "no range": answer(CONTENT[HALF:], "206 Partial Content", headers=S3),
            "beyond its end": answer(b"<Error><Code>InvalidRange</Code></Error>", "416 Range Not Satisfiable"),
        }
        for name, other in others.items():
            with self.subTest(name):
                self.asked.clear()
                self.assertEqual(self.fetch(cut, other, answer(headers=S3)), CONTENT)
                self.assertNotIn("Range:", self.asked[2])

    def test_refusal_in_the_midst_of_it_ends_it_and_is_no_part_of_the_file(self) -> None:
        body = b"<Error><Code>AccessDenied</Code><Message>Request has expired</Message></Error>"
        cut = answer(CONTENT[:HALF], length=len(CONTENT), headers=S3)
        self.serve(cut, answer(body, "503 Slow Down"), answer(body, "403 Forbidden"))
        with self.downloading() as file:
            for expected in (TransientFailure, TransientFailure, http.Refused):
                with self.assertRaises(expected) as raised:
                    http.answer_to(file.attempt)
        self.assertEqual(str(raised.exception), "HTTP status 403, AccessDenied: Request has expired")

    def test_success_without_a_file_is_a_failure_for_good(self) -> None:
        for status in ("204 No Content", "206 Partial Content"):
            with self.subTest(status):
                said = self.failure(answer(b"", status), RequestFailed)
                self.assertEqual(said, f"HTTP status {status[:3]} without a file")

    def test_reset_in_the_midst_is_a_failure_worth_another_try(self) -> None:
        self.serve(answer(CONTENT[:HALF], length=len(CONTENT), headers=S3), reset=True)
        with self.downloading() as file, self.assertRaisesRegex(TransientFailure, "connection"):
            http.answer_to(file.attempt)

    def test_stored_encoding_is_undone_after_the_check_of_what_is_stored(self) -> None:
        for encoding, stored in (("gzip", gzip.compress(CONTENT)), ("deflate", zlib.compress(CONTENT))):
            with self.subTest(encoding):
                etag = {**S3, "ETag": f'"{hashlib.md5(stored).hexdigest()}"', "Content-Encoding": encoding}
                self.assertEqual(self.fetch(answer(stored, headers=etag)), CONTENT)

    def test_encoding_identity_means_nothing(self) -> None:
        self.assertEqual(self.fetch(answer(headers={**S3, "Content-Encoding": "identity"})), CONTENT)

    def test_encoding_that_is_unknown_or_wrong_is_a_failure_for_good(self) -> None:
        said = self.failure(answer(headers={**CLOSE, "Content-Encoding": "zap"}), RequestFailed)
        self.assertEqual(said, "its Content-Encoding is zap, which is not understood here")
        said = self.failure(answer(headers={**CLOSE, "Content-Encoding": "gzip"}), RequestFailed)
        self.assertEqual(said, "its Content-Encoding is gzip, but it is not encoded so")

    def test_encoding_that_hides_more_than_any_model_has_is_the_fault_of_the_model(self) -> None:
        stored = gzip.compress(gzip.compress(bytes(100 << 20)))
        self.serve(answer(stored, headers={**CLOSE, "Content-Encoding": "gzip, gzip"}))
        with mock.patch.object(download, "MOST_DECODED_BYTES", 1 << 20), self.downloading() as file:
            http.answer_to(file.attempt)
            tracemalloc.start()
            self.addCleanup(tracemalloc.stop)
            with self.assertRaises(Fault) as raised:
                file.finish()
            self.assertLess(tracemalloc.get_traced_memory()[1], 20 << 20)
        self.assertIs(Code.UNREADABLE_PICKLE, raised.exception.code)
        self.assertNotIn(SECRET, raised.exception.message)
        self.assertLess(sum(path.stat().st_size for path in self.folder.iterdir()), 3 << 20)

    def test_encoding_that_quotes_the_signature_is_shown_without_it(self) -> None:
        said = self.failure(answer(headers={**CLOSE, "Content-Encoding": SECRET}), RequestFailed)
        self.assertEqual(said, "its Content-Encoding is …, which is not understood here")

    def test_name_of_a_compressed_file_loses_the_suffix_with_the_encoding(self) -> None:
        headers = {**CLOSE, "Content-Encoding": "gzip"}
        for stored, name in ((CONTENT, "model.pkl"), (gzip.compress(CONTENT), "model.pkl.gz")):
            with self.subTest(name):
                self.serve(answer(gzip.compress(stored), headers=headers))
                with self.downloading("model.pkl.gz") as file:
                    http.answer_to(file.attempt)
                    path = file.finish()
                self.assertEqual((path.name, path.read_bytes()), (name, stored))

    def test_disk_error_is_raised_as_it_is(self) -> None:
        def full(*_: object) -> Callable[..., object]:
            raise OSError(28, "No space left on device")

        self.serve(answer())
        full_part = mock.Mock(spec=io.BufferedRandom, write=full, tell=lambda: 0)
        with (
            self.downloading() as file,
            mock.patch.object(file, "_part", full_part),
            self.assertRaisesRegex(OSError, "No space left"),
        ):
            http.answer_to(file.attempt)

    def test_disk_that_is_full_at_the_very_end_is_an_error(self) -> None:
        self.serve(answer())
        with self.downloading() as file:
            part = mock.Mock(wraps=file._part, flush=mock.Mock(side_effect=OSError(28, "No space left on device")))
            with mock.patch.object(file, "_part", part), self.assertRaisesRegex(OSError, "No space left"):
                http.answer_to(file.attempt)


class ModelDownloadTest(ListenerTestCase):
    def setUp(self) -> None:
        super().setUp()
        pauses = mock.patch("time.sleep")
        pauses.start()
        self.addCleanup(pauses.stop)

    def model_at(self, url: str = "") -> download.ModelDownload:
        model = download.ModelDownload(url or self.url, self.folder)
        self.addCleanup(model.close)
        return model

    def failure(self, model: download.ModelDownload, code: Code = Code.MODEL_NOT_DOWNLOADED) -> str:
        with self.assertRaises(Fault) as raised:
            model.fetch()
        self.assertIs(raised.exception.code, code)
        return raised.exception.message

    def test_file_has_the_name_of_the_url_and_is_gone_after_close(self) -> None:
        self.serve(answer())
        model = self.model_at()
        with self.assertLogs("numerai_predict.transfer.download", "INFO") as logs:
            path = model.fetch()
        self.assertEqual((path.name, path.read_bytes()), ("model.pkl", CONTENT))
        self.assertIn("Downloading the model from http://127.0.0.1:", logs.output[0])
        self.assertNotIn(SECRET, logs.output[0])
        model.close()
        self.assertEqual(list(self.folder.iterdir()), [])
        model.close()

    def test_files_of_one_name_never_meet_each_other_or_that_of_the_user(self) -> None:
        mine = self.folder / "model.pkl"
        mine.write_bytes(b"mine")
        self.serve(answer(b"alice"), answer(b"bob"))
        alice, bob = (self.model_at(self.url.replace("models", name)) for name in ("alice", "bob"))
        first, second = alice.fetch(), bob.fetch()
        self.assertEqual((first.read_bytes(), second.read_bytes(), mine.read_bytes()), (b"alice", b"bob", b"mine"))
        alice.close()
        self.assertEqual((second.read_bytes(), mine.read_bytes()), (b"bob", b"mine"))
        bob.close()
        self.assertEqual(list(self.folder.iterdir()), [mine])

    def test_failed_tries_are_repeated_and_logged_without_the_signature(self) -> None:
        quoting = f"<Error><Code>SlowDown</Code><Message>Not {SECRET}</Message></Error>".encode()
        self.serve(answer(quoting, "503 Slow Down"), answer())
        with self.assertLogs("numerai_predict.transfer.retry", "WARNING") as logs:
            self.assertEqual(self.model_at().fetch().read_bytes(), CONTENT)
        [line] = logs.output
        self.assertIn("Try 1 failed: HTTP status 503, SlowDown: Not …; next in", line)

    def test_refusal_is_a_fault_that_says_when_the_url_expired(self) -> None:
        body = f"<Error><Code>AccessDenied</Code><Message>Not {SECRET}</Message></Error>".encode()
        self.serve(answer(body, "403 Forbidden"))
        message = self.failure(self.model_at(f"{self.url}&X-Amz-Date=20200101T000000Z&X-Amz-Expires=60"))
        self.assertRegex(message, r"^http://127.0.0.1:\d+/models/model.pkl could not be downloaded: HTTP status 403, ")
        self.assertRegex(message, r"AccessDenied: Not …; it expired at 2020-01-01 00:01:00 UTC, \d+ days, .* before\.$")

    def test_folder_that_cannot_be_written_to_is_a_fault_before_anything_is_asked(self) -> None:
        model = download.ModelDownload(self.url, self.folder / "none")
        message = self.failure(model, Code.OUTPUT_NOT_WRITTEN)
        self.assertEqual(message, f"The model cannot be written to {self.folder / 'none'}: No such file or directory.")
        self.assertEqual(self.asked, [])

    def test_failure_leaves_nothing_after_close(self) -> None:
        self.serve(answer(b"", "404 Not Found"))
        model = self.model_at()
        self.assertIn("HTTP status 404.", self.failure(model))
        model.close()
        self.assertEqual(list(self.folder.iterdir()), [])

    def test_fetch_after_close_is_refused(self) -> None:
        model = self.model_at()
        model.close()
        self.assertIn("model.pkl could not be downloaded: the run is over.", self.failure(model))
        self.assertEqual((list(self.folder.iterdir()), self.asked), ([], []))

    def test_close_while_a_server_is_silent_ends_this_fetch_and_no_other(self) -> None:
        model, other = self.model_at(), self.model_at()
        with ThreadPoolExecutor(2) as pool, contextlib.closing(model), contextlib.closing(other):
            fetched = pool.submit(model.fetch)
            silent, _ = self.listener.accept()
            fetched_too = pool.submit(other.fetch)
            slow, _ = self.listener.accept()
            with silent, slow:
                model.close()
                failure = fetched.exception(10)
                [folder] = self.folder.iterdir()
                slow.sendall(answer())
                path = fetched_too.result(10)
                self.assertEqual((path.parent, path.read_bytes()), (folder, CONTENT))
        self.assertIsInstance(failure, Fault)
        self.assertIn("the run is over", str(failure))

    def test_close_before_the_server_breaks_off_leaves_neither_file_nor_thread_and_logs_nothing(self) -> None:
        threads = threading.active_count()
        for sent in (b"", answer(CONTENT[:HALF], length=len(CONTENT))):
            model = self.model_at()
            quiet = self.assertNoLogs("numerai_predict.transfer", "WARNING")
            with self.subTest(len(sent)), quiet, ThreadPoolExecutor(1) as pool, contextlib.closing(model):
                fetched = pool.submit(model.fetch)
                connection, _ = self.listener.accept()
                with connection:
                    connection.sendall(sent)
                    model.close()
                self.assertIsInstance(fetched.exception(10), Fault)
                pool.shutdown()
                end = time.monotonic() + 10
                while threading.active_count() > threads:
                    self.assertLess(time.monotonic(), end)
                self.assertEqual(list(self.folder.iterdir()), [])

    def test_file_that_is_created_while_close_removes_leaves_nothing(self) -> None:
        self.serve(answer())
        model = self.model_at()
        path = model.fetch()
        rmdir = os.rmdir

        def create_first(*folder: Any, **options: Any) -> None:
            with contextlib.suppress(OSError):
                path.write_bytes(b"")
            rmdir(*folder, **options)

        with mock.patch("os.rmdir", create_first):
            model.close()
        self.assertEqual(list(self.folder.iterdir()), [])


if __name__ == "__main__":
    unittest.main()
