"""queue.py: what a worker does next, and what it leaves to others. The clocks are the tests'."""

import logging
import random
import unittest
from datetime import datetime, timedelta, timezone
from typing import TypeVar

from numerai_predict.faults import Code
from numerai_predict.round.claims import LEASE_S, Claims, WorkerName
from numerai_predict.round.deadline import Deadline
from numerai_predict.round.manifest import Row
from numerai_predict.round.queue import (
    DELIVERY_S,
    MARGIN_S,
    MOST_REFUSED,
    Claimed,
    Nothing,
    Poisoned,
    Queue,
    Wait,
    in_order,
)
from numerai_predict.round.store import Store, StoreError
from tests.round.memory_store import AFTER, BEFORE, WORKS, Clock, FaultyStore, MemoryStore

OPENING = datetime(2026, 11, 27, 13, tzinfo=timezone.utc)
Kind = TypeVar("Kind")


def row(model_id: str, cpu_s: float | None = 1.0, python: str | None = None, time_limit: float = 600.0) -> Row:
    """A row of the manifest."""
    return Row(model_id, f"models/{model_id}.pkl", python=python, cpu_s=cpu_s, time_limit=time_limit)


def lost_twice(of: Row, store: Store, clock: Clock) -> Poisoned:
    """A model whose worker was lost twice, as the third one gets it."""
    for number in range(3):
        claims = Claims(store, WorkerName(f"lost{number}", None, "host"), now=clock)
        queue = Queue(store, [of], 0, 1, claims, Deadline(None))
        while isinstance(found := queue.next(), Wait):
            clock.now += LEASE_S
    assert isinstance(found, Poisoned), found
    return found


class QueueTestCase(unittest.TestCase):
    """Workers that share a store, a clock and a wall clock."""

    def setUp(self) -> None:
        self.store = FaultyStore(self.make_store())
        self.clock = Clock()
        self.wall = Clock(OPENING.timestamp())
        self.workers = 0
        silent = logging.NullHandler()
        logging.getLogger("numerai_predict.round").addHandler(silent)
        self.addCleanup(logging.getLogger("numerai_predict.round").removeHandler, silent)

    def make_store(self) -> Store:
        return MemoryStore()

    def queue(
        self,
        *rows: Row,
        index: int = 0,
        workers: int = 1,
        minutes: float | None = None,
        python: str = "3.11",
        numbered: bool = False,
    ) -> Queue:
        """That of a new worker, which has so many minutes left."""
        self.workers += 1
        name = WorkerName(f"w{self.workers}", index if numbered else None, "host")
        at = None if minutes is None else OPENING + timedelta(minutes=minutes)
        claims = Claims(self.store, name, now=self.clock)
        return Queue(self.store, rows, index, workers, claims, Deadline(at, self.clock, self.wall), python)

    def given(self, queue: Queue, kind: type[Kind]) -> Kind:
        """What it gives, which must be of that kind."""
        found = queue.next()
        assert isinstance(found, kind), found
        return found

    def claimed(self, queue: Queue) -> list[str]:
        """The ids of all that it gives, which end at once."""
        ids = []
        while isinstance(found := queue.next(), Claimed):
            ids.append(found.row.id)
            self.end(found.row.id)
        return ids

    def end(self, model_id: str) -> None:
        """The model has its outcome."""
        self.assertTrue(self.store.create(f"outcomes/{model_id}.json", b"{}"))


