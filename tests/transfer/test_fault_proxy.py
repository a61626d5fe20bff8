"""The proxy of faults, in front of a server whose answers are known."""

import socket
import unittest
from urllib.parse import urlsplit

import requests

from tests import fault_proxy
from tests.fault_proxy import Proxy, Trouble, proxying
from tests.servers import Answer, ServerTestCase

BODY = bytes(range(256)) * 40
PATH = "/file?signature=abc"


class TestProxy(ServerTestCase):
    """What a client and the server see of each trouble."""

    @classmethod
    def setUpClass(cls) -> None:
        super().setUpClass()
        cls.server.queue("/file", Answer(body=BODY, headers={"ETag": '"right"'}))

    def setUp(self) -> None:
        self.server.requests.clear()

    def proxy(self, *troubles: Trouble) -> Proxy:
        """A proxy for as long as the test runs."""
        context = proxying(self.server.url, *troubles)
        proxy = context.__enter__()
        self.addCleanup(context.__exit__, None, None, None)
        return proxy

    def raw_answer(self, trouble: Trouble) -> bytes:
        """All that comes back to a GET, as it comes."""
        address = urlsplit(self.proxy(trouble).url)
        with socket.create_connection((address.hostname or "", address.port or 0), timeout=5) as connection:
            connection.sendall(f"GET {PATH} HTTP/1.1\r\nHost: bucket\r\nRange: bytes=5-\r\n\r\n".encode())
            return b"".join(iter(lambda: connection.recv(1 << 16), b""))

    def test_request_without_trouble_passes_unchanged(self) -> None:
        proxy = self.proxy()
        answer = requests.post(proxy.url + PATH, data=b"form", headers={"Host": "bucket"}, timeout=5)
        self.assertEqual((answer.status_code, answer.content, answer.headers["ETag"]), (200, BODY, '"right"'))
        [seen] = self.server.requests
        self.assertEqual((seen.method, seen.query, seen.body), ("POST", "signature=abc", b"form"))
        self.assertEqual({value for name, value in seen.headers.items() if name.lower() == "host"}, {"bucket"})
        self.assertEqual([exchange.request.body for exchange in proxy.exchanges], [b"form"])

    def test_request_whose_body_waits_is_asked_for_it(self) -> None:
        address = urlsplit(self.proxy().url)
        with socket.create_connection((address.hostname or "", address.port or 0), timeout=5) as connection:
            head = f"POST {PATH} HTTP/1.1\r\nHost: bucket\r\nContent-Length: 4\r\nExpect: 100-continue\r\n\r\n"
            connection.sendall(head.encode())
            self.assertEqual(connection.recv(1 << 16), b"HTTP/1.1 100 Continue\r\n\r\n")
            connection.sendall(b"form")
            self.assertTrue(connection.recv(1 << 16).startswith(b"HTTP/1.1 200"))
        self.assertEqual([seen.body for seen in self.server.requests], [b"form"])

    def test_troubles_come_in_their_order_and_then_none(self) -> None:
        proxy = self.proxy(fault_proxy.Status(500), fault_proxy.Status(503, headers={"Retry-After": "7"}))
        answers = [requests.get(proxy.url + PATH, timeout=5) for _ in range(4)]
        self.assertEqual([answer.status_code for answer in answers], [500, 503, 200, 200])
        self.assertEqual(answers[1].headers["Retry-After"], "7")
        self.assertEqual(len(proxy.exchanges), 4)
        self.assertEqual(len(self.server.requests), 2)

    def test_reset_is_a_reset_and_reaches_the_server_only_if_it_should(self) -> None:
        for trouble, reaches in (
            (fault_proxy.ResetAtOnce(), 0),
            (fault_proxy.ResetInRequest(after=2), 0),
            (fault_proxy.CutAnswer(after=0, reset=True), 1),
            (fault_proxy.CutAnswer(after=3000, reset=True), 1),
        ):
            with self.subTest(trouble):
                self.server.requests.clear()
                with self.assertRaises(ConnectionResetError):
                    self.raw_answer(trouble)
                self.assertEqual(len(self.server.requests), reaches)

    def test_cut_answer_ends_in_order_after_so_many_bytes(self) -> None:
        self.assertEqual(len(self.raw_answer(fault_proxy.CutAnswer(after=3000))), 3000)

    def test_overlong_answer_announces_less_than_comes(self) -> None:
        head, _, body = self.raw_answer(fault_proxy.Overlong(b"more")).partition(b"\r\n\r\n")
        self.assertIn(f"Content-Length: {len(BODY)}".encode(), head.splitlines())
        self.assertEqual(body, BODY + b"more")

    def test_damaged_answer_differs_in_one_byte_and_keeps_its_etag(self) -> None:
        head, _, body = self.raw_answer(fault_proxy.DamagedAnswer()).partition(b"\r\n\r\n")
        self.assertIn(b'"right"', head)
        self.assertEqual(sum(one != other for one, other in zip(body, BODY, strict=True)), 1)

    def test_error_after_passing_hides_that_the_server_did_it(self) -> None:
        proxy = self.proxy(fault_proxy.Status(500, passes=True))
        self.assertEqual(requests.post(proxy.url + PATH, data=b"form", timeout=5).status_code, 500)
        self.assertEqual([seen.body for seen in self.server.requests], [b"form"])

    def test_echo_holds_what_was_asked(self) -> None:
        proxy = self.proxy(fault_proxy.Echo(403))
        answer = requests.post(proxy.url + PATH, data=b"form=1&x=2", timeout=5)
        self.assertEqual(answer.status_code, 403)
        self.assertIn("/file?signature=abc form=1&amp;x=2", answer.text)

    def test_other_headers_replace_those_of_the_answer_and_hide_those_of_the_request(self) -> None:
        raw = self.raw_answer(fault_proxy.OtherHeaders({"etag": '"other"'}, ignored=("range",)))
        self.assertEqual((raw.count(b'"other"'), raw.count(b'"right"')), (1, 0))
        self.assertNotIn("range", {name.lower() for name in self.server.requests[0].headers})

    def test_redirect_leads_back_to_the_proxy(self) -> None:
        proxy = self.proxy(fault_proxy.Redirect(307))
        answer = requests.get(proxy.url + PATH, timeout=5)
        self.assertEqual((answer.content, answer.url, len(answer.history)), (BODY, proxy.url + PATH, 1))

    def test_hang_is_silent_and_says_so(self) -> None:
        proxy = self.proxy(fault_proxy.Hang())
        with self.assertRaises(requests.Timeout):
            requests.get(proxy.url + PATH, timeout=0.2)
        self.assertTrue(proxy.is_silent.is_set())
        self.assertEqual(self.server.requests, [])

    def test_trickled_answer_is_whole_in_the_end(self) -> None:
        proxy = self.proxy(fault_proxy.TrickleAnswer(piece=2000, pause_s=0.01))
        self.assertEqual(requests.get(proxy.url + PATH, timeout=5).content, BODY)

    def test_trickled_request_takes_its_time(self) -> None:
        proxy = self.proxy(fault_proxy.TrickleRequest())
        with self.assertRaises(requests.ConnectionError):
            requests.post(proxy.url + PATH, data=b"a" * (16 << 20), timeout=0.3)
        self.assertEqual(self.server.requests, [])

    def test_server_without_tls_fails_the_handshake(self) -> None:
        url = self.proxy(fault_proxy.NoHandshake()).url.replace("http:", "https:")
        with self.assertRaises(requests.exceptions.SSLError):
            requests.get(url + PATH, timeout=5)


if __name__ == "__main__":
    unittest.main()
