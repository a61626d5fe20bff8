"""upload.py: multipart form data as a real server receives it, and where it may be sent again."""

import base64
import contextlib
import email
import io
import json
import tempfile
import unittest
from email.message import Message
from pathlib import Path
from typing import Any, BinaryIO
from unittest import mock

import requests

from numerai_predict.faults import Code, Fault
from numerai_predict.transfer import http, upload
from numerai_predict.transfer.retry import RequestFailed, TransientFailure
from tests.servers import Answer, Request, serving

CSV = b"id,prediction\r\n" + b"n0003aa52cab36c2,0.5\n" * 50_000 + b"\r\n--boundary--\r\n"
SECRET = "5ec2e75ec2e7"
FIELDS = {"key": "predictions/\u00e4 b+c&d.csv", "policy": "eyJ==", "x-amz-security-token": "", "x": "line\r\nbreak"}


def parts_of(request: Request) -> list[Message]:
    """The parts of a multipart body."""
    head = f"Content-Type: {request.headers['Content-Type']}\r\n\r\n".encode()
    parts = email.message_from_bytes(head + request.body).get_payload()
    assert isinstance(parts, list)
    return [part for part in parts if isinstance(part, Message)]


def text_of(part: Message) -> str:
    payload: Any = part.get_payload(decode=True)
    return str(payload.decode())


class PostTestCase(unittest.TestCase):
    def setUp(self) -> None:
        context = serving()
        self.server = context.__enter__()
        self.addCleanup(context.__exit__, None, None, None)


class PostFormTest(PostTestCase):
    def post(self, *answers: Answer) -> requests.Response:
        return upload.post_form(self.server.queue("/bucket", *answers), FIELDS, CSV, "live_predictions-1.csv")

    def test_form_has_the_fields_in_their_order_and_then_the_file(self) -> None:
        self.assertEqual(self.post(Answer(204)).status_code, 204)
        [request] = self.server.requests
        self.assertEqual(int(request.headers["Content-Length"]), len(request.body))
        self.assertNotIn("Transfer-Encoding", request.headers)
        *fields, file = parts_of(request)
        sent = [part.get_param("name", header="Content-Disposition") for part in fields]
        self.assertEqual(sent, list(FIELDS))
        for part, value in zip(fields, FIELDS.values(), strict=True):
            payload = part.get_payload(decode=True)
            self.assertEqual(payload, value.encode())
        self.assertEqual(file.get_param("name", header="Content-Disposition"), "file")
        self.assertEqual((file.get_content_type(), file.get_filename()), ("text/csv", "live_predictions-1.csv"))
        self.assertIn(b"\r\nContent-Type: text/csv\r\n\r\n" + CSV + b"\r\n--", request.body)

    def test_refusal_with_a_web_page_is_final(self) -> None:
        page = {"Content-Type": "text/html"}
        with self.assertRaisesRegex(http.Refused, "^HTTP status 403$"):
            self.post(Answer(403, b"<html>", page))
        self.assertEqual(len(self.server.requests), 1)

    def test_web_page_is_never_taken_for_success(self) -> None:
        page = Answer(200, b"<html>Log in</html>", {"Content-Type": "text/html; charset=utf-8"})
        with self.assertRaisesRegex(TransientFailure, "^a web page came instead of S3's answer$"):
            self.post(page)

    def test_redirect_of_the_same_request_is_followed_with_a_fresh_body(self) -> None:
        for status in (307, 308):
            with self.subTest(status):
                self.server.requests.clear()
                self.server.answers.clear()
                self.server.queue("/elsewhere", Answer(204))
                answers = Answer(status, headers={"Location": "/elsewhere"})
                self.assertEqual(self.post(answers).status_code, 204)
                self.assertEqual([request.path for request in self.server.requests], ["/bucket", "/elsewhere"])
                self.assertEqual([CSV in request.body for request in self.server.requests], [True, True])

    def test_redirect_to_a_page_is_never_taken_for_success(self) -> None:
        self.server.queue("/login", Answer(200, b"<html>Log in</html>"))
        for status in (301, 302, 303):
            with self.subTest(status):
                self.server.answers["/bucket"].clear()
                self.server.requests.clear()
                with self.assertRaisesRegex(http.Refused, f"^HTTP status {status}$"):
                    self.post(Answer(status, headers={"Location": "/login"}))
                self.assertEqual(len(self.server.requests), 1)

    def test_redirect_in_a_circle_ends(self) -> None:
        with self.assertRaisesRegex(RequestFailed, "^it redirects in a circle$"):
            self.post(Answer(307, headers={"Location": "/bucket"}))
        self.assertEqual(len(self.server.requests), upload.MAX_REDIRECTS)

    def test_redirect_without_an_address_is_a_failure(self) -> None:
        with self.assertRaisesRegex(RequestFailed, "it redirects in a circle"):
            self.post(Answer(307))

    def test_redirect_that_gives_up_tls_is_not_followed(self) -> None:
        answer = mock.Mock(status_code=307, url="https://bucket/", headers={"Location": "http://bucket/"})
        without_tls = self.assertRaisesRegex(RequestFailed, "^it redirects to an address without TLS$")
        with mock.patch("requests.post", return_value=answer) as post, without_tls:
            upload.post_form("https://bucket/", FIELDS, CSV, "live_predictions-1.csv")
        self.assertEqual(post.call_count, 1)


