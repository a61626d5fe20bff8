"""retry.py: how often, with which pauses, and when it is enough; the clock is the tests', nobody waits."""

import signal
import threading
import time
import unittest
from collections.abc import Callable
from typing import NoReturn
from unittest import mock

from numerai_predict.transfer import retry
from numerai_predict.transfer.retry import RequestFailed, TransientFailure


class Clock:
    """A monotonic clock that only moves when somebody sleeps, or says so."""

    def __init__(self) -> None:
        self.now = 1000.0
        self.pauses: list[float] = []

    def sleep(self, seconds: float) -> None:
        self.pauses.append(seconds)
        self.now += seconds


class KeepTryingTest(unittest.TestCase):
    def setUp(self) -> None:
        self.clock = Clock()
        for name, replacement in (("sleep", self.clock.sleep), ("monotonic", lambda: self.clock.now)):
            patched = mock.patch(f"time.{name}", replacement)
            patched.start()
            self.addCleanup(patched.stop)
        self.tries = 0

    def failing(self, *failures: BaseException, takes_s: float = 0.0) -> Callable[[], str]:
        """Something that raises these in turn, the last one for ever."""
        remaining = list(failures)

        def attempt() -> str:
            self.tries += 1
            self.clock.now += takes_s
            raise remaining.pop(0) if len(remaining) > 1 else remaining[0]

        return attempt

    def keep_trying(self, attempt: Callable[[], str], retries: int = 20, deadline_s: float = 300.0) -> str:
        with mock.patch.object(retry, "RETRIES", retries):
            return retry.keep_trying(attempt, deadline_s)

    def test_success_is_returned_without_a_pause(self) -> None:
        self.assertEqual(self.keep_trying(lambda: "done"), "done")
        self.assertEqual(self.clock.pauses, [])

    def test_pauses_double_with_jitter_up_to_their_limit(self) -> None:
        with self.assertLogs(), self.assertRaises(RequestFailed):
            self.keep_trying(self.failing(TransientFailure("busy")), retries=10, deadline_s=10_000)
        self.assertEqual((self.tries, len(self.clock.pauses)), (10, 9))
        for number, pause in enumerate(self.clock.pauses):
            self.assertTrue(0.25 <= pause <= min(30.0, 0.5 * 2**number), (number, pause))
        again = Clock()
        with mock.patch("time.sleep", again.sleep), self.assertLogs(), self.assertRaises(RequestFailed):
            self.keep_trying(self.failing(TransientFailure("busy")), retries=10, deadline_s=10_000)
        self.assertNotEqual(again.pauses, self.clock.pauses, "every run comes back at the same time")

    def test_end_of_the_tries_names_the_last_failure_and_their_number(self) -> None:
        attempt = self.failing(TransientFailure("first"), TransientFailure("busy"))
        logged = self.assertLogs("numerai_predict.transfer.retry")
        with logged as logs, self.assertRaisesRegex(RequestFailed, "^busy; given up after 3 tries in"):
            self.keep_trying(attempt, retries=3)
        self.assertRegex(logs.output[0], r"Try 1 failed: first; next in 0\.\d s")
        self.assertRegex(logs.output[1], r"Try 2 failed: busy; next in \d\.\d s")

    def test_tries_of_one_cause_are_one_line_and_a_count(self) -> None:
        with self.assertLogs() as logs, self.assertRaisesRegex(RequestFailed, "^busy; given up after 12 tries"):
            self.keep_trying(self.failing(TransientFailure("busy")), retries=12)
        self.assertEqual(1, len(logs.output))

    def test_machine_without_a_network_is_given_up_within_seconds_and_after_several_tries(self) -> None:
        failure = TransientFailure("no such host", unreached=True)
        routes = mock.patch.object(retry, "has_route", return_value=False)
        with (
            routes,
            self.assertLogs(),
            self.assertRaisesRegex(RequestFailed, "^no such host; given up .*, as no network is connected here$"),
        ):
            self.keep_trying(self.failing(failure))
        self.assertGreater(self.tries, 2)
        self.assertLessEqual(self.clock.now, 1000 + retry.UNCONNECTED_S)

    def test_machine_whose_network_comes_up_meanwhile_is_served(self) -> None:
        failures = [TransientFailure("no such host", unreached=True)] * 3
        attempt = self.failing(*failures, RequestFailed("gone"))
        routes = mock.patch.object(retry, "has_route", return_value=False)
        with routes, self.assertLogs(), self.assertRaisesRegex(RequestFailed, "^gone$"):
            self.keep_trying(attempt)

    def test_failure_of_a_server_on_a_machine_without_a_network_is_tried_as_ever(self) -> None:
        routes = mock.patch.object(retry, "has_route", return_value=False)
        with (
            routes,
            self.assertLogs(),
            self.assertRaisesRegex(RequestFailed, "^busy; given up after 20 tries in .* seconds$"),
        ):
            self.keep_trying(self.failing(TransientFailure("busy")), deadline_s=10_000)

    def test_unknown_host_on_a_machine_with_a_network_is_tried_as_ever(self) -> None:
        failure = TransientFailure("no such host", unreached=True)
        routes = mock.patch.object(retry, "has_route", return_value=True)
        with routes, self.assertLogs(), self.assertRaisesRegex(RequestFailed, "given up after 20 tries in .* seconds$"):
            self.keep_trying(self.failing(failure), deadline_s=10_000)

    def test_deadline_that_the_next_pause_would_pass_ends_the_tries(self) -> None:
        with self.assertLogs(), self.assertRaisesRegex(RequestFailed, "busy; given up after"):
            self.keep_trying(self.failing(TransientFailure("busy"), takes_s=40.0), deadline_s=100.0)
        self.assertLess(self.clock.now, 1000 + 100 + 40)
        self.assertIn(self.tries, (2, 3))

    def test_server_that_asks_for_a_longer_pause_gets_it(self) -> None:
        waits = (TransientFailure("busy", 17.0), TransientFailure("busy", 0.01), RequestFailed("gone"))
        with self.assertLogs(), self.assertRaisesRegex(RequestFailed, "^gone$"):
            self.keep_trying(self.failing(*waits))
        self.assertEqual(self.clock.pauses[0], 17.0)
        self.assertTrue(0.25 <= self.clock.pauses[1] <= 1.0, self.clock.pauses)

    def test_server_that_asks_for_more_than_is_left_is_reported_at_once(self) -> None:
        expected = "^busy; given up after 1 try in 0 seconds, as the server asks to wait 3,600$"
        with self.assertRaisesRegex(RequestFailed, expected):
            self.keep_trying(self.failing(TransientFailure("busy", 3600.0)))
        self.assertEqual((self.tries, self.clock.pauses), (1, []))

    def test_any_other_failure_is_raised_at_once(self) -> None:
        errors: list[BaseException] = [RequestFailed("no"), OSError("full"), KeyboardInterrupt()]
        for error in errors:
            with self.subTest(error), self.assertRaises(type(error)) as raised:
                self.tries = 0
                self.keep_trying(self.failing(error))
            self.assertIs(raised.exception, error)
            self.assertEqual(self.tries, 1)

    def test_try_that_does_not_end_is_abandoned_at_the_deadline(self) -> None:
        release = threading.Event()
        self.addCleanup(release.set)
        began = time.perf_counter()
        with self.assertRaisesRegex(RequestFailed, "not complete when the time was up; given up after 1 try"):
            self.keep_trying(lambda: str(release.wait(60)), deadline_s=0.2)
        self.assertLess(time.perf_counter() - began, 10)

    def test_later_try_has_only_what_is_left_of_the_time(self) -> None:
        release = threading.Event()
        self.addCleanup(release.set)

        def attempt() -> str:
            self.tries += 1
            if self.tries == 1:
                self.clock.now += 99.5
                raise TransientFailure("busy")
            self.clock.now += 0.5
            return str(release.wait(60))

        began = time.perf_counter()
        short = mock.patch.multiple(retry, DELAY_BASE_S=0.1, DELAY_MAX_S=0.1)
        with short, self.assertLogs(), self.assertRaisesRegex(RequestFailed, "given up after 2 tries"):
            retry.keep_trying(attempt, 100.0)
        self.assertLess(time.perf_counter() - began, 10)


