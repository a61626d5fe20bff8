"""graphql.py: questions to a real server that misbehaves in every way, and what is said of it."""

import json
import os
import tempfile
import threading
import traceback
import unittest
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any
from unittest import mock

from numerai_predict.api import URL, ApiError, ApiRefused, ApiUnreachable, api_url
from numerai_predict.api.fields import Fields
from numerai_predict.api.graphql import LONGEST_MESSAGE, GraphQL
from numerai_predict.faults import Code, Fault
from numerai_predict.transfer import http
from tests.api.harness import KEYS, SECRET, ApiTestCase, refusing, saying
from tests.servers import Answer, serving, unused_url

QUERY = "query($number: Int) {thing(number: $number) {name}}"
GOOD = saying({"thing": {"name": "x"}})
NONSENSE = (
    *(b"", b"<html>", b"null", b"[]", b"5", b'"x"', b"{}", b'{"data": null}', b'{"data": []}', b'{"data": {}}'),
    *(b'{"data": {"thing": null}}', b'{"data": {"thing": {"name": 5}}}', b'{"data": {"thing": {"name": ""}}}'),
    *(b"[" * 100_000, b'{"data": {"thing": {"name": "\xff"}}}', b'{"data": {"thing": {"name": "x"'),
)

NO_ERRORS: tuple[object, ...] = (None, [])


def name_of_thing(data: Fields) -> str:
    return data.part("thing").text("name")


