"""What is left of messages, URLs and log lines that hold secrets."""

import logging
import sys
import unittest

from numerai_predict.redaction import DiscreetFormatter, hide_queries, without, without_query

SECRET = "5ec2e75ec2e7"


class WithoutQueryTest(unittest.TestCase):
    def test_hide_queries_leaves_the_rest_of_a_message(self) -> None:
        said = "HTTPConnectionPool(host='s3'): refused /b/m.pkl?X-Amz-Signature=5ec2e7&b=c (Caused by 'x?y=5ec2e7')"
        self.assertEqual(hide_queries(said), "HTTPConnectionPool(host='s3'): refused /b/m.pkl?… (Caused by 'x?…')")

    def test_hide_queries_leaves_a_question_alone(self) -> None:
        said = "the host name cannot be resolved; is there a network?; next in 0.4 s (why?) what? else"
        self.assertEqual(hide_queries(said), said)

    def test_without_query_strips_whatever_may_be_a_secret(self) -> None:
        shown = {
            "https://b.s3.amazonaws.com/m.pkl?X-Amz-Signature=s": "https://b.s3.amazonaws.com/m.pkl",
            "https://host/m.pkl#s": "https://host/m.pkl",
            "https://user:s@host:9000/m.pkl?s#s": "https://host:9000/m.pkl",
            "https://u@s:s@host/": "https://host/",
            "http://host": "http://host",
            "http://host?s": "http://host",
            "https://host/a%20b.pkl?s?s": "https://host/a%20b.pkl",
        }
        for url, expected in shown.items():
            with self.subTest(url=url):
                self.assertEqual(without_query(url), expected)


class WithoutTest(unittest.TestCase):
    def test_secrets_are_left_out_wherever_they_are(self) -> None:
        self.assertEqual(without([SECRET, "policy=="], f"No to {SECRET}, policy=={SECRET}"), "No to …, ……")

    def test_secret_within_another_leaves_nothing_of_that_one(self) -> None:
        self.assertEqual(without([SECRET, f"AK/{SECRET}/2026"], f"No to AK/{SECRET}/2026, {SECRET}"), "No to …, …")

    def test_text_too_short_to_be_a_secret_stays(self) -> None:
        self.assertEqual(without(["key", ""], "No such key"), "No such key")


class DiscreetFormatterTest(unittest.TestCase):
    def line(self, formatter: DiscreetFormatter, message: str) -> str:
        """What becomes of a message, and of an exception that quotes it."""
        try:
            raise ValueError(message)
        except ValueError:
            record = logging.LogRecord("test", logging.DEBUG, "test.py", 1, "%s", (message,), sys.exc_info())
        return formatter.format(record)

    def test_line_and_traceback_hold_neither_queries_nor_secrets(self) -> None:
        line = self.line(DiscreetFormatter([SECRET]), f"refused /model.pkl?X-Amz-Date=1&b=2 with {SECRET}")
        self.assertRegex(line.splitlines()[0], r"^\d{4}-\d\d-\d\d .* DEBUG refused /model.pkl\?… with …$")
        self.assertIn("ValueError: refused /model.pkl?… with …", line)
        self.assertNotRegex(line, f"X-Amz|{SECRET}")

    def test_line_begins_with_what_it_is_about(self) -> None:
        self.assertIn("DEBUG 100%s: hello\n", self.line(DiscreetFormatter(about="100%s: "), "hello"))

    def test_record_is_one_line_whatever_its_message_holds(self) -> None:
        forged = "no\n2026-01-01 00:00:00,000 INFO Saved the predictions\r\x1b[2J\x9b\u202e"
        first, *trace = self.line(DiscreetFormatter(), forged).split("\n")
        self.assertTrue(
            first.endswith(r"DEBUG no\n2026-01-01 00:00:00,000 INFO Saved the predictions\r\x1b[2J\x9b\u202e")
        )
        self.assertEqual("Traceback (most recent call last):", trace[0])
        self.assertTrue(all(line.isprintable() for line in trace))

    def test_traceback_that_another_formatter_left_on_the_record_is_not_shown(self) -> None:
        record = logging.LogRecord("test", logging.DEBUG, "test.py", 1, "hello", (), None)
        record.exc_text = SECRET
        self.assertNotIn(SECRET, DiscreetFormatter([SECRET]).format(record))
        self.assertEqual(SECRET, record.exc_text)