class OrderTest(QueueTestCase):
    def test_unknown_models_come_first_and_then_the_longest(self) -> None:
        rows = [row("a", 2), row("b", None), row("c", 60), row("d", 0), row("e", None), row("f", 2)]
        self.assertEqual(["b", "e", "c", "a", "f", "d"], self.claimed(self.queue(*rows)))

    def test_worker_begins_with_its_share_and_goes_on_with_those_after_it(self) -> None:
        rows = [row(name, 10 - place) for place, name in enumerate("abcdefgh")]
        orders = ["".join(found.id for found in in_order(rows, index, 3)) for index in range(3)]
        self.assertEqual(["adgbehcf", "behcfadg", "cfadgbeh"], orders)

    def test_index_beyond_the_workers_has_the_share_of_another(self) -> None:
        rows = [row(name) for name in "abcd"]
        self.assertEqual(in_order(rows, 1, 3), in_order(rows, 4, 3))

    def test_workers_divide_a_round_among_them(self) -> None:
        rows = [row(f"m{number}", random.Random(number).uniform(0, 60)) for number in range(50)]
        queues = [self.queue(*rows, index=index, workers=4) for index in range(4)]
        found = [self.given(queue, Claimed).row.id for _ in range(12) for queue in queues]
        self.assertEqual(48, len(set(found)))
        shares = [[each.id for each in in_order(rows, index, 4)] for index in range(4)]
        for index in range(4):
            self.assertEqual(shares[index][:12], found[index::4])

    def test_models_of_another_python_are_not_ours(self) -> None:
        rows = [row("a", python="3.10"), row("b", python="3.11"), row("c", python=None)]
        self.assertEqual(["b", "c"], self.claimed(self.queue(*rows)))
        self.assertEqual(["a"], self.claimed(self.queue(*rows, python="3.10")))


class NextTest(QueueTestCase):
    def test_models_with_an_outcome_are_left_out(self) -> None:
        self.end("b")
        self.assertEqual(["a", "c"], self.claimed(self.queue(row("a"), row("b"), row("c"))))
        self.assertEqual({"a", "c"}, self.store.names("claims"))

    def test_nothing_is_left_when_every_model_has_its_outcome(self) -> None:
        queue = self.queue(row("a"))
        self.claimed(queue)
        self.assertEqual(Nothing(left_over=0), queue.next())
        self.assertEqual(Nothing(left_over=0), self.queue().next())

    def test_model_that_ended_between_the_listing_and_its_claim_is_not_run(self) -> None:
        def end_it(call: str, key: str) -> None:
            if (call, key) == ("replace", "claims/a"):
                self.end("a")

        self.given(self.queue(row("a")), Claimed).claim.release()
        queue = self.queue(row("a"), row("b"))
        self.store.meanwhile = end_it
        self.assertEqual("b", self.given(queue, Claimed).row.id)

    def test_outcome_of_a_model_that_nobody_has_claimed_is_not_looked_for(self) -> None:
        reads: list[str] = []
        self.store.meanwhile = lambda call, key: reads.append(key) if call == "read" else None
        self.given(self.queue(row("a")), Claimed)
        self.assertEqual(["claims/a"], reads)

    def test_outcomes_are_listed_once_for_a_pass(self) -> None:
        calls = []
        self.store.meanwhile = lambda call, key: calls.append(call)
        self.claimed(self.queue(*[row(f"m{number}") for number in range(20)]))
        self.assertEqual(2, calls.count("names"))

    def test_claims_of_models_that_ended_meanwhile_are_not_asked_for_one_by_one(self) -> None:
        rows = [row(f"m{number:03}") for number in range(100)]
        other = self.queue(*rows)
        for _ in rows[:-1]:
            self.given(other, Claimed)
        looks: list[str] = []

        def end_all_after_some(call: str, key: str) -> None:
            if call == "read" and key.startswith("claims/"):
                looks.append(key)
                if len(looks) == 5:
                    for each in rows[:-1]:
                        self.end(each.id)

        queue = self.queue(*rows)
        self.store.meanwhile = end_all_after_some
        self.assertEqual("m099", self.given(queue, Claimed).row.id)
        self.assertLessEqual(len(looks), MOST_REFUSED + 1)

    def test_model_that_a_worker_gave_back_is_given_out_again(self) -> None:
        first, second = self.queue(row("a"), row("b")), self.queue(row("a"), row("b"))
        given = self.given(first, Claimed)
        self.assertEqual("b", self.given(second, Claimed).row.id)
        given.claim.release()
        self.end("b")
        self.assertEqual(["a"], self.claimed(second))

    def test_error_of_the_store_loses_no_model(self) -> None:
        for place in range(6):
            for planned in (BEFORE, AFTER):
                with self.subTest(place=place, planned=planned):
                    self.setUp()
                    queue = self.queue(row("a"), row("b"))
                    self.store.plan.extend([*[WORKS] * place, planned])
                    ids = []
                    while not isinstance(found := self.patient(queue), Nothing):
                        assert isinstance(found, Claimed), found
                        ids.append(found.row.id)
                        self.store.plan.appendleft(WORKS)
                        self.end(found.row.id)
                    self.assertEqual(["a", "b"], ids)

    def patient(self, queue: Queue) -> Claimed | Poisoned | Wait | Nothing:
        """What it gives in the end."""
        while True:
            try:
                return queue.next()
            except StoreError:
                continue

    def test_error_while_others_run_the_rest_does_not_end_the_wait(self) -> None:
        others, queue = self.queue(row("a")), self.queue(row("a"), row("b"))
        self.given(others, Claimed)
        self.assertEqual("b", self.given(queue, Claimed).row.id)
        self.end("b")
        self.store.plan.extend((WORKS, BEFORE))
        with self.assertRaises(StoreError):
            queue.next()
        self.given(queue, Wait)

    def test_earlier_attempt_of_a_numbered_worker_is_followed_at_once(self) -> None:
        self.given(self.queue(row("a"), row("b"), numbered=True), Claimed)
        given = self.given(self.queue(row("a"), row("b"), numbered=True), Claimed)
        self.assertEqual(("a", 1), (given.row.id, given.claim.lost))


