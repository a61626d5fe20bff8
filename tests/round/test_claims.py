"""claims.py: who gets a model, for how long, and what is kept of those who had it. The clocks are the tests'."""

import json
import logging
import threading
import unittest
from collections.abc import Callable
from functools import partial
from typing import Any

from numerai_predict.round.claims import LEASE_S, Claim, ClaimRecord, Claims, WorkerName
from numerai_predict.round.store import Store, StoreError
from tests.round.memory_store import AFTER, BEFORE, WORKS, Clock, DigestStore, FaultyStore, MemoryStore

WAIT_S = 20.0


class ClaimsTestCase(unittest.TestCase):
    """Workers, each with a clock of its own, that share a store."""

    def setUp(self) -> None:
        self.store = FaultyStore(self.make_store())
        self.clock = Clock()
        self.workers = 0
        # Not every test is about what is logged.
        silent = logging.NullHandler()
        logging.getLogger("numerai_predict.round").addHandler(silent)
        self.addCleanup(logging.getLogger("numerai_predict.round").removeHandler, silent)

    def make_store(self) -> Store:
        return MemoryStore()

    def worker(self, index: int | None = None, job: str = "") -> Claims:
        """One that has a name of its own, and a clock that began at another time."""
        self.workers += 1
        began = 7919.0 * self.workers
        name = WorkerName(f"w{self.workers}", index, "host", job)
        return Claims(self.store, name, now=lambda: self.clock.now - began)

    def taken(self, claims: Claims, model_id: str = "m1") -> Claim:
        """The claim, which must be there for the taking."""
        claim = claims.take(model_id)
        assert claim is not None
        return claim

    def taken_over(self, claims: Claims) -> Claim:
        """The claim of one whose worker is silent."""
        self.assertIsNone(claims.take("m1"))
        self.clock.now += LEASE_S
        with self.assertLogs("numerai_predict.round.claims", "WARNING"):
            return self.taken(claims)

    def meanwhile(self, call: str, act: Callable[[], object]) -> None:
        """Do this before the next call of that name, once."""

        def once(called: str, key: str) -> None:
            if called == call:
                self.store.meanwhile = lambda call, key: None
                act()

        self.store.meanwhile = once

    def said(self, model_id: str = "m1") -> dict[str, Any]:
        """What the claim says."""
        found = self.store.read(f"claims/{model_id}")
        assert found is not None
        claim: dict[str, Any] = json.loads(found.content)
        return claim


