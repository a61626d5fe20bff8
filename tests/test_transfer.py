"""transfer.py: real servers that misbehave, and words for it that hold no URL."""

import contextlib
import gzip
import http.server
import socket
import tempfile
import threading
import unittest
from collections.abc import Callable
from pathlib import Path
from typing import Any, ClassVar

import requests

from numerai_predict import transfer

CONTENT = bytes(range(256)) * 10_000
S3_ERROR = (
    b'<?xml version="1.0" encoding="UTF-8"?>\n<Error><Code>AccessDenied</Code><Message>Request has expired</Message>'
    b"<X-Amz-Expires>60</X-Amz-Expires><HostId>secret</HostId></Error>"
)


class Handler(http.server.BaseHTTPRequestHandler):
    """Answers /404/expired with status 404 and the body of that name."""

    bodies: ClassVar = {
        "model": (CONTENT, {}),
        "expired": (S3_ERROR, {"Content-Type": "application/xml"}),
        "code": (b"<Error><Code>SlowDown</Code></Error>", {}),
        "html": (b"<html><body>Bad gateway</body></html>", {}),
        "short": (CONTENT[:1000], {"Content-Length": "2560000"}),
        "gzip": (gzip.compress(CONTENT), {"Content-Encoding": "gzip"}),
        "empty": (b"", {}),
    }

    def do_GET(self) -> None:
        _, status, name = self.path.partition("?")[0].split("/")
        body, headers = self.bodies[name]
        self.send_response(int(status))
        for header, value in {"Content-Length": str(len(body)), **headers}.items():
            self.send_header(header, value)
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: Any) -> None:
        """Keep the tests' output clean."""


class ServerTestCase(unittest.TestCase):
    url: str

    @classmethod
    def setUpClass(cls) -> None:
        server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        cls.addClassCleanup(thread.join)
        cls.addClassCleanup(server.server_close)
        cls.addClassCleanup(server.shutdown)
        cls.url = f"http://127.0.0.1:{server.server_address[1]}"

    def get(self, path: str) -> requests.Response:
        session = requests.Session()
        session.trust_env = False  # A proxy of the machine that tests has no part in it.
        self.addCleanup(session.close)
        response = session.get(f"{self.url}/{path}", stream=True, timeout=30)
        self.addCleanup(response.close)
        return response


class StatusTest(ServerTestCase):
    def test_is_worth_retrying_of_overload_and_server_errors_only(self) -> None:
        for status in (429, 500, 502, 503, 504, 599):
            with self.subTest(status=status):
                self.assertTrue(transfer.is_worth_retrying(status))
        for status in (200, 204, 301, 400, 401, 403, 404, 408, 413, 428, 430, 499):
            with self.subTest(status=status):
                self.assertFalse(transfer.is_worth_retrying(status))

    def test_describe_status_with_s3_error_repeats_code_and_message_only(self) -> None:
        said = transfer.describe_status(self.get("403/expired?X-Amz-Signature=secret"))
        self.assertEqual(said, "HTTP status 403, AccessDenied: Request has expired")

    def test_describe_status_with_only_a_code_repeats_it(self) -> None:
        self.assertEqual(transfer.describe_status(self.get("503/code")), "HTTP status 503, SlowDown")

    def test_describe_status_with_another_body_leaves_it_out(self) -> None:
        for name in ("html", "empty", "model"):
            with self.subTest(body=name):
                self.assertEqual(transfer.describe_status(self.get(f"502/{name}")), "HTTP status 502")


class SaveBodyTest(ServerTestCase):
    def setUp(self) -> None:
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.path = Path(folder.name) / "model.pkl"

    def test_save_body_writes_all_of_it(self) -> None:
        transfer.save_body(self.get("200/model"), self.path, show_progress=False)
        self.assertEqual(self.path.read_bytes(), CONTENT)

    def test_save_body_of_an_encoded_one_writes_it_decoded(self) -> None:
        transfer.save_body(self.get("200/gzip"), self.path, show_progress=False)
        self.assertEqual(self.path.read_bytes(), CONTENT)

    def test_save_body_of_nothing_writes_an_empty_file(self) -> None:
        transfer.save_body(self.get("200/empty"), self.path, show_progress=False)
        self.assertEqual(self.path.read_bytes(), b"")

    def test_save_body_over_an_older_file_replaces_it(self) -> None:
        self.path.write_bytes(CONTENT * 2)
        transfer.save_body(self.get("200/model"), self.path, show_progress=False)
        self.assertEqual(self.path.read_bytes(), CONTENT)

    def test_save_body_that_ends_early_raises_and_is_described_so(self) -> None:
        with self.assertRaises(requests.exceptions.ChunkedEncodingError) as caught:
            transfer.save_body(self.get("200/short"), self.path, show_progress=False)
        said = transfer.describe_error(caught.exception)
        self.assertEqual(said, "the connection ended before everything was there")


