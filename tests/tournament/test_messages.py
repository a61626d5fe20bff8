"""Messages as real servers receive them; whatever fails is logged without a secret and raises nothing."""

import io
import json
import logging
import os
import subprocess
import sys
import tempfile
import unittest
from collections.abc import Mapping
from datetime import datetime, timezone
from pathlib import Path
from unittest import mock

from numerai_predict.redaction import DiscreetFormatter
from numerai_predict.tournament import messages
from numerai_predict.tournament.messages import Messenger, headline, results_table
from numerai_predict.tournament.results import ModelResult, RoundResults, State
from numerai_predict.tournament.settings import Channels
from tests.harness import ROOT
from tests.servers import Answer, Request, ServerTestCase, serving, unused_url

SECRET = "5ec2e7"
UUID = f"/{SECRET}a0-7b1c-4f55"
HOOK = f"/api/webhooks/1234567890/{SECRET}T0ken"
APPRISE = f"tgram://123456:{SECRET}T0ken/987654"
NOON = datetime(2026, 11, 27, 12, tzinfo=timezone.utc)
# As apprise has it: add and notify say whether that worked, and the log has addresses.
FAKE_APPRISE = """
import logging, os
log = logging.getLogger("apprise")
class Apprise:
    def add(self, url):
        self.url = url
        log.error("Loading %s", url)
        return os.environ["FAKE"] != "refuses"
    def notify(self, body):
        log.warning("Sending to %s", self.url)
        if os.environ["FAKE"] == "raises":
            raise ValueError(self.url)
        print("sent", self.url, body)
        return {"fails": False, "nobody": None}.get(os.environ["FAKE"], True)
"""
APPRISE_PROGRAM = """
import logging, sys
logging.basicConfig(level=1)
from numerai_predict.tournament import Messenger
from numerai_predict.tournament.settings import Channels
Messenger(Channels(apprise=sys.argv[1]), {}).end(1, "Round 7: 1 failed")
logging.getLogger("apprise").warning("as before")
"""


def results(*models: ModelResult, problem: str = "") -> RoundResults:
    return RoundResults(1342, NOON, NOON, models, problem)


def on_time(count: int) -> list[ModelResult]:
    return [ModelResult(f"good{number}", State.ON_TIME) for number in range(count)]


class HeadlineTest(unittest.TestCase):
    def test_headline_counts_states_and_names_what_failed(self) -> None:
        foo = ModelResult("foo", State.FAILED, "out_of_memory")
        found = headline(results(foo, *on_time(19)), 22 * 60 + 59)
        self.assertEqual("Round 1342: 19 on time, 1 failed: foo out_of_memory, 22 min left", found)

    def test_headline_of_a_round_in_which_all_is_well_names_nothing(self) -> None:
        self.assertEqual("Round 1342: 20 on time, 22 min left", headline(results(*on_time(20)), 1320))
        ready = [ModelResult("a", State.READY), *on_time(1)]
        self.assertEqual("Round 1342: 1 on time, 1 ready, 22 min left", headline(results(*ready), 1320))

    def test_headline_has_the_states_in_their_order_and_their_labels_where_there_is_no_code(self) -> None:
        models = [ModelResult(state.name.lower(), state) for state in reversed(State)]
        models[2] = ModelResult("late", State.LATE, "timeout")
        self.assertEqual(
            "Round 1342: 1 on time, 1 ready, 1 failed, 1 no slot, 1 rejected, 1 late, 1 error, 1 waiting: "
            "failed failed, no_slot no slot, rejected rejected, late timeout, error error and 1 more",
            headline(results(*models), 0),
        )

    def test_headline_names_five_models_at_most(self) -> None:
        models = [ModelResult(name, State.FAILED, "timeout") for name in "abcdefgh"]
        named = "a timeout, b timeout, c timeout, d timeout, e timeout"
        self.assertEqual(f"Round 1342: 8 failed: {named} and 3 more", headline(results(*models), -1))
        self.assertEqual(f"Round 1342: 5 failed: {named}", headline(results(*models[:5]), -1))

    def test_time_left_is_rounded_down_and_ends_with_the_deadline(self) -> None:
        for left_s, said in {
            -60.0: "",
            0.0: "",
            1.0: ", 0 min left",
            119.9: ", 1 min left",
            7199.0: ", 119 min left",
            7200.0: ", 2 h left",
            93_599.0: ", 25 h left",
        }.items():
            with self.subTest(left_s):
                self.assertEqual(f"Round 1342: 1 on time{said}", headline(results(*on_time(1)), left_s))

    def test_problem_of_the_round_is_all_that_is_said(self) -> None:
        found = headline(results(*on_time(1), problem="the Numerai API does not answer: HTTP status 502"), 60)
        self.assertEqual("Round 1342: the Numerai API does not answer: HTTP status 502", found)

    def test_headline_is_one_line_that_commands_no_terminal(self) -> None:
        self.assertEqual(r"Round 1342: a\nb\x1b[1m", headline(results(problem="a\nb\x1b[1m"), 60))

    def test_headline_of_a_round_without_models_says_so(self) -> None:
        self.assertEqual("Round 1342: no models, 1 min left", headline(results(), 60))