@contextmanager
def listening_late() -> Iterator[tuple[str, Any]]:
    """A URL at which nobody listens until the function is called."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            self.rfile.read(int(self.headers["Content-Length"]))
            self.send_response(200)
            self.end_headers()
            self.wfile.write(GOOD.body)

        def log_message(self, *_: object) -> None:
            """Stay quiet."""

    server = HTTPServer(("127.0.0.1", 0), Handler, bind_and_activate=False)
    server.server_bind()
    thread = threading.Thread(target=server.serve_forever)

    def listen() -> None:
        server.server_activate()
        thread.start()

    try:
        yield f"http://127.0.0.1:{server.server_address[1]}", listen
    finally:
        if thread.is_alive():
            server.shutdown()
            thread.join()
        server.server_close()


class GraphQLTestCase(ApiTestCase):
    authorization: str | None = KEYS.authorization

    def ask(self, once: bool = False, deadline_s: float = 60.0, url: str | None = None) -> str:
        """The name of the thing."""
        client = GraphQL(url or self.url, self.authorization)
        return client.ask(QUERY, {"number": 7}, deadline_s, name_of_thing, once)

    def refusal(self, *answers: Answer, tries: int = 1) -> str:
        """What is said of an API that refuses, after so many tries."""
        self.offer(*answers)
        with self.assertRaises(ApiRefused) as raised:
            self.ask()
        self.assertEqual(tries, len(self.asked))
        return str(raised.exception)

    def failure(self, *answers: Answer, once: bool = False) -> str:
        """What is said of an API that cannot be reached."""
        self.offer(*answers)
        with self.assertRaises(ApiUnreachable) as raised:
            self.ask(once)
        return str(raised.exception)


class QuestionTest(GraphQLTestCase):
    def test_question_is_posted_as_json_with_the_keys_in_a_header(self) -> None:
        self.offer(GOOD)
        self.assertEqual("x", self.ask())
        [request] = self.server.requests
        self.assertEqual(("POST", ""), (request.method, request.query))
        self.assertEqual({"query": QUERY, "variables": {"number": 7}}, json.loads(request.body))
        self.assertEqual("application/json", request.headers["Content-Type"])
        self.assertEqual(f"Token PUBLICID${SECRET}", request.headers["Authorization"])
        self.assertNotIn(SECRET.encode(), request.body)

    def test_question_without_keys_has_no_header(self) -> None:
        self.authorization = None
        self.offer(GOOD)
        self.ask()
        self.assertNotIn("Authorization", self.server.requests[0].headers)

    def test_password_of_netrc_is_not_sent(self) -> None:
        with tempfile.TemporaryDirectory() as folder:
            netrc = Path(folder, "netrc")
            netrc.write_text("machine 127.0.0.1 login me password hunter2\n")
            netrc.chmod(0o600)
            with mock.patch.dict(os.environ, {"NETRC": str(netrc)}):
                for self.authorization in (None, KEYS.authorization):
                    self.offer(GOOD)
                    self.ask()
                    self.assertEqual(self.authorization, self.server.requests[0].headers.get("Authorization"))

    def test_redirection_is_not_followed_as_the_keys_are_for_one_address(self) -> None:
        with serving() as elsewhere:
            elsewhere.queue("/api", GOOD)
            for status in (301, 302, 303, 307, 308):
                moved = Answer(status, headers={"Location": f"{elsewhere.url}/api?token=5ec2e7"})
                message = self.failure(moved, GOOD)
                self.assertEqual(f"The request to the Numerai API failed (HTTP status {status})", message)
                self.assertEqual(1, len(self.asked))
            self.assertEqual([], elsewhere.requests)


class RefusalTest(GraphQLTestCase):
    def test_error_with_status_200_is_what_it_says(self) -> None:
        self.assertEqual("Model not found", self.refusal(refusing("Model not found."), GOOD))
        self.assertEqual([], self.clock.pauses)

    def test_several_errors_are_one_sentence(self) -> None:
        self.assertEqual("One; Two", self.refusal(refusing("One.", " Two.\n")))

    def test_error_beside_data_is_an_error(self) -> None:
        body = json.loads(GOOD.body) | {"errors": [{"message": "half of it is missing"}]}
        self.assertEqual("half of it is missing", self.refusal(Answer(body=json.dumps(body).encode())))

    def test_no_errors_beside_data_are_none(self) -> None:
        for errors in NO_ERRORS:
            body = json.loads(GOOD.body) | {"errors": errors}
            self.offer(Answer(body=json.dumps(body).encode()))
            self.assertEqual("x", self.ask())

    def test_errors_of_other_shapes_are_errors(self) -> None:
        for errors, said in (
            ({"detail": "Not here"}, "Not here"),
            ("plain", "plain"),
            (["plain", 5], "plain; 5"),
            ([{}], "An error without a message"),
            ([{"message": None}], "An error without a message"),
            ([{"message": {"en": "no"}}], "{'en': 'no'}"),
        ):
            with self.subTest(errors):
                self.assertEqual(said, self.refusal(Answer(body=json.dumps({"errors": errors}).encode()), GOOD))

    def test_status_that_says_that_the_keys_are_refused_is_final(self) -> None:
        for status in (401, 403):
            self.assertEqual(f"The keys are refused (HTTP status {status})", self.refusal(Answer(status), GOOD))
        said = self.refusal(Answer(401, b'{"errors": {"detail": "Unauthorized"}}'), GOOD)
        self.assertEqual("The keys are refused (HTTP status 401, Unauthorized)", said)

    def test_status_403_of_a_question_without_keys_does_not_blame_them(self) -> None:
        self.authorization = None
        self.assertEqual("The request to the Numerai API failed (HTTP status 403)", self.refusal(Answer(403), GOOD))

    def test_other_status_of_4xx_is_final_and_says_what_the_api_says(self) -> None:
        self.assertEqual("The request to the Numerai API failed (HTTP status 404)", self.refusal(Answer(404), GOOD))
        self.assertEqual("No such field", self.refusal(Answer(400, refusing("No such field").body), GOOD))

    def test_message_shows_no_key_no_query_and_no_command_and_is_not_endless(self) -> None:
        evil = f"\x1b[2J Token PUBLICID${SECRET} {SECRET} at https://x.test/a?X-Amz-Signature=5ec2e7 \u202e"
        said = self.refusal(refusing(evil, "x" * 10_000))
        self.assertTrue(said.startswith("\\x1b[2J … … at https://x.test/a?… \\u202e; xxx"), said[:80])
        self.assertEqual(LONGEST_MESSAGE, len(said))


class RetryTest(GraphQLTestCase):
    def test_server_that_fails_or_is_too_busy_is_asked_again(self) -> None:
        failing = [Answer(status) for status in (500, 502, 503, 504, 429, 408)]
        self.offer(*failing, GOOD)
        self.assertEqual("x", self.ask())
        self.assertEqual(len(failing) + 1, len(self.asked))
        self.assertIn(
            "WARNING Try 1 failed: the request to the Numerai API failed (HTTP status 500); next in", self.log
        )

    def test_broken_connection_is_made_again(self) -> None:
        self.offer(Answer(body=GOOD.body, cut=5), GOOD)
        self.assertEqual("x", self.ask())
        self.assertEqual(2, len(self.asked))

    def test_wait_that_the_server_asks_for_is_respected(self) -> None:
        self.offer(Answer(429, headers={"Retry-After": "17"}), GOOD)
        self.assertEqual("x", self.ask())
        self.assertEqual([17.0], self.clock.pauses)

    def test_wait_beyond_the_deadline_is_not_waited(self) -> None:
        message = self.failure(Answer(429, headers={"Retry-After": "61"}), GOOD)
        self.assertIn("(HTTP status 429); given up after 1 try", message)
        self.assertIn("as the server asks to wait 61", message)
        self.assertEqual([], self.clock.pauses)

    def test_server_that_fails_for_ever_is_asked_until_the_deadline(self) -> None:
        message = self.failure(Answer(500))
        self.assertIn("The request to the Numerai API failed (HTTP status 500); given up after", message)
        self.assertGreater(len(self.asked), 4)
        self.assertLessEqual(sum(self.clock.pauses), 60)

    def test_nobody_at_the_address_is_asked_until_the_deadline(self) -> None:
        with unused_url() as url, self.assertRaises(ApiUnreachable) as raised:
            self.ask(url=url)
        self.assertIn("failed (the connection failed (Connection refused)); given up after", str(raised.exception))

    def test_nonsense_once_is_asked_for_again(self) -> None:
        for body in NONSENSE:
            with self.subTest(body[:50]):
                self.offer(Answer(body=body), GOOD)
                self.assertEqual("x", self.ask())
                self.assertEqual(2, len(self.asked))

    def test_nonsense_for_ever_is_no_answer_and_says_what_is_wrong(self) -> None:
        for body, what in (
            (b"<html>", "data is no object"),
            (b'{"data": {}}', "data.thing is missing"),
            (b'{"data": {"thing": {"name": 5}}}', "data.thing.name is no str"),
        ):
            said = self.failure(Answer(body=body))
            self.assertTrue(said.startswith(f"The answer of the Numerai API makes no sense ({what}); given up"), said)

    def test_error_that_says_that_the_server_failed_is_asked_again(self) -> None:
        self.offer(refusing("Internal server error"), refusing("Internal Server Error."), refusing("timeout"), GOOD)
        self.assertEqual("x", self.ask())
        self.assertIn("the Numerai API says: Internal server error", self.log)

    def test_error_that_says_more_than_that_is_definite(self) -> None:
        self.refusal(refusing("timeout is no valid status"), GOOD)
        self.refusal(refusing("timeout", "Model not found"), GOOD)


class OnceTest(GraphQLTestCase):
    def test_request_that_may_have_arrived_is_not_repeated(self) -> None:
        cut = Answer(body=GOOD.body, cut=5)
        failing = [Answer(status) for status in (500, 502, 503, 504, 429, 408, 307)]
        for answer in (*failing, cut, Answer(body=b"<html>"), Answer(body=b"{}"), refusing("Internal server error")):
            with self.subTest(answer):
                self.failure(answer, GOOD, once=True)
                self.assertEqual((1, []), (len(self.asked), self.clock.pauses))

    def test_connection_that_was_not_made_is_tried_again(self) -> None:
        with listening_late() as (url, listen):
            sleep = self.clock.sleep

            def wake(seconds: float) -> None:
                if len(self.clock.pauses) == 2:
                    listen()
                sleep(seconds)

            with mock.patch("time.sleep", wake):
                self.assertEqual("x", self.ask(once=True, url=url))
        self.assertEqual(3, len(self.clock.pauses))

    def test_name_that_does_not_resolve_is_tried_again(self) -> None:
        self.authorization = None
        with self.assertRaises(ApiUnreachable) as raised:
            self.ask(once=True, url="http://numerai.invalid/")
        self.assertIn("the host name cannot be resolved", str(raised.exception))
        self.assertGreater(len(self.clock.pauses), 1)

    def test_refusal_is_a_refusal(self) -> None:
        for answer in (refusing("Slot has a pickle"), Answer(401)):
            self.offer(answer)
            with self.assertRaises(ApiRefused):
                self.ask(once=True)


class SilenceTest(unittest.TestCase):
    """A server that does not answer, by the real clock."""

    def ask(self, url: str, deadline_s: float, once: bool = False) -> str:
        return GraphQL(url, KEYS.authorization).ask(QUERY, {}, deadline_s, name_of_thing, once)

    def test_silent_server_is_given_up(self) -> None:
        with serving() as server, mock.patch.object(http, "READ_TIMEOUT_S", 0.2), self.assertLogs():
            url = server.queue("/api", Answer(wait_s=5), GOOD)
            self.assertEqual("x", self.ask(url, 30))

    def test_silent_server_is_not_asked_twice_where_once_is_said(self) -> None:
        with serving() as server, mock.patch.object(http, "READ_TIMEOUT_S", 0.2):
            url = server.queue("/api", Answer(wait_s=5), GOOD)
            with self.assertRaisesRegex(ApiUnreachable, "no answer for 0.2 seconds"):
                self.ask(url, 30, once=True)
            self.assertEqual(1, len(server.requests))

    def test_deadline_ends_a_request_that_is_under_way(self) -> None:
        for once in (False, True):
            with serving() as server:
                url = server.queue("/api", Answer(wait_s=5), GOOD)
                with self.assertRaisesRegex(ApiUnreachable, "It was not complete when the time was up"):
                    self.ask(url, 0.3, once)
                self.assertEqual(1, len(server.requests))


class SecrecyTest(GraphQLTestCase):
    def test_no_failure_shows_the_keys(self) -> None:
        quoting = f'<html>{SECRET} {KEYS.authorization} "{SECRET}"</html>'.encode()
        said = {"message": f"no {KEYS.authorization} and no {SECRET}"}
        rude = {"X-Rude": "1\r\nno header"}  # urllib3 logs a warning with the URL.
        for answer in (
            *(Answer(status, quoting, rude, cut=len(quoting)) for status in (200, 302, 400, 401, 403, 404, 429, 500)),
            *(Answer(status, json.dumps({"errors": [said]}).encode()) for status in (200, 400, 401, 500)),
            Answer(401, headers={"Location": f"http://x.test/?{SECRET}"}),
            Answer(200, json.dumps({"data": {"thing": {"name": None, SECRET: 1}}}).encode()),
            Answer(200, quoting, cut=3),
        ):
            for once in (False, True):
                with self.subTest(answer, once=once):
                    self.offer(answer)
                    with self.assertRaises(ApiError) as raised:
                        self.ask(once)
                    error = raised.exception
                    shown = "".join(traceback.format_exception(error)) + repr(error) + repr(KEYS) + self.log
                    self.assertNotIn(SECRET, shown)


class AddressTest(unittest.TestCase):
    def test_address_is_that_of_the_variable_or_the_usual_one(self) -> None:
        self.assertEqual(URL, api_url({}))
        self.assertEqual(URL, api_url({"NUMERAI_API_URL": ""}))
        self.assertEqual("http://127.0.0.1:8000/x", api_url({"NUMERAI_API_URL": "http://127.0.0.1:8000/x"}))

    def test_address_that_is_no_url_is_a_fault_that_does_not_show_it(self) -> None:
        for url in ("api.numer.ai", "ftp://numer.ai", "https://", "http://[", " "):
            with self.subTest(url), self.assertRaises(Fault) as raised:
                api_url({"NUMERAI_API_URL": url})
            self.assertEqual(
                (Code.USAGE, "NUMERAI_API_URL is no http(s) URL."), (raised.exception.code, str(raised.exception))
            )

    def test_keys_go_over_tls_or_stay_on_this_machine(self) -> None:
        for url in (
            URL,
            "HTTPS://x.test",
            "http://127.0.0.1:1",
            "http://127.1.2.3",
            "http://[::1]:1/",
            "http://LOCALHOST",
        ):
            GraphQL(url, KEYS.authorization)
        for url in (
            "http://x.test",
            "http://localhost.x.test",
            "http://127.0.0.1@x.test",
            "http://10.0.0.1",
            "http://0.0.0.0",
        ):
            with self.subTest(url), self.assertRaises(Fault) as raised:
                GraphQL(url + "/a?b=5ec2e7", KEYS.authorization)
            self.assertIs(Code.USAGE, raised.exception.code)
            self.assertNotIn("5ec2e7", str(raised.exception))
            GraphQL(url)


if __name__ == "__main__":
    unittest.main()