class TakeTest(ClaimsTestCase):
    def test_model_that_nobody_has_is_taken_at_once(self) -> None:
        claim = self.taken(self.worker(index=3))
        self.assertEqual(("m1", 0, 0), (claim.id, claim.lost, claim.errors))
        expected = {
            "worker": "w1",
            "index": 3,
            "job": "",
            "state": "running",
            "lost": 0,
            "errors": 0,
            "wait_s": 0,
            "renewals": 0,
        }
        self.assertEqual({**expected, "takings": 1}, self.said())

    def test_model_that_another_runs_is_not_taken(self) -> None:
        self.taken(self.worker())
        self.assertIsNone(self.worker().take("m1"))

    def test_model_that_another_takes_in_between_is_not_taken(self) -> None:
        first, second = self.worker(), self.worker()
        for call in ("create", "replace"):
            with self.subTest(call):
                self.meanwhile(call, lambda: self.taken(second))
                self.assertIsNone(first.take("m1"))
                self.assertEqual("w2", self.said()["worker"])
                self.store.write("claims/m1", json.dumps({"worker": "w3", "state": "free"}).encode())

    def test_claim_that_did_not_change_for_a_lease_is_taken_over(self) -> None:
        self.taken(self.worker())
        claims = self.worker()
        self.assertIsNone(claims.take("m1"))
        self.clock.now += LEASE_S - 0.1
        self.assertIsNone(claims.take("m1"))
        self.clock.now += 0.1
        with self.assertLogs("numerai_predict.round.claims") as logs:
            self.assertEqual(1, self.taken(claims).lost)
        self.assertRegex(logs.output[0], "Worker w1 ended while it ran m1")

    def test_age_of_a_claim_counts_from_its_first_sight_by_this_worker(self) -> None:
        self.taken(self.worker())
        self.clock.now += 10 * LEASE_S
        claims = self.worker()
        self.assertIsNone(claims.take("m1"))
        self.clock.now += LEASE_S - 0.1
        self.assertIsNone(claims.take("m1"))

    def test_claim_that_was_renewed_is_left_alone_for_another_lease(self) -> None:
        claim, claims = self.taken(self.worker()), self.worker()
        for _ in range(10):
            self.assertIsNone(claims.take("m1"))
            self.clock.now += LEASE_S - 0.1
            self.assertTrue(claim.renew())
        self.clock.now += LEASE_S
        self.assertIsNone(claims.take("m1"))

    def test_slow_store_makes_a_claim_no_older(self) -> None:
        # It was read at the end of the first reading and at the beginning of the second, for all that is known.
        self.taken(self.worker())
        claims = self.worker()

        def slowly(call: str, key: str) -> None:
            self.clock.now += LEASE_S + 1

        self.store.meanwhile = slowly
        self.assertIsNone(claims.take("m1"))
        self.assertIsNone(claims.take("m1"))

    def test_of_two_who_take_over_one_does(self) -> None:
        self.taken(self.worker())
        second, third = self.worker(), self.worker()
        self.assertIsNone(third.take("m1"))
        self.assertEqual(1, self.taken_over(second).lost)
        self.assertIsNone(third.take("m1"))
        self.assertEqual(("w2", 1), (self.said()["worker"], self.said()["lost"]))

    def test_every_worker_that_is_lost_counts(self) -> None:
        self.taken(self.worker())
        lost = [self.taken_over(self.worker()).lost for _ in range(3)]
        self.assertEqual([1, 2, 3], lost)

    def test_lost_workers_and_errors_stay_counted(self) -> None:
        self.taken(self.worker()).wait(WAIT_S)
        claims = self.worker()
        self.assertIsNone(claims.take("m1"))
        self.clock.now += WAIT_S
        self.taken(claims)
        claim = self.taken_over(self.worker())
        claim.release()
        again = self.taken(self.worker())
        self.assertEqual((1, 1), (again.lost, again.errors))

    def test_claims_that_are_none_are_taken_over_as_others_are(self) -> None:
        right = {
            "worker": "w9",
            "index": None,
            "job": "",
            "state": "free",
            "lost": 0,
            "errors": 0,
            "wait_s": 0,
            "renewals": 0,
        }
        for wrong in (
            b"",
            b"\xff\xfe",
            b"[]",
            b"7",
            b"[" * 100_000,
            *(json.dumps(right | {name: None}).encode() for name in right if name != "index"),
            *(json.dumps(right | {name: -1}).encode() for name in ("lost", "errors", "renewals", "wait_s")),
            json.dumps(right | {"lost": True}).encode(),
            json.dumps(right | {"index": "0"}).encode(),
            json.dumps(right | {"state": "waiting", "wait_s": float("nan")}).encode(),
            json.dumps(right | {"state": "waiting", "wait_s": 1e12}).encode(),
            json.dumps(right | {"state": "asleep"}).encode(),
            json.dumps(right | {"until": 7}).encode(),
        ):
            with self.subTest(wrong[:80]):
                self.store.write("claims/m1", wrong)
                claim = self.taken_over(self.worker(index=0))
                self.assertEqual((1, 0), (claim.lost, claim.errors))

    def test_claim_without_what_has_a_default_is_one(self) -> None:
        self.store.write("claims/m1", b'{"worker": "w9", "state": "free"}')
        self.assertEqual(0, self.taken(self.worker()).lost)

    def test_time_until_a_claim_can_be_taken_is_known_once_it_was_seen(self) -> None:
        self.taken(self.worker())
        claims = self.worker()
        self.assertEqual(0.0, claims.due_s("m1"))
        self.assertIsNone(claims.take("m1"))
        self.clock.now += 1
        self.assertEqual(LEASE_S - 1, claims.due_s("m1"))

    def test_model_that_another_runs_is_told_from_one_that_nobody_runs(self) -> None:
        first, second = self.worker(), self.worker()
        self.assertFalse(second.is_run_by_another("m1"))
        claim = self.taken(first)
        self.assertEqual((False, True), (first.is_run_by_another("m1"), second.is_run_by_another("m1")))
        claim.release()
        self.assertFalse(second.is_run_by_another("m1"))


