"""Workers as containers, with a `docker` that notes what it is asked; and how many fit on a machine."""

import json
import os
import signal
import socket
import sys
import tempfile
import time
import unittest
from pathlib import Path
from unittest import mock

from numerai_predict.faults import Code, Fault
from numerai_predict.inspection import IMAGES, THIS_PYTHON
from numerai_predict.round import slots
from numerai_predict.round.slots import ContainerWorker, ContainerWorkers, slots_that_fit

# `run` goes on until there is a file named stop, as a container does until it is stopped; a file named `local` says
# that images of this machine exist; `deaf` that no engine answers.
DOCKER = f"""#!{sys.executable}
import json, os, sys, time
from pathlib import Path
folder = Path(__file__).parent
with open(folder / "calls.jsonl", "a") as calls:
    calls.write(json.dumps(sys.argv[1:]) + "\\n")
verb = sys.argv[1]
if (folder / "deaf").exists():
    sys.exit("Cannot connect to the Docker daemon")
if verb == "image":
    sys.exit(0 if (folder / "local").exists() else 1)
if verb == "run" and (folder / "waits").exists():
    while not (folder / "stop").exists():
        time.sleep(0.02)
    sys.exit(3)
if verb == "stop":
    if (folder / "pulls").exists():
        sys.exit("No such container")
    (folder / "stop").touch()
"""
LONGEST_S = 60.0


