"""A week of a participant, against the stand-in of the API and by its clock: real mornings in real processes, whose
models run in real workers.
"""

import unittest
from datetime import timedelta

from tests.api.stand_in import Failure
from tests.harness import wait_until
from tests.tournament.mornings import FIRST, MONDAY, MorningTestCase, leaves_ids_out, ranking, sleeps

ALWAYS = 10**6


class WeekTest(MorningTestCase):
    """One test, as the days stand on each other; each day is a method."""

    def test_every_model_has_exactly_the_right_submission_for_every_round(self) -> None:
        for day in (
            self.monday_without_a_round,
            self.tuesday_whose_round_opens_late,
            self.wednesday_with_a_stale_file_and_a_model_that_times_out,
            self.thursday_without_an_api,
            self.friday_with_a_put_of_403_and_a_kill,
            self.saturday_that_lasts_until_sunday,
        ):
            with self.subTest(day.__name__):
                day()
        self.assertEqual([], self.api.violations)
        self.assertEqual([], [one for one in self.api.sent if one.round not in range(FIRST, FIRST + 5)])
        self.check_page()

    def monday_without_a_round(self) -> None:
        self.day(0)
        self.check(self.morning(), 0, "No round is open")
        self.assertEqual(([], []), self.received())
        self.assertEqual([], self.api.sent)

    def tuesday_whose_round_opens_late(self) -> None:
        opens = self.api.rounds[0]
        opens.opening = MONDAY + timedelta(days=1, hours=12, minutes=25)
        self.day(1)
        self.check(self.morning(), 0, rf"^Round {FIRST}: 4 on time, \d+ min left$")
        self.check_sent(1, anna=1, bert=1, twin_a=1, twin_b=1)
        self.assertTrue(all(one.at >= opens.opening for one in self.api.sent))
        pings, texts = self.received()
        self.assertEqual((["start", "0"], 1), (pings, len(texts)))
        self.check(self.morning(), 0, "4 on time")
        self.check_sent(1, anna=1, bert=1, twin_a=1, twin_b=1)
        self.assertEqual((["start", "0"], []), self.received())

    def wednesday_with_a_stale_file_and_a_model_that_times_out(self) -> None:
        today, yesterday = self.api.rounds[1], self.api.rounds[0]
        today.stale, today.stale_live = 2, yesterday.live
        self.put("bert", sleeps)
        self.put("uploaded", ranking(4))
        self.put("unknown", ranking(4))
        self.day(2)
        ended = self.morning()
        self.check(ended, 1, "3 on time, 1 failed, 2 no slot: bert timeout, unknown no slot, uploaded no slot")
        self.check_sent(2, anna=1, twin_a=1, twin_b=1)
        pings, texts = self.received()
        self.assertEqual((["start", "1"], 1), (pings, len(texts)))
        self.assertIn("bert timeout", texts[0])
        self.assertNotIn("is not submitted", ended.log, "nobody tried to submit what failed")
        self.put("bert", leaves_ids_out)
        self.check(self.morning(), 1, "bert missing_ids")
        self.put("bert", ranking(1))
        self.remove("uploaded")
        self.remove("unknown")
        self.check(self.morning(), 0, "4 on time")
        self.check_sent(2, anna=1, twin_a=1, twin_b=1, bert=1)

    def thursday_without_an_api(self) -> None:
        self.api.failures = [Failure("*", times=ALWAYS, status=503)]
        self.day(3)
        self.received()
        self.check(self.morning(), 3, "No round could be found")
        pings, texts = self.received()
        self.assertEqual((["3"], 1), (pings, len(texts)))
        self.api.failures = []
        self.day(3, 13, 10)
        self.check(self.morning(), 0, "No round is open")
        self.assertEqual([], [one for one in self.api.sent if one.round == FIRST + 2])

    def friday_with_a_put_of_403_and_a_kill(self) -> None:
        self.api.failures = [Failure("put", times=2, status=403), Failure("createSubmission", after=True, hang_s=30)]
        self.day(4)
        process = self.start()
        wait_until(lambda: [one for one in self.api.sent if one.round == FIRST + 3])
        process.kill()
        process.communicate()
        self.check(self.morning(), 0, "4 on time")
        self.check_sent(4, anna=1, bert=1, twin_a=1, twin_b=1)
        self.put("anna", leaves_ids_out)
        self.check(self.morning(), 1, "3 on time, 1 failed: anna missing_ids")
        self.check_sent(4, anna=1, bert=1, twin_a=1, twin_b=1)
        self.put("anna", ranking(5))
        self.check(self.morning(), 0, "4 on time")
        self.check_sent(4, anna=2, bert=1, twin_a=1, twin_b=1)

    def saturday_that_lasts_until_sunday(self) -> None:
        self.day(5)
        self.check(self.morning(), 0, "4 on time")
        self.day(6)
        self.check(self.morning(), 0, "4 on time")
        self.check_sent(5, anna=1, bert=1, twin_a=1, twin_b=1)
        self.day(6, 15)
        self.check(self.morning(), 0, "No round is open")

    def check_page(self) -> None:
        """What a week leaves to read."""
        page = (self.folder / "report/index.html").read_text()
        for number in (FIRST, FIRST + 1, FIRST + 3, FIRST + 4):
            self.assertIn(str(number), page)
        status = self.morning("status", str(FIRST + 1))
        self.assertEqual(0, status.status, status.log)
        self.assertEqual(4, status.output.count("on time"))


if __name__ == "__main__":
    unittest.main()