class OwnClaimTest(ClaimsTestCase):
    def test_claim_of_an_earlier_attempt_is_taken_at_once_and_counts_as_lost(self) -> None:
        self.taken(self.worker(index=2))
        self.assertIsNone(self.worker(index=1).take("m1"))
        with self.assertLogs("numerai_predict.round.claims"):
            self.assertEqual(1, self.taken(self.worker(index=2)).lost)

    def test_workers_that_nobody_numbers_are_no_attempts_of_each_other(self) -> None:
        self.taken(self.worker())
        self.assertIsNone(self.worker().take("m1"))

    def test_workers_of_one_index_and_two_jobs_are_no_attempts_of_each_other(self) -> None:
        self.taken(self.worker(2, "one"))
        self.assertIsNone(self.worker(2, "other").take("m1"))
        with self.assertLogs("numerai_predict.round.claims"):
            self.taken(self.worker(2, "one"))

    def test_worker_that_has_run_a_model_does_not_rob_the_one_that_came_in_its_place(self) -> None:
        # Its machine was cut off, so that the engine started it anew elsewhere.
        old = self.worker(index=2)
        claim = self.taken(old)
        new = self.worker(index=2)
        with self.assertLogs("numerai_predict.round.claims"):
            self.taken(new)
        self.assertFalse(claim.renew())
        self.taken(new, "m2")
        self.assertIsNone(old.take("m1"))
        self.assertIsNone(old.take("m2"))
        self.assertEqual(("w2", 1), (self.said()["worker"], self.said()["lost"]))

    def test_worker_that_has_looked_does_not_rob_the_one_that_came_in_its_place(self) -> None:
        other = self.taken(self.worker(index=1))
        old, new = self.worker(index=2), self.worker(index=2)
        self.assertIsNone(old.take("m1"))
        other.release()
        self.taken(new)
        self.assertIsNone(old.take("m1"))

    def test_waiting_claim_of_an_earlier_attempt_waits(self) -> None:
        self.taken(self.worker(index=2)).wait(WAIT_S)
        self.assertIsNone(self.worker(index=2).take("m1"))

    def test_claim_whose_answer_was_lost_is_ours_and_its_worker_is_not_lost(self) -> None:
        self.store.write("claims/m2", b'{"worker": "w0", "state": "free"}')
        claims = self.worker()
        for model_id in ("m1", "m2"):
            with self.subTest(model_id):
                self.store.plan.extend((WORKS, AFTER))
                with self.assertRaises(StoreError):
                    claims.take(model_id)
                self.assertEqual(("w1", "running"), (self.said(model_id)["worker"], self.said(model_id)["state"]))
                claim = self.taken(claims, model_id)
                self.assertEqual(0, claim.lost)
                self.assertTrue(claim.renew())

    def test_take_over_whose_answer_was_lost_counts_once(self) -> None:
        self.taken(self.worker())
        claims = self.worker()
        self.assertIsNone(claims.take("m1"))
        self.clock.now += LEASE_S
        self.store.plan.extend((WORKS, AFTER))
        with self.assertRaises(StoreError):
            claims.take("m1")
        self.assertEqual(1, self.taken(claims).lost)

    def test_claim_that_is_ours_again_is_renewed_by_that(self) -> None:
        claims, other = self.worker(), self.worker()
        self.taken(claims)
        self.assertIsNone(other.take("m1"))
        self.clock.now += LEASE_S
        self.taken(claims)
        self.assertIsNone(other.take("m1"))


