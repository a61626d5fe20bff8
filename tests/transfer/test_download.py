"""download.py: a server on loopback that sends exactly the bytes it is told to, and a folder that stays clean."""

import contextlib
import gzip
import hashlib
import io
import socket
import struct
import tempfile
import threading
import time
import unittest
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path
from unittest import mock

from numerai_predict.transfer import download, http
from numerai_predict.transfer.retry import RequestFailed, TransientFailure

CONTENT = bytes(range(256)) * 4000
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


class DownloadTest(unittest.TestCase):
    def setUp(self) -> None:
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = Path(folder.name)
        self.asked: list[str] = []
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.addCleanup(self.listener.close)
        self.url = f"http://127.0.0.1:{self.listener.getsockname()[1]}/models/model.pkl?X-Amz-Signature=secret"

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

    @contextlib.contextmanager
    def downloading(self, name: str = "model.pkl") -> Iterator[download.Download]:
        """A download, after which nothing but the file itself may be there."""
        with download.Download(self.url.replace("model.pkl", name), self.folder) as file:
            yield file
        self.assertEqual([path.name for path in self.folder.iterdir() if path.name.startswith(".")], [])

    def files(self) -> dict[str, bytes]:
        """What is there under a name of its own."""
        return {path.name: path.read_bytes() for path in self.folder.iterdir() if path.is_file()}

    def fetch(self, *answers: bytes) -> bytes:
        """Serve, try as often as there are answers, of which only the last may succeed, and return the file."""
        self.serve(*answers)
        before = self.files()
        with self.downloading() as file:
            for _ in answers[:-1]:
                with self.assertRaises(TransientFailure):
                    http.answer_to(file.attempt)
            self.assertEqual(http.answer_to(file.attempt).status_code // 100, 2)
            self.assertEqual(self.files(), before)
            path: Path = file.finish()
        self.assertEqual(path, self.folder / "model.pkl")
        return path.read_bytes()

    def failure(self, content: bytes, expected: type[Exception] = TransientFailure) -> str:
        """Serve this once, and return why it was not taken; nothing is left then."""
        self.serve(content)
        before = self.files()
        with self.downloading() as file, self.assertRaises(expected) as raised:
            http.answer_to(file.attempt)
            file.finish()
        self.assertEqual(self.files(), before)
        self.assertNotIn("secret", str(raised.exception))
        return str(raised.exception)

    def test_file_appears_whole_and_is_asked_for_as_it_is_stored(self) -> None:
        self.assertEqual(self.fetch(answer(headers=S3)), CONTENT)
        self.assertIn("GET /models/model.pkl?X-Amz-Signature=secret HTTP/1.1\r\n", self.asked[0])
        self.assertIn("Accept-Encoding: identity\r\n", self.asked[0])
        self.assertIn("Connection: close\r\n", self.asked[0])
        self.assertNotIn("Range:", self.asked[0])

    def test_empty_file_is_a_file(self) -> None:
        self.assertEqual(self.fetch(answer(b"")), b"")

    def test_older_file_of_that_name_is_replaced(self) -> None:
        (self.folder / "model.pkl").write_bytes(CONTENT * 2)
        self.assertEqual(self.fetch(answer()), CONTENT)

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
        with mock.patch.object(download, "_to_the_end", return_value=[CONTENT[:HALF]]):
            self.assertEqual(self.failure(answer()), "the connection ended before everything was there")

    def test_body_longer_than_announced_is_a_failure(self) -> None:
        for surplus in (1, 1000, len(CONTENT) - 10):
            with self.subTest(surplus):
                said = self.failure(answer(length=len(CONTENT) - surplus))
                self.assertEqual(said, "more came than its Content-Length announced")

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
        self.assertEqual(list(self.folder.iterdir()), [])

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
        self.assertEqual(said, "its Content-Encoding is gzip, but what came is something else")

    def test_name_of_a_compressed_file_loses_the_suffix_with_the_encoding(self) -> None:
        headers = {**CLOSE, "Content-Encoding": "gzip"}
        for stored, name in ((CONTENT, "model.pkl"), (gzip.compress(CONTENT), "model.pkl.gz")):
            with self.subTest(name):
                self.serve(answer(gzip.compress(stored), headers=headers))
                with self.downloading("model.pkl.gz") as file:
                    http.answer_to(file.attempt)
                    path = file.finish()
                self.assertEqual((path.name, path.read_bytes()), (name, stored))

    def test_abandoned_download_leaves_nothing_and_never_finishes(self) -> None:
        self.serve(answer())
        with self.downloading() as file:
            http.answer_to(file.attempt)
            download.abandon()
            self.assertEqual(list(self.folder.iterdir()), [])
            with self.assertRaises(OSError):
                file.finish()
        self.assertEqual(list(self.folder.iterdir()), [])

    def test_disk_error_is_raised_as_it_is_and_leaves_nothing(self) -> None:
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

    def test_disk_that_is_full_at_the_very_end_is_told_of(self) -> None:
        self.serve(answer())
        with self.downloading() as file:
            part = mock.Mock(wraps=file._part, flush=mock.Mock(side_effect=OSError(28, "No space left on device")))
            with mock.patch.object(file, "_part", part), self.assertRaisesRegex(OSError, "No space left"):
                http.answer_to(file.attempt)


if __name__ == "__main__":
    unittest.main()