class DescribeErrorTest(ServerTestCase):
    def described(self, url: str, timeout: float = 30) -> str:
        """What is said of the error that a request of this URL, secret and all, ends with."""
        with requests.Session() as session, self.assertRaises(requests.RequestException) as caught:
            session.trust_env = False
            session.get(f"{url}/path?X-Amz-Signature=secret", timeout=timeout)
        said = transfer.describe_error(caught.exception)
        self.assertNotRegex(said, r"secret|X-Amz|path|://|127\.0\.0\.1|\.invalid")
        return said

    @contextlib.contextmanager
    def answering(self, answer: Callable[[socket.socket], object]) -> Any:
        """A server that does this with its one connection; gives its address."""
        with socket.create_server(("127.0.0.1", 0)) as listener:

            def serve() -> None:
                connection, _ = listener.accept()
                with connection:
                    connection.recv(1 << 16)
                    answer(connection)

            thread = threading.Thread(target=serve)
            thread.start()
            yield f"127.0.0.1:{listener.getsockname()[1]}"
            thread.join()

    def test_describe_error_of_a_refused_connection(self) -> None:
        with socket.create_server(("127.0.0.1", 0)) as listener:
            address = listener.getsockname()
        self.assertEqual(self.described(f"http://127.0.0.1:{address[1]}"), "the connection failed (Connection refused)")

    def test_describe_error_of_an_unknown_host(self) -> None:
        self.assertEqual(self.described("http://host.invalid"), "the host name cannot be resolved; is there a network?")

    def test_describe_error_of_a_server_without_tls(self) -> None:
        with self.answering(lambda connection: connection.sendall(b"HTTP/1.1 400 Bad Request\r\n\r\n")) as address:
            self.assertEqual(self.described(f"https://{address}"), "the TLS handshake failed")

    def test_describe_error_of_a_silent_server(self) -> None:
        done = threading.Event()
        with self.answering(lambda connection: done.wait(30)) as address:
            self.assertEqual(self.described(f"http://{address}", timeout=0.05), "no answer for 60 seconds")
            done.set()

    def test_describe_error_of_a_server_that_hangs_up(self) -> None:
        with self.answering(lambda connection: None) as address:
            self.assertIn("the connection failed", self.described(f"http://{address}"))

    def test_describe_error_of_no_connection_in_time(self) -> None:
        said = transfer.describe_error(requests.exceptions.ConnectTimeout("https://host/?secret"))
        self.assertEqual(said, "no connection within 10 seconds")

    def test_describe_error_of_anything_else_names_its_class_only(self) -> None:
        said = transfer.describe_error(requests.exceptions.TooManyRedirects("https://host/?secret"))
        self.assertEqual(said, "the connection failed (TooManyRedirects)")


class FileNameOfTest(unittest.TestCase):
    def test_file_name_of_a_url_is_its_last_part_decoded(self) -> None:
        names = {
            "https://b.s3.amazonaws.com/models/model_3_11.pkl?X-Amz-Signature=s": "model_3_11.pkl",
            "https://host/my%20model.pkl.gz#part": "my model.pkl.gz",
            "https://host/folder/": "folder",
        }
        for url, name in names.items():
            with self.subTest(url=url):
                self.assertEqual(transfer.file_name_of(url), name)

    def test_file_name_of_a_url_without_path_is_model_pkl(self) -> None:
        for url in ("https://host", "https://host/", "https://host/?key=a.pkl"):
            with self.subTest(url=url):
                self.assertEqual(transfer.file_name_of(url), "model.pkl")

    def test_file_name_of_a_url_that_leads_elsewhere_stays_in_its_folder(self) -> None:
        for url in ("https://host/%2e%2e%2fevil", "https://host/..%2f..%2fetc%2fevil", "https://host/%2fetc%2fevil"):
            with self.subTest(url=url):
                self.assertEqual(transfer.file_name_of(url), "evil")

    def test_file_name_of_a_url_that_ends_in_dots_is_a_file(self) -> None:
        self.assertNotIn(transfer.file_name_of("https://host/a/%2e%2e"), ("..", "."))
