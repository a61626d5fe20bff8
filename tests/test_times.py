"""Times of ISO 8601, as Python, JavaScript and Numerai write them."""

import unittest
from datetime import datetime, timedelta, timezone

from numerai_predict.times import time_in


class TimeTest(unittest.TestCase):
    def test_time_with_a_zone_is_that_moment(self) -> None:
        moment = datetime(2026, 11, 27, 12, 34, 56, tzinfo=timezone.utc)
        for text, expected in {
            "2026-11-27T12:34:56Z": moment,
            "2026-11-27 12:34:56+00:00": moment,
            "2026-11-27T14:04:56+01:30": moment,
            "2026-11-27T12:34Z": moment.replace(second=0),
            "2026-11-27T12:34:56.5Z": moment + timedelta(milliseconds=500),
            "2026-11-27T12:34:56.123456789Z": moment + timedelta(microseconds=123456),
        }.items():
            with self.subTest(text):
                self.assertEqual(expected, time_in(text))

    def test_time_without_a_zone_has_none(self) -> None:
        self.assertEqual(datetime(2026, 11, 27, 12, 34, 56), time_in("2026-11-27T12:34:56"))

    def test_what_is_no_time_is_an_error(self) -> None:
        for text in ("", "today", "2026-11-27", "2026-11-31T12:00Z", "2026-11-27T25:00Z", "2026-11-27T12:00+99:00"):
            with self.subTest(text), self.assertRaises(ValueError):
                time_in(text)
