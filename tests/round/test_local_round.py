"""The supervisor of a machine, with real processes in place of workers that run models."""

import os
import signal
import subprocess
import sys
import tempfile
import threading
import time
import unittest
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO

from numerai_predict.faults import Interrupted
from numerai_predict.round import local_round
from numerai_predict.round.folder_store import FolderStore
from numerai_predict.round.local_round import LocalRound
from numerai_predict.round.manifest import MANIFEST, Row, manifest_line
from numerai_predict.round.slots import STOP_S, NativeWorker
from numerai_predict.round.standing import RoundWatch, Standing
from tests.harness import ROOT
from tests.round.worker_stand_in import outcome

LONGEST_S = 60.0


@dataclass
class StandIns:
    """Workers that run no models; each start is noted."""

    address: str
    pythons: Sequence[str] = ("3.11",)
    broken: str = ""
    broken_words: str = "The image is not there"
    started: list[tuple[str, int, int]] = field(default_factory=list)
    times: list[float] = field(default_factory=list)
    processes: list["subprocess.Popen[bytes]"] = field(default_factory=list)

    def start(self, python: str, index: int, workers: int, log: BinaryIO) -> NativeWorker:
        self.started.append((python, index, workers))
        self.times.append(time.monotonic())
        argv = [sys.executable, "-m", "tests.round.worker_stand_in", self.address, str(index), str(workers), python]
        if python == self.broken:
            argv = [sys.executable, "-c", f"raise SystemExit({self.broken_words!r})"]
        process = subprocess.Popen(argv, cwd=ROOT, stdout=log, stderr=log, start_new_session=True)
        self.processes.append(process)
        return NativeWorker(process)