class TableTest(unittest.TestCase):
    def test_table_has_a_row_for_each_model(self) -> None:
        foo = ModelResult(
            *("foo", State.FAILED, "out_of_memory", "It needed more.", "Use less."),
            wall_s=12.4,
            peak_memory_bytes=4 << 30,
            time_limit=600.0,
            memory_limit=4 << 30,
        )
        bar = ModelResult("bar", State.ON_TIME, wall_s=1234.5, peak_memory_bytes=1 << 20)
        lines = results_table(results(foo, bar, ModelResult("baz", State.WAITING))).splitlines()
        self.assertEqual("| Model | State | Why | Time | Memory |", lines[0])
        why = r"`out_of_memory` It needed more. Use less."
        self.assertEqual(f"| `foo` | failed | {why} | 12 of 600 s | 4,096 of 4,096 MiB |", lines[2])
        self.assertEqual(["| `bar` | on time |  | 1,234 s | 1 MiB |", "| `baz` | waiting |  |  |  |"], lines[3:])
        self.assertEqual({6}, {line.count("|") for line in lines})

    def test_text_of_a_model_means_nothing_in_markdown(self) -> None:
        foo = ModelResult("foo", State.REJECTED, message="a|b\n<img src=x> [x](y) **z** `q`")
        *_, row = results_table(results(foo)).splitlines()
        self.assertIn(r"a\|b\\n\<img src=x\> \[x\](y) \*\*z\*\* \`q\`", row)


class MessengerTestCase(ServerTestCase):
    def setUp(self) -> None:
        self.server.answers.clear()
        self.server.requests.clear()
        self.log = io.StringIO()
        handler = logging.StreamHandler(self.log)
        root, urllib3 = logging.getLogger(), logging.getLogger("urllib3")
        for logger, level in ((root, logging.DEBUG), (urllib3, logging.WARNING)):  # As at the command line.
            self.addCleanup(logger.setLevel, logger.level)
            logger.setLevel(level)
        root.addHandler(handler)
        self.addCleanup(root.removeHandler, handler)

    def tearDown(self) -> None:
        self.assertNotIn(SECRET, self.log.getvalue())

    def warnings(self) -> list[str]:
        """The lines that are not of a try that is followed by another."""
        return [line for line in self.log.getvalue().splitlines() if not line.startswith("Try ")]

    def ping(self, *answers: Answer) -> Messenger:
        """Who pings the server, which answers so to a start and to each end."""
        for what in ("start", "0", "1", "255"):
            self.server.queue(f"{UUID}/{what}", *(answers or (Answer(),)))
        return Messenger(Channels(ping=self.server.url + UUID), {})

    def only_request(self) -> Request:
        [request] = self.server.requests
        return request


