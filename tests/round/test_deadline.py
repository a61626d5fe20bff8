"""deadline.py: how much time is left, whatever the wall clock does."""

import math
import time
import unittest
from datetime import datetime, timedelta, timezone

from numerai_predict.round.deadline import Deadline, boot_time
from tests.round.memory_store import Clock

OPENING = datetime(2026, 11, 27, 13, tzinfo=timezone.utc)


class DeadlineTest(unittest.TestCase):
    def setUp(self) -> None:
        self.now = Clock()
        self.wall = Clock(OPENING.timestamp())

    def deadline(self, at: datetime | None) -> Deadline:
        return Deadline(at, self.now, self.wall)

    def test_time_left_goes_down_with_the_clock_and_below_zero(self) -> None:
        deadline = self.deadline(OPENING + timedelta(hours=1))
        self.assertEqual(3600, deadline.left_s)
        self.now.now += 3601
        self.assertEqual(-1, deadline.left_s)

    def test_deadline_in_another_zone_is_the_same_moment(self) -> None:
        there = timezone(timedelta(hours=-8))
        self.assertEqual(3600, self.deadline((OPENING + timedelta(hours=1)).astimezone(there)).left_s)

    def test_wall_clock_that_jumps_by_hours_changes_nothing(self) -> None:
        deadline = self.deadline(OPENING + timedelta(hours=1))
        for hours in (5, -9, 4):
            self.wall.now += 3600 * hours
            self.assertEqual(3600, deadline.left_s)

    def test_round_without_a_deadline_never_ends(self) -> None:
        self.assertEqual(math.inf, self.deadline(None).left_s)

    def test_clocks_of_the_system_are_used_unless_others_are_given(self) -> None:
        left_s = Deadline(datetime.now(timezone.utc) + timedelta(hours=1)).left_s
        self.assertTrue(3500 < left_s <= 3600, left_s)

    def test_clock_is_one_that_goes_on_while_the_machine_sleeps(self) -> None:
        before = boot_time()
        now = time.clock_gettime(time.CLOCK_BOOTTIME) if hasattr(time, "CLOCK_BOOTTIME") else time.monotonic()
        self.assertTrue(before <= now <= boot_time())


if __name__ == "__main__":
    unittest.main()