class LocalRoundTest(unittest.TestCase):
    def setUp(self) -> None:
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.store = FolderStore(Path(folder.name))
        self.logs = Path(folder.name) / "logs"
        self.workers = StandIns(folder.name)
        self.shown: list[Standing] = []

    def local_round(
        self, *ids: str, slots: int = 1, pythons: dict[str, str] | None = None, pause_s: float = 0.2
    ) -> LocalRound:
        rows = [Row(model_id, f"/{model_id}.pkl", python=(pythons or {}).get(model_id)) for model_id in ids]
        self.store.write(MANIFEST, b"".join(map(manifest_line, rows)))
        watch = RoundWatch(self.store)
        return LocalRound(watch, self.workers, slots, self.logs, self.shown.append, refresh_s=0.1, pause_s=pause_s)

    def when(self, is_so: Callable[[], bool], then: Callable[[], None]) -> None:
        """Do something once it is so, while the round runs."""

        def wait() -> None:
            enough = time.monotonic() + LONGEST_S
            while not is_so() and time.monotonic() < enough:
                time.sleep(0.02)
            then()

        thread = threading.Thread(target=wait)
        thread.start()
        self.addCleanup(thread.join)

    def is_running(self, model_id: str) -> bool:
        return bool(self.shown) and model_id in [model.id for model in self.shown[-1].running]

    def test_all_models_get_an_outcome_and_the_standing_counts_them(self) -> None:
        standing = self.local_round("a", "b", "fails-c", "d", slots=2).run()
        self.assertEqual(["a", "b", "d"], [end.id for end in standing.delivered])
        self.assertEqual({"nan_predictions": 1}, standing.codes)
        self.assertEqual(([], 1), (standing.left, standing.exit_status))
        self.assertEqual({("3.11", 0, 2), ("3.11", 1, 2)}, set(self.workers.started))
        # Whose turn it is depends on which worker comes up first.
        logs = "".join((self.logs / f"worker-{index}.log").read_text() for index in range(2))
        self.assertIn("It is the turn of a", logs)

    def test_worker_that_dies_is_started_again_with_its_index(self) -> None:
        with self.assertLogs(local_round.__name__, "WARNING") as logs:
            standing = self.local_round("dies-a", "b").run()
        self.assertEqual(0, standing.exit_status)
        self.assertEqual([("3.11", 0, 1)] * 2, self.workers.started)
        said = "Worker 0 (Python 3.11) was ended by signal 9 and is started again: It is the turn of dies-a"
        self.assertEqual([said], [record.getMessage() for record in logs.records])

    def test_worker_that_ends_with_status_3_is_started_again_after_a_pause(self) -> None:
        with self.assertLogs(local_round.__name__, "WARNING") as logs:
            self.assertEqual(0, self.local_round("three-a", pause_s=2.0).run().exit_status)
        self.assertIn("ended with status 3 and is started again", logs.output[0])
        self.assertGreater(self.workers.times[1] - self.workers.times[0], 2.0)

    def test_slot_whose_workers_die_one_after_the_other_is_given_up_with_the_last_line_of_its_log(self) -> None:
        with self.assertLogs(local_round.__name__, "ERROR") as logs:
            standing = self.local_round("kills-a", "b").run()
        self.assertEqual(["kills-a", "b"], [row.id for row in standing.left])
        self.assertEqual((3, 3), (standing.exit_status, len(self.workers.started)))
        self.assertIn("ended by signal 9 3 times in a row, and is given up: It is the turn of kills-a", logs.output[0])

    def test_last_line_is_that_of_the_worker_that_ended_and_not_of_one_before(self) -> None:
        self.workers.broken, self.workers.broken_words = "3.11", ""
        self.logs.mkdir()
        (self.logs / "worker-0.log").write_text("All is well\n")
        with self.assertLogs(local_round.__name__, "ERROR") as logs:
            self.local_round("a").run()
        self.assertIn("given up: it wrote no log", logs.output[0])

    def test_slot_is_given_up_at_once_after_the_deadline(self) -> None:
        self.store.write("round.json", b'{"deadline": "2026-11-27T14:00:00Z"}')
        with self.assertLogs(local_round.__name__, "ERROR") as logs:
            self.local_round("three-a").run()
        self.assertEqual(1, len(self.workers.started))
        self.assertIn("after the deadline, and is given up", logs.output[0])

    def test_worker_that_dies_often_with_models_done_between_is_not_given_up(self) -> None:
        ids = [word for number in range(4) for word in (f"a{number}", f"dies-{number}")]
        with self.assertLogs(local_round.__name__, "WARNING"):
            standing = self.local_round(*ids).run()
        self.assertEqual((0, 5), (standing.exit_status, len(self.workers.started)))

    def test_slots_go_to_the_python_with_most_models_left_for_each_worker(self) -> None:
        self.workers.pythons = ("3.11", "3.12")
        ids = [f"m{number}" for number in range(8)]
        pythons = {name: "3.12" if number < 6 else "3.11" for number, name in enumerate(ids)}
        standing = self.local_round(*ids, slots=3, pythons=pythons).run()
        self.assertEqual(0, standing.exit_status)
        self.assertEqual(["3.12", "3.12"], [python for python, index, _ in self.workers.started[:2]])
        self.assertIn("3.11", [python for python, *_ in self.workers.started])

    def test_python_without_workers_here_is_left_and_the_others_run(self) -> None:
        standing = self.local_round("a", "b", pythons={"a": "3.12", "b": "3.11"}).run()
        self.assertEqual((["a"], 3), ([row.id for row in standing.left], standing.exit_status))

    def test_python_whose_workers_cannot_start_is_given_up_and_the_others_run(self) -> None:
        self.workers.pythons, self.workers.broken = ("3.11", "3.12"), "3.12"
        with self.assertLogs(local_round.__name__, "ERROR") as logs:
            standing = self.local_round("a", "c", "b", pythons={"a": "3.12", "c": "3.12", "b": "3.11"}).run()
        self.assertEqual(["b"], [end.id for end in standing.delivered])
        self.assertIn("The image is not there", logs.output[0])

    def test_no_more_workers_are_started_than_there_are_models(self) -> None:
        self.local_round("a", "b", slots=5).run()
        self.assertEqual({0, 1}, {index for _, index, _ in self.workers.started})

    def test_signal_ends_the_workers_which_let_go_and_the_next_round_goes_on(self) -> None:
        def interrupt(number: int, frame: object) -> None:
            raise Interrupted("SIGUSR1")

        self.addCleanup(signal.signal, signal.SIGUSR1, signal.signal(signal.SIGUSR1, interrupt))
        running = self.local_round("a", "hangs-b", slots=2)
        self.when(
            lambda: self.is_running("hangs-b") and bool(self.shown[-1].delivered),
            lambda: os.kill(os.getpid(), signal.SIGUSR1),
        )
        with self.assertRaises(Interrupted):
            running.run()
        for process in self.workers.processes:
            self.assertIsNotNone(process.returncode)
        self.assertIn(b'"free"', self.store.read("claims/hangs-b").content)  # type: ignore[union-attr]
        before = self.store.read("outcomes/a.json")
        self.store.create("outcomes/hangs-b.json", outcome("hangs-b"))
        self.assertEqual(0, self.local_round("a", "hangs-b").run().exit_status)
        self.assertEqual(before, self.store.read("outcomes/a.json"))

    def test_second_signal_kills_workers_that_do_not_end(self) -> None:
        def interrupt(number: int, frame: object) -> None:
            raise Interrupted("SIGUSR1")

        self.addCleanup(signal.signal, signal.SIGUSR1, signal.signal(signal.SIGUSR1, interrupt))
        running = self.local_round("hangs-b")

        def twice() -> None:
            os.kill(self.workers.processes[0].pid, signal.SIGSTOP)
            os.kill(os.getpid(), signal.SIGUSR1)
            time.sleep(0.5)
            os.kill(os.getpid(), signal.SIGUSR1)

        began = time.monotonic()
        self.when(lambda: self.is_running("hangs-b"), twice)
        with self.assertRaises(Interrupted):
            running.run()
        self.assertLess(time.monotonic() - began, STOP_S)
        self.assertEqual(-signal.SIGKILL, self.workers.processes[0].wait())

    def test_models_that_run_are_shown_with_their_seconds(self) -> None:
        running = self.local_round("hangs-b")

        def end() -> None:
            self.store.write("outcomes/hangs-b.json", outcome("hangs-b"))
            self.workers.processes[0].terminate()

        self.when(lambda: self.is_running("hangs-b") and self.shown[-1].running[0].seconds > 0.3, end)
        with self.assertLogs(local_round.__name__, "WARNING"):
            self.assertEqual(0, running.run().exit_status)
        seconds = [model.seconds for standing in self.shown for model in standing.running]
        self.assertEqual(sorted(seconds), seconds)
        self.assertGreater(seconds[-1], 0.3)


if __name__ == "__main__":
    unittest.main()
