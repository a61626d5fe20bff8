"""Workers that take, renew, end, die, come back and are cut off in any order: what must hold whatever happens."""

import itertools
import logging
import os
import tempfile
import unittest
from collections import Counter, defaultdict
from collections.abc import Callable
from pathlib import Path

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule, run_state_machine_as_test

from numerai_predict.faults import Code
from numerai_predict.round.claims import LEASE_S, ClaimRecord, Claims, WorkerName
from numerai_predict.round.deadline import Deadline
from numerai_predict.round.folder_store import FolderStore
from numerai_predict.round.manifest import Row
from numerai_predict.round.queue import Claimed, Nothing, Poisoned, Queue, outcome_key
from numerai_predict.round.retries import BACKOFF_S, backoff_s
from numerai_predict.round.store import Store, StoreError
from tests.examples import examples
from tests.round.memory_store import AFTER, BEFORE, WORKS, FaultyStore, MemoryStore
from tests.round.s3_stores import store_in
from tests.s3 import serving_stand_in

WORKERS = 3
# Each write waits for the disk otherwise.
QUICK_FOLDER = "/dev/shm" if os.path.isdir("/dev/shm") else None
# Whoever runs this one goes down.
KILLER = "killer"
ROWS = [
    Row(name, f"models/{name}.pkl", cpu_s=cpu_s)
    for name, cpu_s in ((KILLER, None), ("a", 60.0), ("b", 20.0), ("c", 2.0))
]
LOST = Code.WORKER_LOST.label
CLEAN = "success"
# By then a lone worker has waited for all that it may have to: two leases and all pauses of each model.
LONGEST_END_S = len(ROWS) * (2 * LEASE_S + sum(BACKOFF_S)) + 60

SLOTS = st.integers(0, WORKERS - 1)
# Of a worker that runs a model; another one looks for one.
ACTIONS = st.sampled_from(("renew", "finish", "fault", "fault", "stop"))


class Died(BaseException):
    """The worker is gone, wherever it was."""


class Ledger:
    """The store of a round, and an observer who sees each write and knows the time, and judges it."""

    def __init__(self, store: Store) -> None:
        self.address = store.address
        self.now = 1e6
        self.store = store
        self.outcomes: Counter[str] = Counter()
        self.seen: Counter[str] = Counter()
        self.changed: dict[str, float] = defaultdict(float)
        # Workers whose index has been given to another one: their claims are the other's to take.
        self.replaced: set[str] = set()
        self.read, self.names, self.fetch, self.write = store.read, store.names, store.fetch, store.write

    def create(self, key: str, content: bytes) -> str | None:
        return self._noted(key, content, self.store.create(key, content), None)

    def replace(self, key: str, content: bytes, version: str) -> str | None:
        before = self.store.read(key)
        return self._noted(key, content, self.store.replace(key, content, version), before.content if before else None)

    def _noted(self, key: str, content: bytes, written: str | None, before: bytes | None) -> str | None:
        if written and key.startswith("outcomes/"):
            self.outcomes[key] += 1
        elif written:
            old, new = ClaimRecord.of(before) if before else None, ClaimRecord.of(content)
            assert new is not None, content
            self._judge(key, old or ClaimRecord(state="free"), new)
            self.changed[key] = self.now
        return written

    def _judge(self, key: str, old: ClaimRecord, new: ClaimRecord) -> None:
        age = self.now - self.changed[key]
        is_hand_over = old.state == "running" and old.worker != new.worker
        assert new.lost == old.lost + is_hand_over, (old, new)
        assert new.errors == old.errors + (new.state == "waiting"), (old, new)
        if is_hand_over:
            self.seen["taken over"] += 1
            assert age >= LEASE_S or old.worker in self.replaced, f"robbed after {age} s: {old} {new}"
        if old.state == "waiting":
            self.seen["run again"] += 1
            assert age >= old.wait_s, f"waited {age} s: {old} {new}"


