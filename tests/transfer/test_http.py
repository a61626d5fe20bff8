"""http.py: real servers that misbehave, and words for it that hold no URL."""

import contextlib
import functools
import socket
import threading
import unittest
from collections.abc import Callable, Sequence
from datetime import datetime, timezone
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, ClassVar
from unittest import mock
from urllib.parse import unquote

import requests
import urllib3

from numerai_predict.transfer import http
from numerai_predict.transfer.retry import RequestFailed, TransientFailure
from numerai_predict.transfer.urls import file_name_of

CONTENT = bytes(range(256)) * 10_000
S3_ERROR = (
    b'<?xml version="1.0" encoding="UTF-8"?>\n<Error><Code>AccessDenied</Code><Message>Request has expired</Message>'
    b"<X-Amz-Expires>60</X-Amz-Expires><HostId>secret</HostId></Error>"
)

LONG_AGO = datetime(2020, 1, 1, tzinfo=timezone.utc)


def quoting(query: str) -> bytes:
    """An error of S3 that quotes the values of the query, as they are written and as they are meant."""
    values = [pair.partition("=")[2] or pair for pair in query.split("&")]
    said = " ".join(dict.fromkeys([*values, *map(unquote, values)]))
    return f"<Error><Code>Denied</Code><Message>to {said}</Message></Error>".encode()


class Handler(BaseHTTPRequestHandler):
    """Answers /404/expired with status 404 and the body of that name."""

    bodies: ClassVar = {
        "model": (CONTENT, {}),
        "expired": (S3_ERROR, {"Content-Type": "application/xml"}),
        "code": (b"<Error><Code>SlowDown</Code></Error>", {}),
        "html": (b"<html><body>Bad gateway</body></html>", {}),
        "slow": (b"", {"Retry-After": "17"}),
        "date": (b"", {"Retry-After": "Fri, 31 Dec 1999 23:59:59 GMT"}),
        "nonsense": (b"", {"Retry-After": "soon"}),
        "empty": (b"", {}),
        "timeout": (b"<Error><Code>RequestTimeout</Code><Message>Too slow</Message></Error>", {}),
        "skewed": (b"<Error><Code>RequestTimeTooSkewed</Code></Error>", {}),
        "elsewhere": (b"", {"Location": "/403/referrer?X-Amz-Signature=5ec2e75ec2e7"}),
        "referrer": (b"<Error><Code>Denied</Code><Message>5ec2e75ec2e7 of 5ec2e75first</Message></Error>", {}),
    }

    def do_GET(self) -> None:
        path, _, query = self.path.partition("?")
        _, status, name = path.split("/")
        body, headers = (quoting(query), {}) if name == "quoting" else self.bodies[name]
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
        server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
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
        response = session.get(f"{self.url}/{path}", stream=True, timeout=30, allow_redirects=False)
        self.addCleanup(response.close)
        return response


class StatusTest(ServerTestCase):
    def test_is_worth_retrying_of_overload_and_server_errors_only(self) -> None:
        for status in (408, 429, 500, 502, 503, 504, 599):
            with self.subTest(status=status):
                self.assertTrue(http.is_worth_retrying(status))
        for status in (200, 204, 301, 400, 401, 403, 404, 413, 428, 430, 499):
            with self.subTest(status=status):
                self.assertFalse(http.is_worth_retrying(status))

    def failure(self, path: str) -> str:
        """What is said of the answer to this path."""
        with self.assertRaises((http.Refused, TransientFailure)) as raised:
            http.check_status(self.get(path))
        return str(raised.exception)

    def test_success_passes(self) -> None:
        for path in ("200/model", "206/model", "299/empty"):
            http.check_status(self.get(path))

    def test_failure_with_s3_error_repeats_code_and_message_only(self) -> None:
        said = self.failure("403/expired?X-Amz-Signature=secret")
        self.assertEqual(said, "HTTP status 403, AccessDenied: Request has expired")

    def test_failure_with_only_a_code_repeats_it(self) -> None:
        self.assertEqual(self.failure("503/code"), "HTTP status 503, SlowDown")

    def test_failure_with_another_body_leaves_it_out(self) -> None:
        for name in ("html", "empty", "model"):
            with self.subTest(body=name):
                self.assertEqual(self.failure(f"502/{name}"), "HTTP status 502")

    def test_request_that_s3_got_too_slowly_is_worth_another_try(self) -> None:
        for path, said in (
            ("400/timeout", "HTTP status 400, RequestTimeout: Too slow"),
            ("408/empty", "HTTP status 408"),
        ):
            with self.subTest(path), self.assertRaises(TransientFailure) as raised:
                http.check_status(self.get(path))
            self.assertEqual(str(raised.exception), said)

    def test_other_refusals_are_not_worth_another_try(self) -> None:
        for path in ("400/expired", "400/empty", "403/timeout", "400/skewed"):
            with self.subTest(path), self.assertRaises(http.Refused):
                http.check_status(self.get(path))


