"""upload.py: multipart form data as a real server receives it, and where it may be sent again."""

import email
import io
import unittest
from email.message import Message
from unittest import mock

import requests

from numerai_predict.transfer import upload
from numerai_predict.transfer.retry import RequestFailed, TransientFailure
from tests.servers import Answer, Request, serving

CSV = b"id,prediction\r\n" + b"n0003aa52cab36c2,0.5\n" * 50_000 + b"\r\n--boundary--\r\n"
FIELDS = {"key": "predictions/\u00e4 b+c&d.csv", "policy": "eyJ==", "x-amz-security-token": "", "x": "line\r\nbreak"}


def parts_of(request: Request) -> list[Message]:
    """The parts of a multipart body."""
    head = f"Content-Type: {request.headers['Content-Type']}\r\n\r\n".encode()
    parts = email.message_from_bytes(head + request.body).get_payload()
    assert isinstance(parts, list)
    return [part for part in parts if isinstance(part, Message)]


class PostTest(unittest.TestCase):
    def setUp(self) -> None:
        context = serving()
        self.server = context.__enter__()
        self.addCleanup(context.__exit__, None, None, None)

    def open(self) -> io.BytesIO:
        return io.BytesIO(CSV)

    def post(self, *answers: Answer) -> requests.Response:
        return upload.post(self.server.queue("/bucket", *answers), FIELDS, self.open, "live_predictions-1.csv")

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

    def test_refusal_is_returned_as_it_is(self) -> None:
        page = {"Content-Type": "text/html"}
        self.assertEqual(self.post(Answer(403, b"<html>", page)).status_code, 403)
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
                answer = self.post(Answer(status, headers={"Location": "/login"}))
                self.assertEqual((answer.status_code, len(self.server.requests)), (status, 1))

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
            upload.post("https://bucket/", FIELDS, self.open, "live_predictions-1.csv")
        self.assertEqual(post.call_count, 1)


if __name__ == "__main__":
    unittest.main()