class Worker:
    """One that does as the machine says; what it believes is kept: since when it has its claim at least."""

    def __init__(self, ledger: Ledger, number: int, index: int) -> None:
        self.name = f"w{number}"
        self.index = index
        self.store = FaultyStore(ledger)
        self.running: Claimed | None = None
        self.sign = 0.0
        self.has_ended = False
        self._ledger = ledger
        claims = Claims(self.store, WorkerName(self.name, index, "host"), now=lambda: ledger.now - 7919.0 * number)
        # All begin with the same model, so as to be in each other's way.
        self.queue = Queue(self.store, ROWS, 0, 1, claims, Deadline(None))

    def act(self, action: str) -> None:
        """Do it to the model that it runs, or look for one. Raises Died, and StoreError, after which it goes on."""
        if self.running is None:
            self._look()
        else:
            acts = {"renew": self._renew, "finish": self._finish, "fault": self._fault, "stop": self._stop}
            acts[action](self.running)

    def _look(self) -> None:
        began = self._ledger.now
        found = self.queue.next()
        self.has_ended = isinstance(found, Nothing)
        assert not self.has_ended or len(self._ledger.outcomes) == len(ROWS), "it ends before the round does"
        if isinstance(found, Claimed):
            self.running, self.sign = found, began
        elif isinstance(found, Poisoned):
            assert found.claim.lost >= 2
            self._ledger.seen["poisoned"] += 1
            self.store.create(outcome_key(found.row.id), found.fault.code.label.encode())

    def _renew(self, running: Claimed) -> None:
        began = self._ledger.now
        if running.claim.renew():
            self.sign = began
        else:
            self._ledger.seen["lost its claim"] += 1
            self.running = None

    def _finish(self, running: Claimed) -> None:
        if running.row.id == KILLER:
            raise Died
        if not self.store.create(outcome_key(running.row.id), CLEAN.encode()):
            self._ledger.seen["came second"] += 1
        self.running = None

    def _fault(self, running: Claimed) -> None:
        if running.row.id == KILLER:
            raise Died
        pause = backoff_s(running.claim.errors + 1)
        if pause is None:
            self._ledger.seen["given up"] += 1
            self.store.create(outcome_key(running.row.id), Code.UPLOAD_FAILED.label.encode())
        self.running = None
        if pause is not None:
            running.claim.wait(pause)

    def _stop(self, running: Claimed) -> None:
        self.running = None
        running.claim.release()