class ContainersTest(unittest.TestCase):
    def setUp(self) -> None:
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = Path(folder.name)
        self.docker = self.folder / "docker"
        self.docker.write_text(DOCKER)
        self.docker.chmod(0o755)
        self.round = self.folder / "a round"
        self.models = self.folder / "models"
        for made in (self.round, self.models):
            made.mkdir()
        (self.models / "a.pkl").touch()

    def workers(self, address: str | None = None) -> ContainerWorkers:
        if address:
            return ContainerWorkers(address, None, ["models/a.pkl"], str(self.docker))
        model = str(self.models / "a.pkl")
        return ContainerWorkers(str(self.round), self.round, [model, "models/b.pkl"], str(self.docker))

    def start(self, workers: ContainerWorkers, python: str = "3.12") -> ContainerWorker:
        log = open(self.folder / "log", "ab")  # noqa: SIM115 - for as long as the test takes
        self.addCleanup(log.close)
        worker = workers.start(python, 1, 4, log)
        self.addCleanup(worker.kill)
        return worker

    def end(self, worker: ContainerWorker) -> int | None:
        enough = time.monotonic() + LONGEST_S
        while (status := worker.poll()) is None and time.monotonic() < enough:
            time.sleep(0.02)
        return status

    def calls(self, *verbs: str) -> list[list[str]]:
        """What the engine was asked to run, or to do else."""
        found = [json.loads(line) for line in (self.folder / "calls.jsonl").read_text().splitlines()]
        return [words for words in found if words[0] in (verbs or ("run",))]

    def run_words(self, address: str | None = None, python: str = "3.12") -> list[str]:
        self.assertEqual(0, self.end(self.start(self.workers(address), python)))
        (words,) = self.calls()
        return words

    def test_worker_is_a_container_with_one_cpu_5_gib_and_its_index(self) -> None:
        words = self.run_words()
        self.assertEqual(["worker", str(self.round), "--index", "1", "--workers", "4"], words[-8:-2])
        self.assertEqual(["--job", socket.gethostname()], words[-2:])
        joined = " ".join(words)
        self.assertIn("--rm --name numerai-round-", joined)
        self.assertIn("--cpus 1 --memory 5g", joined)

    def test_folders_are_where_they_are_here_and_that_of_the_models_cannot_be_written_to(
        self,
    ) -> None:
        words = self.run_words()
        mounts = [words[place + 1] for place, word in enumerate(words) if word == "--mount"]
        self.assertEqual(
            [
                f"type=bind,source={self.round},target={self.round}",
                f"type=bind,source={self.models},target={self.models},readonly",
            ],
            mounts,
        )

    def test_models_in_the_folder_of_the_round_need_no_other(self) -> None:
        model = self.round / "models/a.pkl"
        model.parent.mkdir()
        model.touch()
        workers = ContainerWorkers(str(self.round), self.round, [str(model)], str(self.docker))
        self.end(self.start(workers))
        self.assertEqual(1, self.calls()[0].count("--mount"))

    def test_image_is_that_of_the_python_here_or_else_in_the_registry(self) -> None:
        self.assertEqual("ghcr.io/numerai/numerai_predict_py_3_12:stable", self.run_words()[-9])
        (self.folder / "local").touch()
        self.end(self.start(self.workers(), "3.10"))
        self.assertEqual("numerai_predict_py_3_10:latest", self.calls()[-1][-9])

    def test_image_that_is_not_here_is_said_to_be_pulled(self) -> None:
        docker = str(self.docker)
        self.assertEqual(("ghcr.io/numerai/numerai_predict_py_3_12:stable", False), slots.image_of("3.12", docker))
        (self.folder / "local").touch()
        self.assertEqual(("numerai_predict_py_3_12:latest", True), slots.image_of("3.12", docker))

    def test_user_is_that_of_this_process_unless_it_is_root(self) -> None:
        with mock.patch("os.getuid", return_value=1000), mock.patch("os.getgid", return_value=1001):
            words = self.run_words()
        self.assertEqual("1000:1001", words[words.index("--user") + 1])
        with mock.patch("os.getuid", return_value=0):
            self.end(self.start(self.workers()))
        self.assertNotIn("--user", self.calls()[-1])

    def test_credentials_are_passed_by_name_and_only_for_s3(self) -> None:
        secret = {"AWS_ACCESS_KEY_ID": "AKIA123", "AWS_SECRET_ACCESS_KEY": "s3cr3t-value", "AWS_PROFILE": "private"}
        with mock.patch.dict(os.environ, secret):
            words = self.run_words("s3://bucket/round")
            self.assertIn("-e AWS_SECRET_ACCESS_KEY", " ".join(words))
            self.assertNotIn("AWS_PROFILE", words)
            self.assertNotIn("--mount", words)
            self.end(self.start(self.workers()))
        self.assertNotIn("-e", self.calls()[-1])
        self.assertNotRegex((self.folder / "calls.jsonl").read_text(), "s3cr3t-value|AKIA123")

    def test_container_is_stopped_by_the_engine_and_nothing_is_left_of_it(self) -> None:
        (self.folder / "waits").touch()
        worker = self.start(self.workers())
        self.assertIsNone(worker.poll())
        worker.stop()
        self.assertEqual(3, self.end(worker))
        name = self.calls()[0][3]
        self.assertEqual([["stop", "--time", "20", name]], self.calls("stop"))
        self.assertEqual(["rm", "--force", name], self.calls("rm")[-1])

    def test_client_that_has_no_container_yet_is_ended_itself(self) -> None:
        for mark in ("waits", "pulls"):
            (self.folder / mark).touch()
        worker = self.start(self.workers())
        worker.stop()
        self.assertEqual(-signal.SIGTERM, self.end(worker))

    def test_container_whose_client_was_killed_is_removed(self) -> None:
        (self.folder / "waits").touch()
        worker = self.start(self.workers())
        before = len(self.calls("rm"))
        os.kill(worker._client.pid, signal.SIGKILL)
        self.assertEqual(-signal.SIGKILL, self.end(worker))
        self.assertEqual(before + 1, len(self.calls("rm")))

    def test_killed_worker_is_removed_with_its_client(self) -> None:
        (self.folder / "waits").touch()
        worker = self.start(self.workers())
        worker.kill()
        self.assertEqual(-signal.SIGKILL, worker.poll())
        self.assertEqual(["rm", "--force"], self.calls("rm")[-1][:2])

    def test_container_of_an_earlier_command_has_the_same_name_and_goes_first(self) -> None:
        self.end(self.start(self.workers()))
        verbs = [words[0] for words in self.calls("rm", "run")]
        self.assertEqual(["rm", "run", "rm"], verbs)
        self.end(self.start(self.workers()))
        self.assertEqual({words[3] for words in self.calls()}, {words[2] for words in self.calls("rm")})
        self.assertEqual(1, len({words[3] for words in self.calls()}))

    def test_without_an_engine_the_command_line_is_wrong_and_native_is_named(self) -> None:
        (self.folder / "deaf").touch()
        for docker in (str(self.docker), str(self.folder / "nowhere")):
            with self.subTest(docker), self.assertRaises(Fault) as raised:
                ContainerWorkers(str(self.round), self.round, [], docker)
            self.assertIs(Code.USAGE, raised.exception.code)
            self.assertIn("--native", raised.exception.message)
        self.assertIn("nowhere", raised.exception.message)

    def test_there_are_workers_of_every_image_and_of_this_python_first(self) -> None:
        self.assertEqual(set(IMAGES), set(self.workers().pythons))
        self.assertEqual(THIS_PYTHON, self.workers().pythons[0])


class FitTest(unittest.TestCase):
    def fit(self, cpus: int, gib: float, limit_gib: float = 0) -> int:
        with tempfile.TemporaryDirectory() as folder:
            info = Path(folder) / "meminfo"
            info.write_text(f"MemTotal: 1 kB\nMemAvailable:   {int(gib * (1 << 20))} kB\n")
            limits = {"--memory": str(int(limit_gib * (1 << 30)))} if limit_gib else {}
            with (
                mock.patch.object(slots, "MEMORY_INFO", info),
                mock.patch.object(slots, "available_cpus", return_value=cpus),
                mock.patch("numerai_predict.container.limits", return_value=limits),
            ):
                return slots_that_fit()

    def test_workers_fit_as_there_are_cpus_and_memory_and_one_always(self) -> None:
        self.assertEqual(2, self.fit(2, 64))
        self.assertEqual(3, self.fit(8, 15.5))
        self.assertEqual(1, self.fit(8, 1))
        self.assertEqual(2, self.fit(8, 64, limit_gib=10))


if __name__ == "__main__":
    unittest.main()