class WaitTest(QueueTestCase):
    def setUp(self) -> None:
        super().setUp()
        self.other = self.given(self.queue(row("a")), Claimed)

    def test_waits_grow_while_others_run_what_is_left(self) -> None:
        queue = self.queue(row("a"))
        waits = [self.given(queue, Wait).seconds for _ in range(8)]
        self.assertEqual([0.2, 0.4, 0.8, 1.6, 3.2, 5.0, 5.0, 5.0], waits)

    def test_waits_begin_anew_after_a_model(self) -> None:
        queue = self.queue(row("a"), row("b", 0.5))
        self.claimed(queue)
        for _ in range(4):
            self.given(queue, Wait)
        self.other.claim.release()
        given = self.given(queue, Claimed)
        given.claim.wait(20)
        self.assertEqual(0.2, self.given(queue, Wait).seconds)

    def test_no_wait_is_longer_than_until_the_first_claim_runs_out(self) -> None:
        queue = self.queue(row("a"))
        for _ in range(6):
            self.given(queue, Wait)
        self.clock.now += LEASE_S - 3
        self.assertAlmostEqual(3, self.given(queue, Wait).seconds)
        self.clock.now += 2.9
        self.assertEqual(0.2, self.given(queue, Wait).seconds)
        self.clock.now += 0.2
        self.assertEqual(1, self.given(queue, Claimed).claim.lost)

    def test_model_that_waits_for_its_next_run_is_waited_for(self) -> None:
        self.other.claim.wait(20)
        queue = self.queue(row("a"))
        self.given(queue, Wait)
        self.clock.now += 20
        self.assertEqual(1, self.given(queue, Claimed).claim.errors)

    def test_wait_ends_when_the_other_worker_has_ended_the_model(self) -> None:
        queue = self.queue(row("a"))
        self.given(queue, Wait)
        self.end("a")
        self.assertEqual(Nothing(left_over=0), queue.next())