class SecretsTest(ServerTestCase):
    """Servers quote what they were asked, in their own words."""

    def failure(self, path: str, secrets: Sequence[str] = ()) -> str:
        with self.assertRaises(http.Refused) as raised:
            http.check_status(self.get(path), secrets)
        return str(raised.exception)

    def test_values_of_the_query_are_left_out_as_written_and_as_meant(self) -> None:
        query = "?X-Amz-Signature=5ec2e75ec2e7&X-Amz-Credential=AKIA%2F2026%2Fus-east-1&5ec2e75ec2e7alone"
        self.assertEqual(self.failure(f"403/quoting{query}"), "HTTP status 403, Denied: to … … … …")

    def test_query_of_a_redirect_is_left_out(self) -> None:
        response = requests.get(f"{self.url}/302/elsewhere?token=5ec2e75first", timeout=30)
        with self.assertRaises(http.Refused) as raised:
            http.check_status(response)
        self.assertEqual(str(raised.exception), "HTTP status 403, Denied: … of …")

    def test_password_of_the_url_is_left_out(self) -> None:
        self.assertIn("pass word", http.secrets_of_url("https://user:pass%20word@host/path"))

    def test_secrets_that_are_given_are_left_out(self) -> None:
        self.assertEqual(self.failure("403/expired", ["has\r\n expired"]), "HTTP status 403, AccessDenied: Request …")


class MockedResponseTest(unittest.TestCase):
    """Responses of tests that patch requests have a status and nothing else."""

    def test_request_is_repeated_until_its_status_is_a_success(self) -> None:
        for kind in (mock.Mock, mock.MagicMock):
            with self.subTest(kind):
                answers = [kind(status_code=status) for status in (500, 429, 200)]
                request = mock.Mock(side_effect=answers)
                with mock.patch("time.sleep") as sleep, self.assertLogs("numerai_predict.transfer.retry") as logs:
                    self.assertIs(http.retry_with_backoff(request), answers[-1])
                self.assertEqual((request.call_count, sleep.call_count), (3, 2))
                self.assertIn("Try 1 failed: HTTP status 500; next in", logs.output[0])

    def test_refusal_is_final(self) -> None:
        request = mock.Mock(return_value=mock.Mock(status_code=403))
        with self.assertRaisesRegex(http.Refused, "^HTTP status 403$"):
            http.retry_with_backoff(request)
        self.assertEqual(request.call_count, 1)


class DescribeErrorTest(ServerTestCase):
    def described(self, url: str, timeout: float = 30) -> str:
        """What is said of the error that a request of this URL, secret and all, ends with."""
        with requests.Session() as session, self.assertRaises(requests.RequestException) as caught:
            session.trust_env = False
            session.get(f"{url}/path?X-Amz-Signature=secret", timeout=timeout)
        said = http.describe_error(caught.exception)
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
            self.assertEqual(self.described(f"http://{address}", timeout=0.05), "no answer for 30 seconds")
            done.set()

    def test_describe_error_of_a_server_that_hangs_up(self) -> None:
        with self.answering(lambda connection: None) as address:
            self.assertIn("the connection failed", self.described(f"http://{address}"))

    def test_describe_error_of_no_connection_in_time(self) -> None:
        said = http.describe_error(requests.exceptions.ConnectTimeout("https://host/?secret"))
        self.assertEqual(said, "no connection within 10 seconds")

    def test_describe_error_of_anything_else_names_its_class_only(self) -> None:
        said = http.describe_error(requests.exceptions.InvalidSchema("https://host/?secret"))
        self.assertEqual(said, "the connection failed (InvalidSchema)")

    def test_describe_error_of_a_circle_of_redirects(self) -> None:
        said = http.describe_error(requests.exceptions.TooManyRedirects("https://host/?secret"))
        self.assertEqual(said, "it redirects in a circle")

    def test_describe_error_of_a_certificate_that_is_not_trusted(self) -> None:
        text = "SSLCertVerificationError(1, '[SSL: CERTIFICATE_VERIFY_FAILED] certificate verify failed: self-signed"
        said = http.describe_error(requests.exceptions.SSLError(text + " certificate (_ssl.c:1006)') /?secret"))
        self.assertEqual(said, "the TLS handshake failed (self-signed certificate)")


