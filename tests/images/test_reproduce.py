"""The command after "Reproduce it with", run: it fails in the same way as the run that printed it.

Needs nothing but Python and a Docker engine, and no network.
"""

import json
import re
import shlex
import subprocess
import unittest
from pathlib import Path

from tests.images.engine import DOCKER, IMAGE, MOST_TESTED, SAMPLE, TESTS, VERSION, ImageTestCase, docker

COMMAND = re.compile(r"^  Reproduce it with: (docker run .*)$", re.MULTILINE)
FAULT = re.compile(r"^(failed|error): (\w+)\n  (.*)\n", re.MULTILINE)
ORDINARY_USER = ("--user", "1000:1000")
RAISES = "def predict(live_features): raise ValueError('no such era')"
CONSTANT = """
def predict(live_features):
    import pandas as pd
    return pd.DataFrame({"prediction": 0.5}, index=live_features.index)
"""
SLEEPS = "def predict(live_features):\n    import time\n    time.sleep(60)"
EATS = "def predict(live_features):\n    return [bytearray(b'x' * (1 << 20)) for _ in range(1 << 20)]"


class ReproduceTest(ImageTestCase):
    def setUp(self) -> None:
        super().setUp()
        self.data = ("--dataset", SAMPLE[1], "--benchmarks", SAMPLE[3])

    def run_once(self, engine: tuple[str, ...], *words: str | Path) -> str:
        """What a run in a container says that fails."""
        done = docker("run", "--rm", *engine, IMAGE, *words)
        self.assertNotEqual(0, done.returncode, done.stderr)
        return done.stderr

    def check_reproduces(self, code: str, engine: tuple[str, ...], *words: str | Path) -> list[str]:
        """The words of the command after `docker run`, which fails with the same code and message."""
        said = self.run_once(engine, *words)
        self.assertRegex(said, COMMAND)
        command = COMMAND.findall(said)[-1]
        (given,) = [word for word in shlex.split(command) if word.startswith("numerai_predict_py_")]
        self.check_mounts(shlex.split(command))
        again = subprocess.run(
            ["sh", "-c", command.replace(f" {given} ", f" {IMAGE} ").replace("docker ", f"{DOCKER} ", 1)],
            cwd=self.folder,
            capture_output=True,
            text=True,
            timeout=300,
            check=False,
        ).stderr
        self.assertRegex(again, FAULT)
        first, second = (FAULT.findall(text)[-1] for text in (said, again))
        self.assertEqual(code, first[1], said)
        self.assertEqual(masked(first, self.folder), masked(second, self.folder), command)
        return shlex.split(command)[2:]

    def check_mounts(self, words: list[str]) -> None:
        """All of them are there, none twice and none inside another."""
        mounts = [words[place + 1] for place, word in enumerate(words) if word == "-v"]
        sources = [Path(mount.split(":")[0]) for mount in mounts]
        for source in sources:
            self.assertTrue(source.exists(), source)
            self.assertEqual([], [other for other in sources if other in source.parents])
        self.assertEqual(len(sources), len(set(sources)))

    def test_output_folder_that_the_user_may_not_write_to(self) -> None:
        model = TESTS / f"models/model_{VERSION.replace('.', '_')}.pkl"
        self.folder.chmod(0o755)
        engine = (*ORDINARY_USER, *self.mounts)
        words = ("--model", model, *self.data, "--output_dir", self.folder)
        given = self.check_reproduces("output_not_written", engine, *words)
        self.assertIn(str(self.folder), given)
        self.assertIn("1000:1000", given)

    def test_output_folder_that_is_mounted_to_be_read(self) -> None:
        model = TESTS / f"models/model_{VERSION.replace('.', '_')}.pkl"
        words = ("--model", model, *self.data, "--output_dir", "/out")
        self.check_reproduces("output_not_written", (*self.mounts[:2], "-v", f"{self.folder}:/out:ro"), *words)

    def test_relative_path_in_the_image(self) -> None:
        engine = ("-v", f"{self.folder}:{self.folder}", *self.mounts[:2])
        given = self.check_reproduces("model_not_found", engine, "--model", "model.pkl", *self.data)
        self.assertIn("/model.pkl", given)
        self.assertFalse(Path("/model.pkl").exists())

    def test_missing_files_and_folders(self) -> None:
        model = self.model(RAISES)
        self.check_reproduces("dataset_not_found", self.mounts, "--model", model, "--dataset", "/nowhere/live.parquet")
        self.check_reproduces("model_not_found", (), "--model", "/nowhere/model.pkl", *self.data)

    def test_model_that_raises_at_another_path_than_the_hosts(self) -> None:
        self.model(RAISES)
        data = ("--dataset", "/data/live.parquet", "--benchmarks", "/data/live_benchmark_models.parquet")
        mounts = ("-v", f"{self.folder}:/mine", "-v", f"{TESTS}/data:/data:ro")
        self.check_reproduces("model_raised", mounts, "--model", "/mine/model.pkl", *data)

    def test_strict_run_and_inspection(self) -> None:
        model = self.model(CONSTANT)
        self.check_reproduces("constant_predictions", self.mounts, "--model", model, *self.data, "--strict")
        other = "3_10" if VERSION != "3.10" else "3_11"
        foreign = TESTS / f"models/model_{other}.pkl"
        self.check_reproduces("python_version_mismatch", self.mounts, "--model", foreign, "--inspect")

    def test_limits_of_the_run_and_of_the_container(self) -> None:
        model = ("--model", self.model(SLEEPS))
        self.check_reproduces("timeout", self.mounts, *model, *self.data, "--time_limit", "10")
        model = ("--model", self.model(EATS))
        self.check_reproduces("out_of_memory", self.mounts, *model, *self.data, "--memory_limit", "500MB")
        given = self.check_reproduces("out_of_memory", (*self.mounts, "--memory", "700m"), *model, *self.data)
        self.assertEqual(str(700 << 20), given[given.index("--memory") + 1])

    def test_container_that_is_read_only(self) -> None:
        model = ("--model", self.model(RAISES))
        self.check_reproduces("output_not_written", (*self.mounts, "--read-only"), *model, *self.data)
        tmpfs = ("--read-only", "--tmpfs", "/tmp")
        self.check_reproduces("model_raised", (*self.mounts, *tmpfs), *model, *self.data)

    def test_report_that_cannot_be_written(self) -> None:
        model = TESTS / f"models/model_{VERSION.replace('.', '_')}.pkl"
        self.folder.chmod(0o755)
        words = ("--model", model, *self.data, "--report", self.folder / "report.json")
        self.check_reproduces("output_not_written", (*ORDINARY_USER, *self.mounts), *words)

    def test_dataset_without_a_network_is_given_up_soon(self) -> None:
        model = ("--model", self.model(RAISES))
        engine = (*self.mounts, "--network", "none")
        said = self.run_once(engine, *model, "--report", self.folder / "report.json")
        fault = json.loads((self.folder / "report.json").read_text())["fault"]
        self.assertEqual("dataset_not_downloaded", fault["code"], said)
        self.assertIn("give it with --dataset", fault["hint"])
        self.assertLessEqual(said.count(": Try "), 2, said)
        self.assertRegex(fault["message"], r"tr(y|ies) in \d+ seconds")
        (seconds,) = re.findall(r"tr(?:y|ies) in (\d+) seconds", fault["message"])
        self.assertLess(int(seconds), 60)  # 8, and what a busy machine needs for the first try.
        self.check_reproduces("dataset_not_downloaded", engine, *model)