class DeadlineTest(QueueTestCase):
    def test_model_that_cannot_end_in_time_is_left_over_and_gets_no_outcome(self) -> None:
        queue = self.queue(row("long", 46), row("short", 44), minutes=1)
        self.assertEqual("short", self.given(queue, Claimed).row.id)
        self.end("short")
        self.assertEqual(Nothing(left_over=1), queue.next())
        self.assertEqual({"short.json"}, self.store.names("outcomes"))
        self.assertEqual({"short"}, self.store.names("claims"))

    def test_model_needs_no_more_than_its_limit(self) -> None:
        rows = (row("a", 500, time_limit=45), row("b", 500, time_limit=46), row("c", 44, time_limit=0))
        self.assertEqual(["a", "c"], self.claimed(self.queue(*rows, minutes=1)))

    def test_unknown_model_needs_no_more_than_the_margin(self) -> None:
        self.assertEqual(["a"], self.claimed(self.queue(row("a", None), minutes=MARGIN_S / 60)))
        self.assertEqual(Nothing(1), self.queue(row("b", None), minutes=(MARGIN_S - 1) / 60).next())

    def test_time_goes_by_between_models(self) -> None:
        queue = self.queue(row("a", 100), row("b", 50), minutes=2)
        self.end(self.given(queue, Claimed).row.id)
        self.clock.now += 100
        self.assertEqual(Nothing(left_over=1), queue.next())

    def test_wall_clock_that_jumps_by_hours_changes_nothing(self) -> None:
        queue = self.queue(*[row(name, 30) for name in "abc"], minutes=2)
        for hours in (-8, 30):
            self.wall.now += 3600 * hours
            self.end(self.given(queue, Claimed).row.id)
            self.clock.now += 50
        self.wall.now -= 3600 * 5
        self.assertEqual(Nothing(left_over=1), queue.next())

    def test_model_that_another_runs_is_not_left_over(self) -> None:
        self.given(self.queue(row("a", 100), minutes=2), Claimed)
        self.clock.now += 60
        self.assertEqual(Nothing(left_over=1), self.queue(row("a", 100), row("b", 99), minutes=1).next())

    def test_models_that_are_left_over_are_named_in_the_log(self) -> None:
        queue = self.queue(*[row(f"m{number}", 100) for number in range(7)], minutes=1)
        with self.assertLogs("numerai_predict.round.queue", "WARNING") as logs:
            queue.next()
        self.assertRegex(logs.output[0], r"no time left for 7 models: m0, m1, m2, m3, m4$")

    def test_nobody_waits_for_a_model_that_has_no_time_left_when_it_could_be_taken(self) -> None:
        given = self.given(self.queue(row("a", 10), minutes=1), Claimed)
        given.claim.wait(60)
        queue = self.queue(row("a", 10), minutes=1)
        waited = 0.0
        while isinstance(found := queue.next(), Wait):
            self.clock.now += found.seconds
            waited += found.seconds
        self.assertEqual(Nothing(left_over=1), found)
        self.assertLess(waited, 60)


class AllowedTest(QueueTestCase):
    def test_limit_is_lowered_to_what_the_deadline_leaves(self) -> None:
        queue = self.queue(minutes=2)
        self.assertEqual(60, queue.allowed_s(row("a", time_limit=60)))
        self.assertEqual(120 - DELIVERY_S, queue.allowed_s(row("a", time_limit=600)))
        self.assertEqual(120 - DELIVERY_S, queue.allowed_s(row("a", time_limit=0)))
        self.clock.now += 100
        self.assertEqual(20 - DELIVERY_S, queue.allowed_s(row("a", time_limit=60)))

    def test_limit_is_never_lowered_to_none(self) -> None:
        queue = self.queue(minutes=1)
        for seconds in (55, 10, 3600):
            self.clock.now += seconds
            self.assertEqual(1.0, queue.allowed_s(row("a")))
            self.assertEqual(0.5, queue.allowed_s(row("a", time_limit=0.5)))

    def test_limit_without_a_deadline_is_that_of_the_row(self) -> None:
        self.assertEqual([600, 0], [self.queue().allowed_s(row("a", time_limit=limit)) for limit in (600, 0)])


class PoisonedTest(QueueTestCase):
    def test_model_whose_worker_was_lost_twice_is_not_run(self) -> None:
        found = lost_twice(row("a"), self.store, self.clock)
        self.assertEqual(("a", 2), (found.row.id, found.claim.lost))
        self.assertIs(Code.WORKER_LOST, found.fault.code)
        self.assertEqual("2 workers ended while they ran the model; it is not run again.", found.fault.message)

    def test_model_is_poisoned_still_when_the_worker_that_saw_it_is_lost_too(self) -> None:
        lost_twice(row("a"), self.store, self.clock)
        queue = self.queue(row("a"))
        self.given(queue, Wait)
        self.clock.now += LEASE_S
        self.assertEqual(3, self.given(queue, Poisoned).claim.lost)

    def test_workers_that_end_cleanly_poison_nothing(self) -> None:
        for _ in range(5):
            self.given(self.queue(row("a")), Claimed).claim.release()
        self.given(self.queue(row("a")), Claimed)


if __name__ == "__main__":
    unittest.main()