class AnswerToTest(ServerTestCase):
    def test_answer_of_success_is_returned(self) -> None:
        for status in (200, 204):
            request = functools.partial(self.get, f"{status}/empty")
            self.assertEqual(http.answer_to(request).status_code, status)

    def test_answer_that_may_be_another_next_time_is_transient_with_the_wait_it_asks_for(self) -> None:
        for path, wait_s in (("503/slow", 17), ("429/date", 0), ("500/nonsense", 0), ("502/empty", 0)):
            with self.subTest(path), self.assertRaises(TransientFailure) as raised:
                http.answer_to(functools.partial(self.get, path))
            self.assertEqual(raised.exception.wait_s, wait_s)
            self.assertEqual(str(raised.exception), f"HTTP status {path[:3]}")

    def test_answer_that_refuses_is_final(self) -> None:
        for path in ("404/code", "301/empty"):
            with self.subTest(path), self.assertRaises(http.Refused) as raised:
                http.answer_to(functools.partial(self.get, path))
            self.assertEqual(raised.exception.status, int(path[:3]))

    def test_request_that_cannot_be_made_is_final(self) -> None:
        with self.assertRaises(RequestFailed) as raised:
            http.answer_to(lambda: requests.get("http://[::1/?secret", timeout=1))
        self.assertNotIn("secret", str(raised.exception))

    def test_broken_connection_is_transient(self) -> None:
        errors = (
            requests.ConnectionError("/?secret"),
            requests.Timeout("/?secret"),
            requests.exceptions.SSLError("/?secret"),
            requests.exceptions.ChunkedEncodingError("/?secret"),
            urllib3.exceptions.ProtocolError("/?secret"),
            urllib3.exceptions.ReadTimeoutError(mock.Mock(), "/?secret", "timed out"),
        )
        for error in errors:
            with self.subTest(type(error)), self.assertRaises(TransientFailure) as raised:
                http.answer_to(mock.Mock(side_effect=error))
            self.assertNotIn("secret", str(raised.exception))

    def test_other_error_is_raised_as_it_is(self) -> None:
        with self.assertRaisesRegex(OSError, "No space"):
            http.answer_to(mock.Mock(side_effect=OSError("No space")))


class ReasonTest(ServerTestCase):
    def refused(self, path: str, date: str | None) -> http.Refused:
        response = self.get(path)
        response.headers.pop("Date")
        if date:
            response.headers["Date"] = date
        with self.assertRaises(http.Refused) as raised:
            http.check_status(response)
        return raised.exception

    def test_reason_of_what_had_expired_by_the_servers_clock_says_when(self) -> None:
        expiry = datetime(2026, 11, 22, 13, 59, 59, tzinfo=timezone.utc)
        refused = self.refused("403/expired", "Sun, 22 Nov 2026 14:20:01 GMT")
        said = http.reason(refused, expiry)
        self.assertEqual(said, f"{refused}; it expired at 2026-11-22 13:59:59 UTC, 0:20:02 before")

    def test_reason_of_what_had_not_expired_is_the_answer_alone(self) -> None:
        expiry = datetime(2026, 11, 22, 13, 59, 59, tzinfo=timezone.utc)
        early = self.refused("403/expired", "Sun, 22 Nov 2026 13:59:59 GMT")
        missing = self.refused("404/code", "Sun, 22 Nov 2026 14:20:01 GMT")
        for failure, when in ((early, expiry), (missing, expiry), (early, None), (RequestFailed("no"), expiry)):
            with self.subTest(str(failure), when=when):
                self.assertEqual(http.reason(failure, when), str(failure))

    def test_reason_without_a_servers_clock_goes_by_ours(self) -> None:
        for date in (None, "yesterday"):
            self.assertIn("it expired at 2020-", http.reason(self.refused("403/expired", date), LONG_AGO))


class ShowsProgressTest(unittest.TestCase):
    def test_progress_is_shown_to_a_terminal_only(self) -> None:
        for stderr, shown in (
            (mock.Mock(isatty=lambda: True), True),
            (mock.Mock(isatty=lambda: False), False),
            (None, False),
        ):
            with self.subTest(stderr), mock.patch("sys.stderr", stderr):
                self.assertIs(http.shows_progress(), shown)


class FileNameOfTest(unittest.TestCase):
    def test_file_name_of_a_url_is_its_last_part_decoded(self) -> None:
        names = {
            "https://b.s3.amazonaws.com/models/model_3_11.pkl?X-Amz-Signature=s": "model_3_11.pkl",
            "https://host/my%20model.pkl.gz#part": "my model.pkl.gz",
            "https://host/folder/": "folder",
        }
        for url, name in names.items():
            with self.subTest(url=url):
                self.assertEqual(file_name_of(url), name)

    def test_file_name_of_a_url_without_path_is_model_pkl(self) -> None:
        for url in ("https://host", "https://host/", "https://host/?key=a.pkl"):
            with self.subTest(url=url):
                self.assertEqual(file_name_of(url), "model.pkl")

    def test_file_name_of_a_url_that_leads_elsewhere_stays_in_its_folder(self) -> None:
        for url in ("https://host/%2e%2e%2fevil", "https://host/..%2f..%2fetc%2fevil", "https://host/%2fetc%2fevil"):
            with self.subTest(url=url):
                self.assertEqual(file_name_of(url), "evil")

    def test_file_name_of_a_url_that_ends_in_dots_is_a_file(self) -> None:
        self.assertNotIn(file_name_of("https://host/a/%2e%2e"), ("..", "."))
