"""Waiting for a round, against the stand-in: openings on time and late, weekends, an API that is down."""

import unittest
from datetime import datetime, timedelta
from itertools import chain, count
from unittest import mock

from numerai_predict.api import ApiRefused, ApiUnreachable, NumeraiApi, OpenRound
from numerai_predict.tournament.opening import wait_for_round
from tests.api.stand_in import Failure
from tests.api.stand_in_case import MONDAY
from tests.tournament.support import StandInCase

SECOND, MINUTE, HOUR, DAY = timedelta(seconds=1), timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)


class OpeningTest(StandInCase):
    def setUp(self) -> None:
        super().setUp()
        self.said: list[str] = []

    def wait(self, start: datetime) -> OpenRound | None:
        self.said.clear()
        self.clock.set(start)
        return wait_for_round(self.api, self.clock, self.said.append)

    def assert_open(self, number: int, found: OpenRound | None) -> None:
        self.assertIsNotNone(found)
        self.assertEqual(number, found and found.number)
        assert found is not None
        self.assertTrue(found.opening <= self.clock.now() < found.deadline)

    def assert_at(self, moment: datetime, within: timedelta = 16 * SECOND) -> None:
        self.assertLessEqual(moment, self.clock.now())
        self.assertLess(self.clock.now(), moment + within)

    def test_round_that_is_open_is_returned_at_once(self) -> None:
        self.assert_open(self.tuesday.number, self.wait(self.tuesday.opening + 5 * MINUTE))
        self.assert_at(self.tuesday.opening + 5 * MINUTE, 10 * SECOND)
        self.assertEqual(["Round 1340 opened at 12:00 and takes submissions until 13:00 UTC."], self.said)

    def test_round_that_opens_soon_is_waited_for(self) -> None:
        for between in ("error", "null", "last", "next"):
            with self.subTest(between):
                self.stand_in.between_rounds = between
                self.assert_open(self.wednesday.number, self.wait(self.wednesday.opening - 5 * MINUTE))
                self.assert_at(self.wednesday.opening)

    def test_what_is_waited_for_is_said_once(self) -> None:
        self.stand_in.between_rounds = "next"
        self.wait(self.tuesday.opening - 5 * MINUTE)
        expected = "Its live data is expected by 12:00 UTC (in 90 of 100 cases), by 12:20 UTC (in 99)."
        times = "at 12:00 and takes submissions until 13:00 UTC."
        self.assertEqual([f"Round 1340 opens {times} {expected}", f"Round 1340 opened {times}"], self.said)

    def test_deadline_of_another_day_is_said_with_its_day(self) -> None:
        self.assert_open(1344, self.wait(MONDAY + 5 * DAY + 13 * HOUR))
        self.assertEqual(["Round 1344 opened at 12:00 and takes submissions until Sunday, 14:00 UTC."], self.said)

    def test_round_that_opens_late_is_waited_for(self) -> None:
        self.tuesday.opening += 40 * MINUTE
        self.tuesday.deadline += 40 * MINUTE
        self.stand_in.between_rounds = "last"
        self.assert_open(self.tuesday.number, self.wait(MONDAY + DAY + 11 * HOUR + 55 * MINUTE))
        self.assert_at(self.tuesday.opening)

    def test_data_that_is_ready_before_the_round_opens_is_said_and_waited_for(self) -> None:
        self.tuesday.data_ready = self.tuesday.opening - 2 * MINUTE
        self.assert_open(self.tuesday.number, self.wait(self.tuesday.opening - 5 * MINUTE))
        self.assertIn("ready since 11:58 UTC", self.said[-2])
        self.assertEqual(3, len(self.said))

    def test_round_that_never_opens_is_given_up_an_hour_after_its_data_was_expected(self) -> None:
        p99 = self.tuesday.p99
        self.tuesday.opening += 5 * HOUR
        self.tuesday.deadline += 5 * HOUR
        self.assertIsNone(self.wait(MONDAY + DAY + 11 * HOUR + 55 * MINUTE))
        assert p99 is not None
        self.assert_at(p99 + HOUR)

    def test_weekend_and_monday_are_not_waited_for(self) -> None:
        for between in ("error", "null", "last", "next"):
            for day in (0, 6):
                with self.subTest(between, day=day):
                    self.stand_in.between_rounds = between
                    start = MONDAY + day * DAY + 14 * HOUR + SECOND
                    self.assertIsNone(self.wait(start))
                    self.assert_at(start, 10 * SECOND)

    def test_round_of_saturday_is_open_on_sunday(self) -> None:
        saturday = self.stand_in.rounds[4].number
        self.assert_open(saturday, self.wait(MONDAY + 6 * DAY + 13 * HOUR))

    def test_round_that_is_over_is_not_waited_for(self) -> None:
        self.tuesday.data_ready = self.tuesday.opening - MINUTE
        for between in ("error", "last"):
            with self.subTest(between):
                self.stand_in.between_rounds = between
                self.assertIsNone(self.wait(self.tuesday.deadline + SECOND))
                self.assert_at(self.tuesday.deadline + SECOND, 10 * SECOND)

    def test_api_that_is_down_for_a_while_is_asked_again_and_that_is_said_once(self) -> None:
        self.stand_in.failures = [Failure("*", times=60, status=503)]
        self.assert_open(self.tuesday.number, self.wait(self.tuesday.opening - 5 * MINUTE))
        self.assertEqual(1, sum("does not answer" in line for line in self.said))

    def test_api_that_is_down_all_the_time_is_an_error_after_an_hour(self) -> None:
        self.stand_in.failures = [Failure("*", times=10_000, status=503)]
        with self.assertRaisesRegex(ApiUnreachable, "503"):
            self.wait(self.tuesday.opening - 5 * MINUTE)
        self.assert_at(self.tuesday.opening + 55 * MINUTE)
        self.assertEqual(1, len(self.said))

    def test_api_that_is_down_when_the_wait_ends_is_an_error_and_no_free_day(self) -> None:
        self.tuesday.opening += 5 * HOUR
        answers = chain([None, None], (ApiUnreachable(f"down {number}") for number in count()))
        with mock.patch.object(NumeraiApi, "current_round", side_effect=answers), self.assertRaises(ApiUnreachable):
            self.wait(MONDAY + DAY + 12 * HOUR)
        self.assertEqual(1, sum("does not answer" in line for line in self.said))

    def test_announced_opening_counts_whatever_was_expected(self) -> None:
        self.tuesday.opening += 90 * MINUTE
        self.tuesday.deadline += 90 * MINUTE
        self.stand_in.between_rounds = "next"
        self.assert_open(self.tuesday.number, self.wait(self.tuesday.opening - 5 * MINUTE))

    def test_estimate_that_vanishes_while_the_round_changes_is_kept(self) -> None:
        real, asked = NumeraiApi.pipeline, []

        def vanishing(api: NumeraiApi, day: str) -> object:
            asked.append(day)
            return real(api, day if len(asked) == 1 else "2026-01-01")

        with mock.patch.object(NumeraiApi, "pipeline", vanishing):
            self.assert_open(self.tuesday.number, self.wait(self.tuesday.opening - 5 * MINUTE))

    def test_refusal_is_raised_at_once(self) -> None:
        self.stand_in.failures = [Failure("rounds", error="The API has changed")]
        with self.assertRaisesRegex(ApiRefused, "The API has changed"):
            self.wait(self.tuesday.opening - 5 * MINUTE)


if __name__ == "__main__":
    unittest.main()