def quoting(*words: str) -> bytes:
    """An error of S3 that quotes what it was asked."""
    return f"<Error><Code>AccessDenied</Code><Message>No to {' '.join(words)}</Message></Error>".encode()


class UploadPredictionsTest(PostTestCase):
    def setUp(self) -> None:
        super().setUp()
        pauses = mock.patch("time.sleep")
        self.sleep = pauses.start()
        self.addCleanup(pauses.stop)

    def upload(
        self, *answers: Answer, csv: BinaryIO | Path | bytes | str = CSV, fields: dict[str, str] = FIELDS
    ) -> None:
        url = self.server.queue("/bucket", *answers)
        upload.upload_predictions(csv, f"{url}?X-Amz-Signature={SECRET}", fields, "live_predictions-1.csv")

    def test_csv_of_a_file_from_memory_or_of_text_arrives_whole(self) -> None:
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "live.csv"
            path.write_bytes(CSV)
            for csv in (path, CSV, CSV.decode()):
                with self.subTest(type(csv)):
                    self.server.requests.clear()
                    with self.assertLogs("numerai_predict.transfer.upload", "INFO") as logs:
                        self.upload(Answer(204), csv=csv)
                    [request] = self.server.requests
                    self.assertIn(b"\r\n\r\n" + CSV + b"\r\n--", request.body)
                    shown = f"Uploaded the predictions to {self.server.url}/bucket"
                    self.assertEqual([record.getMessage() for record in logs.records], [shown])

    def test_every_try_sends_all_of_it(self) -> None:
        slow = Answer(400, b"<Error><Code>RequestTimeout</Code></Error>")
        with self.assertLogs("numerai_predict.transfer.retry"):
            self.upload(Answer(500), slow, Answer(408), Answer(204))
        self.assertEqual([CSV in request.body for request in self.server.requests], [True] * 4)
        self.assertEqual(self.sleep.call_count, 3)

    def test_large_file_is_sent_in_parts_and_whole_in_every_try(self) -> None:
        csv = io.BytesIO(CSV * (1 + upload.MAX_HELD_BYTES // len(CSV)))
        self.server.queue("/elsewhere", Answer(204))
        with self.assertLogs("numerai_predict.transfer"):
            self.upload(Answer(500), Answer(307, headers={"Location": "/elsewhere"}), csv=csv)
        self.assertEqual(3, len(self.server.requests))
        for request in self.server.requests:
            self.assertEqual(int(request.headers["Content-Length"]), len(request.body))
            self.assertNotIn("Transfer-Encoding", request.headers)
            *fields, file = parts_of(request)
            self.assertEqual([text_of(part) for part in fields], [*FIELDS.values()])
            self.assertIn(b"\r\nContent-Type: text/csv\r\n\r\n" + csv.getvalue() + b"\r\n--", request.body)
            self.assertEqual(file.get_filename(), "live_predictions-1.csv")

    def test_refusal_is_a_fault_that_says_when_the_form_expired(self) -> None:
        policy = base64.b64encode(json.dumps({"expiration": "2020-01-01T00:00:00Z"}).encode()).decode()
        with self.assertRaises(Fault) as raised:
            self.upload(Answer(403, b"<Error><Code>AccessDenied</Code></Error>"), fields={"policy": policy})
        self.assertIs(raised.exception.code, Code.UPLOAD_FAILED)
        said = f"The predictions could not be uploaded to {self.server.url}/bucket: HTTP status 403, AccessDenied; it"
        self.assertTrue(raised.exception.message.startswith(f"{said} expired at 2020-01-01 00:00:00 UTC, "))

    def test_secrets_that_a_server_quotes_are_neither_logged_nor_raised(self) -> None:
        fields = {"key": "folder/predictions.csv", "policy": "eyJhIjoxfQ==", "x-amz-meta-note": "two  words\nof mine"}
        said = quoting(SECRET, *fields.values())
        with self.assertLogs("numerai_predict") as logs, self.assertRaises(Fault) as raised:
            self.upload(Answer(503, said), Answer(403, said), fields=fields)
        shown = "AccessDenied: No to … folder/predictions.csv … …"
        self.assertIn(f"HTTP status 503, {shown}; next in", logs.output[0])
        self.assertIn(f"HTTP status 403, {shown}.", raised.exception.message)

    def test_arrival_is_reported_once_and_only_if_it_arrives(self) -> None:
        for answers, count in (((Answer(307, headers={"Location": "/bucket"}), Answer(204)), 1), ((Answer(403),), 0)):
            self.server.answers.clear()
            arrived = mock.Mock()
            url = self.server.queue("/bucket", *answers)
            with contextlib.suppress(Fault):
                upload.upload_predictions(CSV, url, FIELDS, "live.csv", arrived)
            self.assertEqual(arrived.call_count, count)

    def test_patched_post_sees_every_try_with_url_fields_and_file(self) -> None:
        answers = [mock.Mock(status_code=status) for status in (500, 500, 200)]
        with mock.patch("requests.post", side_effect=answers) as post, self.assertLogs("numerai_predict.transfer"):
            upload.upload_predictions("id,prediction\n", "https://bucket/", FIELDS, "live.csv")
        file = ("live.csv", "id,prediction\n", "text/csv")
        seen = mock.call("https://bucket/", data=FIELDS, files={"file": file}, timeout=mock.ANY, allow_redirects=False)
        self.assertEqual(post.mock_calls, [seen] * 3)
        self.assertEqual(self.sleep.call_count, 2)


if __name__ == "__main__":
    unittest.main()