class Interleaving(RuleBasedStateMachine):
    """WORKERS slots, each with a worker or none, and workers that were cut off and live on."""

    def __init__(self, store: Store, seen: Counter[str]) -> None:
        super().__init__()
        self.ledger = Ledger(store)
        self.ledger.seen = seen
        self.started = 0
        self.workers = [self.start(index) for index in range(WORKERS)]
        self.cut_off: list[Worker] = []
        # Who ran the killer when it went down.
        self.killed: set[str] = set()

    def start(self, index: int) -> Worker:
        """A new worker of that index."""
        self.started += 1
        return Worker(self.ledger, self.started, index)

    def replace(self, worker: Worker) -> None:
        """A new one comes in the place of a worker that is gone, as far as can be seen."""
        self.ledger.replaced.add(worker.name)
        self.workers[worker.index] = self.start(worker.index)

    def act(self, worker: Worker, action: str) -> None:
        """What a worker does, with all that may come of it."""
        try:
            worker.act(action)
        except StoreError:
            self.ledger.seen["store failed"] += 1
        except Died:
            self.die(worker)

    def die(self, worker: Worker) -> None:
        """The worker is gone, and another one comes."""
        self.ledger.seen["died"] += 1
        if worker.running and worker.running.row.id == KILLER:
            self.killed.add(worker.name)
        if worker in self.cut_off:
            self.cut_off.remove(worker)
        else:
            self.replace(worker)

    @rule(slot=SLOTS, action=ACTIONS)
    def one_acts(self, slot: int, action: str) -> None:
        self.act(self.workers[slot], action)

    @rule(slot=SLOTS, action=ACTIONS, plan=st.lists(st.sampled_from((WORKS, BEFORE, AFTER)), min_size=1, max_size=5))
    def one_acts_while_the_store_fails(self, slot: int, action: str, plan: list[str]) -> None:
        worker = self.workers[slot]
        worker.store.plan.extend(plan)
        self.act(worker, action)
        worker.store.plan.clear()

    @rule(
        slot=SLOTS, action=ACTIONS, at=st.integers(0, 4), other=SLOTS, others=st.lists(ACTIONS, min_size=1, max_size=3)
    )
    def one_acts_while_another_acts(self, slot: int, action: str, at: int, other: int, others: list[str]) -> None:
        if slot != other:
            self.interrupt(self.workers[slot], action, at, lambda: self.act_all(other, others))

    @rule(slot=SLOTS, action=ACTIONS, at=st.integers(0, 4), seconds=st.sampled_from((1.0, LEASE_S)))
    def one_acts_slowly(self, slot: int, action: str, at: int, seconds: float) -> None:
        def others_live_on() -> None:
            self.pass_time(seconds)
            for worker in self.workers:
                if worker.index != slot:
                    self.act(worker, "renew")

        self.interrupt(self.workers[slot], action, at, others_live_on)

    @rule(slot=SLOTS, action=ACTIONS, at=st.integers(0, 4))
    def one_dies_as_it_acts(self, slot: int, action: str, at: int) -> None:
        def die() -> None:
            raise Died

        self.interrupt(self.workers[slot], action, at, die)

    @rule(slot=SLOTS)
    def one_dies(self, slot: int) -> None:
        self.die(self.workers[slot])

    @rule(slot=SLOTS)
    def one_is_cut_off(self, slot: int) -> None:
        # One in whose place another one came before its first look would take that one for an earlier attempt.
        if self.workers[slot].running:
            self.cut_off.append(self.workers[slot])
            self.replace(self.workers[slot])

    @precondition(lambda self: self.cut_off)
    @rule(which=st.integers(0, 99), action=ACTIONS)
    def one_that_was_cut_off_acts(self, which: int, action: str) -> None:
        self.act(self.cut_off[which % len(self.cut_off)], action)

    @rule(seconds=st.sampled_from((1.0, 5.0, 20.0, LEASE_S, 10 * LEASE_S)))
    def nobody_acts_for_a_while(self, seconds: float) -> None:
        self.pass_time(seconds)

    @rule(quarters=st.integers(1, 12))
    def time_goes_by_while_claims_are_renewed(self, quarters: int) -> None:
        for _ in range(quarters):
            self.pass_time(LEASE_S / 4)
            for worker in self.workers:
                self.act(worker, "renew")

    def act_all(self, slot: int, actions: list[str]) -> None:
        """The worker of the slot does all of it."""
        for action in actions:
            self.act(self.workers[slot], action)

    def pass_time(self, seconds: float) -> None:
        """The clocks of all go on."""
        self.ledger.now += seconds

    def interrupt(self, worker: Worker, action: str, at: int, meanwhile: Callable[[], None]) -> None:
        """The worker acts, and before its call of that number to the store something else happens."""
        calls = 0

        def once(call: str, key: str) -> None:
            nonlocal calls
            calls += 1
            if calls == at + 1:
                self.ledger.seen["in between"] += 1
                meanwhile()

        worker.store.meanwhile = once
        self.act(worker, action)
        worker.store.meanwhile = lambda call, key: None

    @invariant()
    def no_model_has_two_outcomes(self) -> None:
        assert all(count == 1 for count in self.ledger.outcomes.values())

    @invariant()
    def no_two_hold_a_model_whose_leases_are_valid(self) -> None:
        holders = Counter(
            worker.running.row.id
            for worker in (*self.workers, *self.cut_off)
            if worker.running and self.ledger.now - worker.sign < LEASE_S and worker.name not in self.ledger.replaced
        )
        assert all(count == 1 for count in holders.values()), holders

    @invariant()
    def no_third_worker_goes_down(self) -> None:
        assert len(self.killed) <= 2, self.killed

    def teardown(self) -> None:
        """All but one die: that one brings everything to its end."""
        self.cut_off.clear()
        self.replace(self.workers[0])
        del self.workers[1:]
        began = self.ledger.now
        while not self.workers[0].has_ended:
            worker = self.workers[0]
            self.act(worker, "finish")
            if self.workers[0].running is None:
                self.pass_time(1.0)
            assert self.ledger.now - began < LONGEST_END_S, "it waits for ever"
        self.check_outcomes()

    def check_outcomes(self) -> None:
        """Every model has one."""
        assert self.ledger.outcomes.keys() == {outcome_key(row.id) for row in ROWS}, self.ledger.outcomes
        self.no_third_worker_goes_down()
        found = self.ledger.read(outcome_key(KILLER))
        assert found is not None
        assert found.content.decode() == LOST, found


class InterleavingTest(unittest.TestCase):
    """On a store in memory, which is quick, and some of it on the two that rounds lie in."""

    def check(self, make_store: Callable[[], Store], count: int, *happens: str) -> None:
        """Interleave in so many ways, each in a store of its own, and see that all of this happens."""
        seen: Counter[str] = Counter()
        logging.getLogger("numerai_predict.round").addHandler(logging.NullHandler())
        run_state_machine_as_test(  # type: ignore[no-untyped-call]
            lambda: Interleaving(make_store(), seen), settings=settings(examples(count), stateful_step_count=40)
        )
        for what in ("taken over", "run again", "poisoned", *happens):
            self.assertGreater(seen[what], 0, what)

    def test_every_model_ends_once_whatever_its_workers_and_the_store_do(self) -> None:
        self.check(MemoryStore, 400, "lost its claim", "came second", "in between")

    def test_every_model_of_a_folder_ends_once(self) -> None:
        with tempfile.TemporaryDirectory(dir=QUICK_FOLDER) as folder:
            self.check(lambda: FolderStore(Path(tempfile.mkdtemp(dir=folder))), 20)

    def test_every_model_in_s3_ends_once(self) -> None:
        with serving_stand_in() as bucket:
            numbers = itertools.count()
            self.check(lambda: store_in(bucket, f"rounds/{next(numbers)}"), 5)


if __name__ == "__main__":
    unittest.main()