class PingTest(MessengerTestCase):
    def test_start_and_end_are_pings_below_the_address(self) -> None:
        messenger = self.ping()
        messenger.start()
        for status in (0, 1, 255):
            messenger.end(status, f"Round 7: ended – {status}", is_news=status == 1)
        sent = [(request.method, request.path, request.body.decode()) for request in self.server.requests]
        ends = [("POST", f"{UUID}/{status}", f"Round 7: ended – {status}") for status in (0, 1, 255)]
        self.assertEqual([("POST", f"{UUID}/start", ""), *ends], sent)
        self.assertEqual([], self.warnings())

    def test_query_of_the_address_stays_behind_its_path(self) -> None:
        for url in (f"{UUID}?create=1&rid=a%2Fb", f"{UUID}/?create=1&rid=a%2Fb"):
            with self.subTest(url):
                self.ping()
                self.server.requests.clear()
                Messenger(Channels(ping=self.server.url + url), {}).start()
                request = self.only_request()
                self.assertEqual((f"{UUID}/start", "create=1&rid=a%2Fb"), (request.path, request.query))

    def test_ping_after_a_failing_answer_is_tried_again(self) -> None:
        self.ping(Answer(503), Answer(500), Answer(200)).start()
        self.assertEqual(3, len(self.server.requests))
        self.assertEqual([], self.warnings())

    def test_refused_ping_is_a_warning_of_scheme_and_host(self) -> None:
        self.ping(Answer(404)).end(0, "text")
        self.only_request()
        self.assertEqual(["The message to http://127.0.0.1 was not sent: HTTP status 404"], self.warnings())

    def test_answer_that_quotes_the_address_is_not_shown(self) -> None:
        said = f"<Error><Code>Denied</Code><Message>{UUID} is unknown</Message></Error>".encode()
        for status in (403, 503):
            with mock.patch.object(messages, "MESSAGE_S", 0.5):
                self.ping(Answer(status, said, {"Content-Type": "application/xml"}, cut=len(said))).start()
        self.assertNotIn("Denied", self.log.getvalue())
        self.assertEqual(2, len(self.warnings()))

    def test_redirect_is_not_followed(self) -> None:
        with serving() as other:
            elsewhere = other.queue("/elsewhere", Answer())
            for status in (301, 302, 307, 308):
                self.server.answers.clear()
                self.ping(Answer(status, b"", {"Location": elsewhere})).end(0, "text")
            self.assertEqual([], other.requests)
        self.assertEqual(4, len(self.server.requests))
        self.assertIn("HTTP status 307", self.log.getvalue())

    def test_address_at_which_nobody_listens_is_a_warning(self) -> None:
        with unused_url() as url, mock.patch.object(messages, "MESSAGE_S", 1.0):
            Messenger(Channels(ping=url + UUID), {}).start()
        [warning] = self.warnings()
        self.assertRegex(warning, "^The message to http://127.0.0.1 was not sent: the connection failed .*tries")

    def test_address_that_no_request_can_be_made_to_is_a_warning(self) -> None:
        for url in (f"http://127.0.0.1:999999/{SECRET}", f"http://.example/{SECRET}", f"http://%zz{UUID}"):
            with self.subTest(url), mock.patch.object(messages, "MESSAGE_S", 0.5):
                Messenger(Channels(ping=url), {}).start()
        self.assertEqual(3, len(self.warnings()))

    def test_server_that_does_not_answer_is_given_up_in_time(self) -> None:
        with mock.patch.object(messages, "MESSAGE_S", 0.3):
            self.ping(Answer(wait_s=2)).start()
        [warning] = self.warnings()
        self.assertIn("it was not complete when the time was up", warning)

    def test_body_without_end_of_an_answer_is_not_waited_for(self) -> None:
        self.ping(Answer(200, b"x" * 100, cut=10)).start()
        self.assertEqual([], self.warnings())

    def test_messenger_without_channels_sends_nothing(self) -> None:
        messenger = Messenger(Channels(), {})
        messenger.start()
        messenger.end(3, "text", "details")
        self.assertEqual(([], []), (self.server.requests, self.warnings()))


class WebhookTest(MessengerTestCase):
    def send(self, host: str, text: str, status: int = 1) -> tuple[Request, dict[str, object]]:
        """What the webhook of a host gets, by way of a proxy."""
        url = f"http://{host}{HOOK}?wait=1"
        self.server.requests.clear()
        self.server.queue(f"http://{host}{HOOK}", Answer(204))
        with mock.patch.dict(os.environ, {"http_proxy": self.server.url, "no_proxy": ""}):
            Messenger(Channels(webhook=url), {}).end(status, text)
        request = self.only_request()
        self.assertEqual(("POST", "wait=1"), (request.method, request.query))
        self.assertEqual("application/json", request.headers["Content-Type"])
        return request, json.loads(request.body)

    def test_webhook_gets_what_its_host_takes(self) -> None:
        text = "Round 7: foo <a> & b"
        for host, body in {
            "discord.com": {"content": text},
            "ptb.discord.com": {"content": text},
            "discordapp.com": {"content": text},
            "hooks.slack.com": {"text": "Round 7: foo &lt;a&gt; &amp; b"},
            "example.com": {"text": text, "status": 1},
            "notdiscord.com": {"text": text, "status": 1},
            "discord.com.example.com": {"text": text, "status": 1},
        }.items():
            with self.subTest(host):
                self.assertEqual(body, self.send(host, text)[1])

    def test_text_for_discord_is_cut_to_what_it_takes(self) -> None:
        self.assertEqual({"content": "x" * 2000}, self.send("discord.com", "x" * 2000)[1])
        self.assertEqual({"content": "x" * 1999 + "…"}, self.send("discord.com", "x" * 2001)[1])

    def test_webhook_gets_news_only_and_the_ping_all(self) -> None:
        self.ping()
        webhook = self.server.queue(HOOK, Answer())
        summary = Path(tempfile.mkstemp()[1])
        self.addCleanup(summary.unlink)
        channels = Channels(ping=self.server.url + UUID, webhook=webhook)
        messenger = Messenger(channels, {"GITHUB_STEP_SUMMARY": str(summary)})
        messenger.end(0, "no news", is_news=False)
        self.assertEqual(([f"{UUID}/0"], ""), ([it.path for it in self.server.requests], summary.read_text()))
        messenger.end(1, "news")
        self.assertEqual([f"{UUID}/0", f"{UUID}/1", HOOK], [it.path for it in self.server.requests])

    def test_channel_that_fails_keeps_no_other_from_its_message(self) -> None:
        with tempfile.TemporaryDirectory() as folder, unused_url() as nowhere:
            summary = Path(folder) / "summary.md"
            channels = Channels(ping=f"{nowhere}{UUID}", webhook=self.server.queue(HOOK, Answer(404)))
            with mock.patch.object(messages, "MESSAGE_S", 0.5):
                Messenger(channels, {"GITHUB_STEP_SUMMARY": str(summary)}).end(3, "text")
            self.assertEqual("text\n\n\n", summary.read_text())
        self.assertEqual(2, len(self.warnings()))
        self.assertEqual(HOOK, self.only_request().path)

    def test_log_of_requests_itself_shows_no_secret_behind_the_usual_formatter(self) -> None:
        channels = Channels(ping=self.server.url + UUID, webhook=self.server.queue(HOOK, Answer()), apprise=APPRISE)
        self.ping()
        log = io.StringIO()
        handler = logging.StreamHandler(log)
        handler.setFormatter(DiscreetFormatter(channels.secrets))
        urllib3 = logging.getLogger("urllib3")
        with mock.patch.object(urllib3, "level", logging.DEBUG), mock.patch.object(urllib3, "propagate", False):
            logging.getLogger("urllib3.connectionpool").setLevel(logging.DEBUG)
            self.addCleanup(logging.getLogger("urllib3.connectionpool").setLevel, logging.NOTSET)
            urllib3.addHandler(handler)
            self.addCleanup(urllib3.removeHandler, handler)
            Messenger(channels, {}).end(1, "text")
        self.assertIn('"POST /…', log.getvalue())
        self.assertNotIn(SECRET, log.getvalue())