class OutputTest(ImageTestCase):
    """Whether it is said that predictions go with the container."""

    notice = "is inside the container, and is removed with it"

    def output(self, *flags: str | Path) -> str:
        model = ("--model", TESTS / f"models/model_{VERSION.replace('.', '_')}.pkl")
        done = self.run_image((), *model, *SAMPLE, *flags)
        self.assertEqual(0, done.returncode, done.stderr)
        return done.stderr

    def test_predictions_in_the_container_alone_are_pointed_out_with_what_keeps_them(self) -> None:
        said = self.output("--debug")
        self.assertEqual(2, said.count(self.notice), "in the log and the summary")
        self.assertIn('-v "$PWD:$PWD"', said)

    def test_predictions_on_a_mount_are_not_pointed_out(self) -> None:
        self.assertNotIn(self.notice, self.output("--debug", "--output_dir", self.folder))


def masked(fault: tuple[str, ...], folder: Path) -> tuple[str, ...]:
    """A fault without what differs from run to run: numbers, the random names of files, whether a relative path is
    written out, and who ended a model for its memory, the runtime or the kernel.
    """
    text = "\n".join(fault).replace("/model.pkl", "model.pkl").replace(str(folder), "")
    text = re.sub(r"The model used [\d,]+ of [\d,]+ MiB .*|The kernel ran out of memory .*", "Out of memory", text)
    return tuple(re.sub(r"live_predictions-\w+|[\d.,]+( try| tries)?", "#", text).split("\n"))


def load_tests(loader: unittest.TestLoader, _tests: unittest.TestSuite, _pattern: str | None) -> unittest.TestSuite:
    """Nothing of it depends on the Python: one version is enough."""
    cases = [ReproduceTest, OutputTest] if VERSION == MOST_TESTED else []
    return unittest.TestSuite([loader.loadTestsFromTestCase(case) for case in cases])


if __name__ == "__main__":
    unittest.main()