class InTimeTest(unittest.TestCase):
    def test_result_and_error_of_the_work_are_its_own(self) -> None:
        self.assertEqual(retry.in_time(lambda: 3, 5), 3)
        with self.assertRaises(ZeroDivisionError):
            retry.in_time(lambda: 1 / 0, 5)

    def test_time_that_is_up_before_it_begins_is_a_failure(self) -> None:
        release = threading.Event()
        self.addCleanup(release.set)
        with self.assertRaises(TransientFailure):
            retry.in_time(lambda: release.wait(60), -1)

    def interrupt(self, work: Callable[[], object]) -> float:
        """Have a signal's handler raise while the work is under way; returns the seconds after which it came out."""

        def stop(*_: object) -> NoReturn:
            raise InterruptedError("stopped")

        before = signal.signal(signal.SIGALRM, stop)
        self.addCleanup(signal.signal, signal.SIGALRM, before)
        signal.setitimer(signal.ITIMER_REAL, 0.1)
        began = time.monotonic()
        with self.assertRaisesRegex(InterruptedError, "stopped"):
            retry.in_time(work, 60)
        return time.monotonic() - began

    def test_signal_lets_the_work_end_that_soon_will(self) -> None:
        ended = threading.Event()

        def work() -> None:
            time.sleep(0.5)
            ended.set()

        self.assertLess(self.interrupt(work), retry.GRACE_S)
        self.assertTrue(ended.is_set())

    def test_signal_abandons_the_work_that_does_not_end(self) -> None:
        release = threading.Event()
        self.addCleanup(release.set)
        with mock.patch.object(retry, "GRACE_S", 0.2):
            self.assertLess(self.interrupt(lambda: release.wait(60)), 5)


if __name__ == "__main__":
    unittest.main()