class SummaryTest(MessengerTestCase):
    def test_step_summary_is_appended_to(self) -> None:
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "summary.md"
            path.write_text("before\n")
            Messenger(Channels(), {"GITHUB_STEP_SUMMARY": str(path)}).end(1, "Round 7: a|b – c", "| table |\n")
            self.assertEqual("before\nRound 7: a\\|b – c\n\n| table |\n\n", path.read_text(encoding="utf-8"))

    def test_step_summary_that_cannot_be_written_is_a_warning(self) -> None:
        Messenger(Channels(), {"GITHUB_STEP_SUMMARY": "/nowhere/summary.md"}).end(0, "text")
        self.assertEqual(["The message to $GITHUB_STEP_SUMMARY was not sent: FileNotFoundError"], self.warnings())


class AppriseTest(unittest.TestCase):
    """apprise is in no environment of the tests: a package of its name stands in for it, in a process of its own."""

    def send(self, does: str, package: str = FAKE_APPRISE) -> tuple[str, list[str]]:
        with tempfile.TemporaryDirectory() as folder:
            (Path(folder) / "apprise.py").write_text(package)
            environment: Mapping[str, str] = {**os.environ, "FAKE": does, "PYTHONPATH": f"{folder}:{ROOT}"}
            argv = [sys.executable, "-c", APPRISE_PROGRAM, APPRISE]
            done = subprocess.run(argv, env=environment, capture_output=True, text=True, check=True)
        self.assertNotIn(SECRET, done.stderr)
        *lines, last = done.stderr.splitlines()
        self.assertEqual("WARNING:apprise:as before", last)
        return done.stdout, [line.partition("was not sent: ")[2] for line in lines]

    def test_apprise_gets_the_address_and_the_text(self) -> None:
        self.assertEqual((f"sent {APPRISE} Round 7: 1 failed\n", []), self.send("sends"))

    def test_apprise_that_fails_is_a_warning(self) -> None:
        for does, reason in {
            "refuses": "apprise does not take this address; try it with the command apprise",
            "fails": "apprise could not deliver it; try the address with the command apprise",
            "nobody": "apprise could not deliver it; try the address with the command apprise",
            "raises": "ValueError",
        }.items():
            with self.subTest(does):
                self.assertEqual([reason], self.send(does)[1])

    def test_warning_names_the_scheme_of_the_address_only(self) -> None:
        logger = "numerai_predict.tournament.messages"
        with mock.patch.dict(sys.modules, {"apprise": None}), self.assertLogs(logger, "WARNING") as logged:
            Messenger(Channels(apprise=APPRISE), {}).end(1, "text")
        [record] = logged.records
        self.assertEqual(
            "The message to tgram://… was not sent: apprise is not installed; pip install apprise", record.getMessage()
        )


if __name__ == "__main__":
    unittest.main()
