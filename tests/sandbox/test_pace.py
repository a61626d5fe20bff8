"""pace.py: when the next look is due, after what the last one saw."""

import unittest

from numerai_predict.sandbox.pace import (
    BYTES_PER_CPU_SECOND,
    LONGEST_SECONDS,
    MOST_CPUS,
    MOVING_SECONDS,
    SHORTEST_SECONDS,
    TOGETHER_SECONDS,
    Pace,
)

GB = 1_000_000_000
MB = 1_000_000


class PaceTest(unittest.TestCase):
    def test_program_far_from_its_limit_is_left_alone_for_long(self) -> None:
        self.assertEqual(LONGEST_SECONDS, Pace(100 * GB, 1).seconds(GB, together=False))

    def test_program_without_a_limit_is_left_alone_for_long(self) -> None:
        self.assertEqual(LONGEST_SECONDS, Pace(None, 1).seconds(GB, together=False))

    def test_program_is_seen_again_before_it_can_be_at_its_limit(self) -> None:
        for left, cpus in ((400 * MB, 1), (800 * MB, 2), (800 * MB, 8)):
            with self.subTest(left=left, cpus=cpus):
                seconds = Pace(4 * GB, cpus).seconds(4 * GB - left, together=False)
                self.assertLess(seconds, LONGEST_SECONDS)
                self.assertAlmostEqual(left, seconds * cpus * BYTES_PER_CPU_SECOND)

    def test_more_cpus_than_can_fill_memory_at_a_time_count_no_more(self) -> None:
        few, many = (Pace(4 * GB, cpus).seconds(3 * GB, together=False) for cpus in (MOST_CPUS, 1000))
        self.assertEqual(few, many)

    def test_program_at_or_over_its_limit_is_looked_at_as_often_as_ever_and_not_without_a_break(self) -> None:
        for held in (4 * GB - MB, 4 * GB, 5 * GB):
            self.assertEqual(SHORTEST_SECONDS, Pace(4 * GB, 1).seconds(held, together=True))

    def test_what_several_processes_hold_is_looked_at_more_often_and_most_while_it_moves(self) -> None:
        pace = Pace(100 * GB, 1)
        seen = [pace.seconds(held, together=True) for held in (2 * GB, 2 * GB, 2100 * MB, 1 * GB, 1 * GB)]
        moves, still = MOVING_SECONDS, TOGETHER_SECONDS
        self.assertEqual([moves, still, still, moves, still], seen)
        self.assertEqual(LONGEST_SECONDS, pace.seconds(2 * GB, together=False))


if __name__ == "__main__":
    unittest.main()