class HeldTest(ClaimsTestCase):
    def test_renewal_says_so_and_is_counted(self) -> None:
        claim = self.taken(self.worker())
        self.assertTrue(claim.renew())
        self.assertTrue(claim.renew())
        self.assertEqual(("running", 2), (self.said()["state"], self.said()["renewals"]))

    def test_renewals_are_counted_from_each_taking_on(self) -> None:
        claims = self.worker()
        claim = self.taken(claims)
        claim.renew()
        claim.release()
        self.taken(claims)
        self.assertEqual(0, self.said()["renewals"])

    def test_released_claim_is_taken_at_once_and_nobody_is_lost(self) -> None:
        self.taken(self.worker()).release()
        self.assertEqual("free", self.said()["state"])
        self.assertEqual(0, self.taken(self.worker()).lost)

    def test_waiting_claim_is_taken_once_its_time_has_passed_since_first_sight(self) -> None:
        first, second = self.worker(), self.worker()
        self.taken(first).wait(WAIT_S)
        self.assertEqual(("waiting", WAIT_S, 1), tuple(self.said()[name] for name in ("state", "wait_s", "errors")))
        self.assertIsNone(first.take("m1"))
        self.clock.now += WAIT_S - 0.1
        self.assertIsNone(second.take("m1"))
        self.assertIsNone(first.take("m1"))
        self.clock.now += 0.1
        self.assertIsNone(second.take("m1"))
        claim = self.taken(first)
        self.assertEqual((0, 1), (claim.lost, claim.errors))

    def test_claim_that_was_taken_over_is_neither_renewed_nor_ended_by_its_old_worker(self) -> None:
        old = self.taken(self.worker())
        self.taken_over(self.worker())
        before = self.said()
        self.assertFalse(old.renew())
        old.release()
        old.wait(WAIT_S)
        self.assertEqual(before, self.said())

    def test_claim_that_is_taken_over_while_it_is_changed_stays_the_new_workers(self) -> None:
        for change in (Claim.renew, Claim.release, lambda claim: claim.wait(WAIT_S)):
            self.store.write("claims/m1", b'{"worker": "w0", "state": "free"}')
            old, new = self.taken(self.worker()), self.worker()
            self.assertIsNone(new.take("m1"))
            self.clock.now += LEASE_S

            self.meanwhile("replace", partial(self.taken, new))
            self.assertFalse(change(old))
            self.assertEqual(("running", f"w{self.workers}"), (self.said()["state"], self.said()["worker"]))

    def test_claim_that_is_gone_or_no_claim_any_more_is_lost(self) -> None:
        claim = self.taken(self.worker())
        self.store.write("claims/m1", b"?")
        self.assertFalse(claim.renew())
        self.assertFalse(Claim(self.make_store(), "m1", ClaimRecord(worker="w1"), "1").renew())

    def test_ended_claim_is_not_renewed(self) -> None:
        claim = self.taken(self.worker())
        claim.release()
        self.assertFalse(claim.renew())
        self.assertEqual("free", self.said()["state"])

    def test_claim_is_read_again_only_when_a_change_of_it_failed(self) -> None:
        claim = self.taken(self.worker())
        calls: list[str] = []
        self.store.meanwhile = lambda call, key: calls.append(call)
        self.assertTrue(claim.renew() and claim.renew())
        self.store.plan.append(AFTER)
        with self.assertRaises(StoreError):
            claim.renew()
        self.assertTrue(claim.renew())
        self.assertEqual(["replace", "replace", "replace", "read", "replace"], calls)
        self.assertEqual(4, self.said()["renewals"])

    def test_error_is_counted_once_when_the_answer_was_lost(self) -> None:
        claim = self.taken(self.worker())
        self.store.plan.append(AFTER)
        with self.assertRaises(StoreError):
            claim.wait(WAIT_S)
        claim.wait(WAIT_S)
        self.assertEqual(("waiting", 1), (self.said()["state"], self.said()["errors"]))

    def test_release_that_failed_can_be_tried_again(self) -> None:
        claim = self.taken(self.worker())
        self.store.plan.append(BEFORE)
        with self.assertRaises(StoreError):
            claim.release()
        self.assertFalse(claim.renew())
        claim.release()
        self.assertEqual("free", self.said()["state"])

    def test_renewal_during_which_another_thread_releases_does_not_undo_it(self) -> None:
        claim = self.taken(self.worker())
        reached, go_on = threading.Event(), threading.Event()

        def stop_once(call: str, key: str) -> None:
            if call == "replace" and not reached.is_set():
                reached.set()
                go_on.wait(30)

        self.store.meanwhile = stop_once
        renewing = threading.Thread(target=claim.renew)
        renewing.start()
        self.assertTrue(reached.wait(30))
        releasing = threading.Thread(target=claim.release)
        releasing.start()
        releasing.join(0.2)
        self.assertTrue(releasing.is_alive(), "two threads change the claim at a time")
        go_on.set()
        renewing.join(30)
        releasing.join(30)
        self.assertEqual(("free", 1), (self.said()["state"], self.said()["renewals"]))
        self.assertFalse(claim.renew())


class CrowdTest(ClaimsTestCase):
    def test_of_many_threads_that_take_the_same_models_each_model_has_one(self) -> None:
        ids = [f"m{number}" for number in range(20)]
        together = threading.Barrier(8)
        got: list[str] = []

        def take_all(claims: Claims) -> None:
            together.wait(30)
            got.extend(model_id for model_id in ids if claims.take(model_id))

        threads = [threading.Thread(target=take_all, args=(self.worker(),)) for _ in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(60)
        self.assertEqual(sorted(ids), sorted(got))


class DigestTest(ClaimsTestCase):
    """S3's versions are digests: the same content would look as if it had never changed."""

    def make_store(self) -> Store:
        return DigestStore()

    def test_claim_that_its_worker_gave_back_and_took_again_is_another_one(self) -> None:
        first, second = self.worker(), self.worker()
        claim = self.taken(first)
        self.assertIsNone(second.take("m1"))
        self.clock.now += LEASE_S - 1
        claim.release()
        self.taken(first)
        self.clock.now += 1
        self.assertIsNone(second.take("m1"))


class NameTest(unittest.TestCase):
    def test_every_name_of_a_worker_is_a_new_one(self) -> None:
        names = {WorkerName.of_this_process(3).name for _ in range(100)}
        self.assertEqual(100, len(names))
        self.assertEqual(3, WorkerName.of_this_process(3).index)


if __name__ == "__main__":
    unittest.main()
