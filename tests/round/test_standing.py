"""What is known of a round at a moment: read from a real folder, with a clock that the test moves."""

import json
import tempfile
import unittest
from datetime import datetime, timedelta, timezone
from pathlib import Path

from numerai_predict.faults import Fault
from numerai_predict.round.claims import LEASE_S, Claims, WorkerName
from numerai_predict.round.folder_store import FolderStore
from numerai_predict.round.manifest import MANIFEST, Row, manifest_line
from numerai_predict.round.standing import RATE_S, RoundWatch
from numerai_predict.round.store import Versioned
from tests.round.worker_stand_in import outcome


class CountingStore(FolderStore):
    """Notes what is read."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self.reads: list[str] = []

    def read(self, key: str) -> Versioned | None:
        self.reads.append(key)
        return super().read(key)


class RoundWatchTest(unittest.TestCase):
    def setUp(self) -> None:
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.store = CountingStore(Path(folder.name))
        self.clock = 1000.0

    def watch(self, *ids: str) -> RoundWatch:
        self.store.write(MANIFEST, b"".join(manifest_line(Row(name, f"/{name}.pkl")) for name in ids))
        return RoundWatch(self.store, lambda: self.clock)

    def end(self, *ids: str) -> None:
        for name in ids:
            self.assertTrue(self.store.create(f"outcomes/{name}.json", outcome(name)))

    def test_models_are_counted_by_how_they_ended_in_the_order_of_the_manifest(self) -> None:
        watch = self.watch("b", "errors-a", "fails-c", "a", "left")
        self.end("a", "b", "errors-a", "fails-c")
        standing = watch.look()
        self.assertEqual(["b", "a"], [end.id for end in standing.delivered])
        self.assertEqual(["fails-c"], [end.id for end in standing.failed])
        self.assertEqual(["errors-a"], [end.id for end in standing.errors])
        self.assertEqual(["left"], [row.id for row in standing.left])
        self.assertEqual({"nan_predictions": 1, "model_not_found": 1}, standing.codes)
        self.assertEqual(1.0, standing.cpu_s)

    def test_exit_status_is_3_before_1_before_0(self) -> None:
        for ids, left, status in (
            (("a",), (), 0),
            (("a", "fails-b"), (), 1),
            (("a", "fails-b", "errors-c"), (), 3),
            (("a", "fails-b"), ("c",), 3),
            ((), ("c",), 3),
        ):
            with self.subTest(ids, left=left), tempfile.TemporaryDirectory() as folder:
                self.store = CountingStore(Path(folder))
                watch = self.watch(*ids, *left)
                self.end(*ids)
                self.assertEqual(status, watch.look().exit_status)

    def test_every_outcome_is_read_once(self) -> None:
        watch = self.watch("a", "b")
        self.end("a")
        for _ in range(3):
            watch.look()
        self.end("b")
        watch.look()
        watch.look()
        read = [key for key in self.store.reads if key.startswith("outcomes/")]
        self.assertEqual(["outcomes/a.json", "outcomes/b.json"], read)

    def test_what_is_no_outcome_is_an_error(self) -> None:
        for content in (b"", b"{", b"[]", b"{}", b'{"status": "success"}', b'{"status": 1, "fault": 3, "usage": {}}'):
            with self.subTest(content), tempfile.TemporaryDirectory() as folder:
                self.store = CountingStore(Path(folder))
                watch = self.watch("a")
                self.store.create("outcomes/a.json", content)
                (end,) = watch.look().errors
                self.assertEqual(("internal_error", "outcomes/a.json is no run report."), (end.code, end.message))

    def test_end_says_why_what_helps_and_what_was_used(self) -> None:
        watch = self.watch("fails-a")
        said = json.loads(outcome("fails-a"))
        said["fault"]["hint"], said["usage"]["peak_memory_bytes"] = "Fill them.", 1 << 20
        self.store.create("outcomes/fails-a.json", json.dumps(said).encode())
        (end,) = watch.look().failed
        self.assertEqual(("nan_predictions", "Fill them.", 1 << 20), (end.code, end.hint, end.peak_memory_bytes))

    def test_outcome_of_a_model_that_the_manifest_does_not_list_counts_for_nothing(self) -> None:
        watch = self.watch("a")
        self.end("a", "fails-other")
        self.assertEqual((1, 0), (len(watch.look().ends), watch.look().exit_status))

    def test_model_runs_from_its_claim_to_its_outcome(self) -> None:
        watch = self.watch("a", "b")
        self.assertEqual([], [*watch.look().running])
        Claims(self.store, WorkerName("w0", 0, "here")).take("a")
        watch.look()
        self.clock += 20
        (running,) = watch.look().running
        self.assertEqual(("a", "w0", 20.0), (running.id, running.worker, running.seconds))
        self.end("a")
        self.assertEqual([], [*watch.look().running])

    def test_claim_of_before_the_first_look_is_as_old_as_its_renewals_at_least(self) -> None:
        watch = self.watch("a")
        claim = Claims(self.store, WorkerName("w0", 0, "here")).take("a")
        assert claim
        for _ in range(3):
            claim.renew()
        self.assertEqual(3 * LEASE_S / 4, watch.look().running[0].seconds)

    def test_claim_that_is_not_renewed_for_a_lease_is_not_running(self) -> None:
        watch = self.watch("a")
        claim = Claims(self.store, WorkerName("w0", 0, "here")).take("a")
        assert claim
        watch.look()
        self.clock += LEASE_S
        self.assertEqual(1, len(watch.look().running))
        claim.renew()
        watch.look()
        self.clock += LEASE_S
        self.assertEqual(1, len(watch.look().running))
        self.clock += 1
        self.assertEqual(0, len(watch.look().running))

    def test_claim_that_waits_is_free_or_is_none_is_not_running(self) -> None:
        watch = self.watch("a", "b", "c")
        claims = Claims(self.store, WorkerName("w0", 0, "here"))
        first, second = claims.take("a"), claims.take("b")
        assert first
        assert second
        first.wait(30)
        second.release()
        self.store.create("claims/c", b"nonsense")
        self.assertEqual([], [*watch.look().running])

    def test_rate_is_that_of_the_last_minutes_and_says_when_the_round_is_over(self) -> None:
        watch = self.watch(*(f"m{number}" for number in range(20)))
        self.end("m0", "m1")
        first = watch.look()
        self.assertEqual((None, None), (first.per_minute, first.estimated_s))
        self.clock += 60
        self.end("m2", "m3", "m4", "m5")
        standing = watch.look()
        self.assertEqual((4.0, 14 / 4 * 60), (standing.per_minute, standing.estimated_s))
        self.clock += RATE_S
        watch.look()
        self.clock += 60
        self.end("m6")
        self.assertAlmostEqual(1 / (RATE_S + 60) * 60, watch.look().per_minute or 0)

    def test_deadline_is_so_many_seconds_away(self) -> None:
        deadline = datetime.now(timezone.utc) + timedelta(minutes=10)
        self.store.write("round.json", json.dumps({"deadline": deadline.isoformat()}).encode())
        self.assertAlmostEqual(600, self.watch("a").look().deadline_s or 0, delta=30)

    def test_round_without_a_manifest_is_a_wrong_command_line(self) -> None:
        with self.assertRaises(Fault) as raised:
            RoundWatch(self.store)
        self.assertEqual("usage", raised.exception.code.label)


if __name__ == "__main__":
    unittest.main()
