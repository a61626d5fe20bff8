"""The image, run as users and the platform run it. IMAGE and VERSION name it; `make test_3_11` sets them.

Needs nothing but Python and a Docker engine, and no network.
"""

import os
import re
import secrets
import shlex
import time
import unittest
import uuid
from pathlib import Path

from tests import s3_stand_in
from tests.images.engine import (
    AS_ON_THE_PLATFORM,
    IMAGE,
    ROOT,
    SAMPLE,
    TESTS,
    VERSION,
    ImageTestCase,
    docker,
    inspect,
    python,
)

PLATFORM = os.environ.get("PLATFORM", "linux/amd64")
MODEL = TESTS / f"models/model_{VERSION.replace('.', '_')}.pkl"
LEGACY_MODEL = TESTS / f"models/model_{VERSION.replace('.', '_')}_legacy.pkl"
KEYS = (secrets.token_hex(10).upper(), secrets.token_hex(20))
# What `pip check` says although nothing is wrong.
EXPLAINED = (
    # tensorflow-cpu is tensorflow by another name, which no requirement can say.
    r"(tensorflow-decision-forests|tf-keras|ydf-tf) \S+ requires tensorflow, which is not installed\.",
    # The wheel is named for every Python 3, and is; the metadata inside still names the 3.8 that built it.
    r"treelite-runtime 3\.9\.1 is not supported on this platform",
)


class SampleModelTest(ImageTestCase):
    expected: dict[Path, str]

    @classmethod
    def setUpClass(cls) -> None:
        script = """
import sys
import pandas as pd

model, live, benchmarks = sys.argv[1:]
frames = [pd.read_parquet(live), pd.read_parquet(benchmarks)]
frames = frames[:1] if model.endswith("_legacy.pkl") else frames
print(pd.read_pickle(model)(*frames).to_csv(), end="")
"""
        cls.expected = {model: python(script, model, SAMPLE[1], SAMPLE[3]) for model in (MODEL, LEGACY_MODEL)}

    def predict(self, *flags: str, model: Path = MODEL) -> str:
        """The CSV that the model's run on the sample data leaves; the test fails if the run does."""
        done = self.run_image(flags, "--debug", "--model", model, *SAMPLE, "--output_dir", self.folder)
        self.assertEqual(0, done.returncode, done.stderr)
        (csv,) = self.folder.glob("live_predictions-*.csv")
        return csv.read_text()

    def test_model_on_sample_data_writes_what_it_returns(self) -> None:
        csv = self.predict()
        self.assertEqual(651, len(csv.splitlines()))
        self.assertEqual(self.expected[MODEL], csv)

    def test_legacy_model_on_sample_data_writes_what_it_returns(self) -> None:
        csv = self.predict(model=LEGACY_MODEL)
        self.assertEqual(651, len(csv.splitlines()))
        self.assertEqual(self.expected[LEGACY_MODEL], csv)

    def test_commands_of_the_package_run_and_inspect_the_model(self) -> None:
        package = ("--entrypoint", "python")
        looked = self.run_image(package, "-m", "numerai_predict", "inspect", "--model", MODEL)
        self.assertEqual(0, looked.returncode, looked.stderr)
        output = ("--output_dir", self.folder)
        done = self.run_image(package, "-m", "numerai_predict", "run", "--model", MODEL, *SAMPLE, *output)
        self.assertEqual(0, done.returncode, done.stderr)
        (csv,) = self.folder.glob("live_predictions-*.csv")
        self.assertEqual(self.expected[MODEL], csv.read_text())

    def test_model_in_a_read_only_container_writes_what_it_returns(self) -> None:
        self.assertEqual(self.expected[MODEL], self.predict("--read-only", "--tmpfs", "/tmp"))

    def test_model_run_by_an_ordinary_user_writes_what_it_returns(self) -> None:
        self.assertEqual(self.expected[MODEL], self.predict("--user", "1000:1000"))

    def test_model_without_capabilities_writes_what_it_returns(self) -> None:
        self.assertEqual(self.expected[MODEL], self.predict("--cap-drop", "ALL"))

    def test_model_under_all_restrictions_writes_what_it_returns(self) -> None:
        restrictions = ("--read-only", "--tmpfs", "/tmp", "--user", "1000:1000", "--cap-drop", "ALL")
        locked = ("--security-opt", "no-new-privileges")
        self.assertEqual(self.expected[MODEL], self.predict(*restrictions, *locked))

    def test_private_files_of_another_user_are_read_where_root_runs(self) -> None:
        private = f"""
import os, shutil
for name in ({str(MODEL)!r}, *{SAMPLE[1::2]!r}):
    copy = shutil.copy(name, "{self.folder}")
    os.chmod(copy, 0o600)
    os.chown(copy, 4242, 4242)
"""
        done = docker("run", "--rm", *self.mounts, "--entrypoint", "python", IMAGE, "-c", private)
        self.assertEqual(0, done.returncode, done.stderr)
        files = [f"{self.folder}/{Path(name).name}" for name in (MODEL, SAMPLE[1], SAMPLE[3])]
        mounts = [word for file in files for word in ("--volume", f"{file}:/mounted/{Path(file).name}:ro")]
        mounted = [f"/mounted/{Path(file).name}" for file in files]
        words = ("--model", mounted[0], "--dataset", mounted[1], "--benchmarks", mounted[2])
        done = self.run_image(tuple(mounts), *words, "--output_dir", self.folder)
        self.assertEqual(0, done.returncode, done.stderr)
        (csv,) = self.folder.glob("live_predictions-*.csv")
        self.assertEqual(self.expected[MODEL], csv.read_text())


class DeliveryTest(ImageTestCase):
    """A model from S3, its predictions to S3, with the command that the image itself prints for that."""

    def owner(self, url: str, source: str) -> str:
        """What a script prints that runs in the image with the bucket owner's client, `s3`."""
        keys = {"aws_access_key_id": KEYS[0], "aws_secret_access_key": KEYS[1]}
        client = (
            f"import boto3, pathlib\ns3 = boto3.client('s3', endpoint_url={url!r}, region_name='us-east-1', **{keys})"
        )
        done = docker(
            *("run", "--rm", "--network", "host", *self.mounts, "--entrypoint", "python", IMAGE, "-c"),
            f"{client}\n{source}",
        )
        self.assertEqual(0, done.returncode, done.stderr)
        return done.stdout

    def test_presigned_command_reads_the_model_from_s3_and_writes_its_predictions_there(self) -> None:
        with s3_stand_in.serving(*KEYS) as url:
            body = f"pathlib.Path({str(MODEL)!r}).read_bytes()"
            self.owner(
                url, f"s3.create_bucket(Bucket='round')\ns3.put_object(Bucket='round', Key='model.pkl', Body={body})"
            )
            keys = ("--model", "model.pkl", "--output", "predictions.csv")
            server = ("--bucket", "round", "--endpoint_url", url, "--region", "us-east-1")
            environment = (f"AWS_ACCESS_KEY_ID={KEYS[0]}", f"AWS_SECRET_ACCESS_KEY={KEYS[1]}")
            done = docker(
                *("run", "--rm", *(word for entry in environment for word in ("--env", entry))),
                *("--entrypoint", "python", IMAGE, "-m", "numerai_predict", "presign", *server, *keys),
            )
            self.assertEqual(0, done.returncode, done.stderr)
            command = shlex.split(done.stdout.replace("\\\n", ""))
            self.assertEqual(["docker", "run", "-i", "--rm"], command[:4])
            output = ("--output_dir", self.folder)
            run = docker("run", "--rm", "--network", "host", *self.mounts, IMAGE, *command[5:], *SAMPLE, *output)
            self.assertEqual(0, run.returncode, run.stderr)
            stored = self.owner(url, "print(s3.get_object(Bucket='round', Key='predictions.csv')['Body'].read().hex())")
        (csv,) = self.folder.glob("live_predictions-*.csv")
        self.assertEqual(csv.read_bytes(), bytes.fromhex(stored))


class ExitTest(ImageTestCase):
    def test_image_without_arguments_prints_usage_and_exits_2(self) -> None:
        done = docker("run", "--rm", IMAGE)
        self.assertEqual(2, done.returncode)
        self.assertTrue(done.stderr.startswith("usage: predict.py"), done.stderr)

    def test_model_that_raises_exits_1(self) -> None:
        model = self.model("def predict(live_features): raise ValueError('no such era')")
        done = self.run_image((), "--model", model, *SAMPLE)
        self.assertEqual(1, done.returncode, done.stderr)
        self.assertIn("no such era", done.stderr)

    def test_inspection_refuses_the_models_of_other_pythons_and_names_their_image(self) -> None:
        for model in sorted(MODEL.parent.glob("model_3_*.pkl")):
            with self.subTest(model.name):
                done = self.run_image((), "--inspect", "--model", model)
                tag = "_".join(model.stem.split("_")[1:3])
                if tag == VERSION.replace(".", "_"):
                    self.assertEqual(0, done.returncode, done.stderr)
                else:
                    self.assertEqual(1, done.returncode, done.stderr)
                    self.assertIn(f"numerai_predict_py_{tag}", done.stdout)

    def test_missing_model_exits_3(self) -> None:
        done = self.run_image((), "--model", "/nowhere/model.pkl", *SAMPLE)
        self.assertEqual(3, done.returncode, done.stderr)

    def test_stopped_container_ends_within_5_seconds(self) -> None:
        for signal, stop in (("SIGTERM", ("stop", "--time", "30")), ("SIGINT", ("kill", "--signal", "INT"))):
            with self.subTest(signal):
                status, seconds, log = self.stop_while_predicting(*stop)
                self.assertLess(seconds, 5)
                self.assertEqual(3, status)
                self.assertIn(signal, log)

    def stop_while_predicting(self, *stop: str) -> tuple[int, float, str]:
        """Exit status, seconds from the docker command that stops the container to its end, and the log."""
        model = self.model("def predict(live_features):\n    import time\n    print('asleep')\n    time.sleep(60)")
        name = f"predict-{uuid.uuid4().hex}"
        docker("run", "--detach", "--name", name, *self.mounts, IMAGE, "--model", model, *SAMPLE)
        self.addCleanup(docker, "rm", "--force", name)
        deadline = time.monotonic() + 60
        while "asleep" not in docker("logs", name).stdout and time.monotonic() < deadline:
            time.sleep(0.2)
        began = time.monotonic()
        docker(*stop, name)
        status = int(docker("wait", name).stdout)
        seconds = time.monotonic() - began
        return status, seconds, docker("logs", name).stderr


class ContentTest(unittest.TestCase):
    def run_inside(self, *words: str, flags: tuple[str, ...] = ()) -> None:
        """Run Python in the image with tests/images/inside mounted at /inside; fails with what it said."""
        with_torch = inspect()["Config"]["Labels"]["numerai_predict.with_torch"]
        mounts = ("--volume", f"{TESTS}/images/inside:/inside:ro", "--volume", f"{ROOT}/py{VERSION}:/lock:ro")
        entry = ("--env", f"WITH_TORCH={with_torch}", "--entrypoint", "python")
        done = docker("run", "--rm", *AS_ON_THE_PLATFORM, *mounts, *entry, *flags, IMAGE, *words)
        self.assertEqual(0, done.returncode, done.stderr)
        self.assertRegex(done.stderr, r"Ran [1-9]\d* tests")

    def test_environment_is_the_locked_one_and_nothing_else_is_there(self) -> None:
        discover = ("-m", "unittest", "discover", "--start-directory", "/inside", "--pattern", "test_environment.py")
        self.run_inside(*discover)

    def test_models_of_its_libraries_are_looked_into_and_not_refused(self) -> None:
        discover = ("-m", "unittest", "discover", "--start-directory", "/inside", "--pattern", "test_inspection.py")
        self.run_inside(*discover)

    def test_every_package_works_confined_in_a_read_only_container(self) -> None:
        self.run_inside("/inside/confined.py", flags=("--read-only", "--tmpfs", "/tmp"))

    def test_pip_check_says_nothing_that_is_not_explained(self) -> None:
        check = ("--entrypoint", "/usr/local/bin/pip", IMAGE, "--python", "/venv", "check")
        done = docker("run", "--rm", *AS_ON_THE_PLATFORM, *check)
        said = [line for line in done.stdout.splitlines() if line != "No broken requirements found."]
        self.assertEqual([], [line for line in said if not any(re.fullmatch(known, line) for known in EXPLAINED)])
        self.assertEqual("", done.stderr)


class BuildTest(unittest.TestCase):
    def test_image_says_what_it_is(self) -> None:
        found = inspect()
        config = found["Config"]
        self.assertEqual(["python", "predict.py"], config["Entrypoint"])
        self.assertEqual("/", config["WorkingDir"])
        commit = config["Labels"]["org.opencontainers.image.revision"]
        self.assertTrue(commit)
        self.assertIn(f"GIT_REF={commit}", config["Env"])
        self.assertIn(VERSION, config["Labels"]["org.opencontainers.image.title"])
        self.assertEqual(PLATFORM, f"{found['Os']}/{found['Architecture']}")

    def test_history_and_environment_hold_no_secret(self) -> None:
        history = docker("history", "--no-trunc", "--format", "{{.CreatedBy}}", IMAGE).stdout
        said = history.splitlines() + inspect()["Config"]["Env"]
        self.assertGreater(len(said), 10)
        secret = re.compile(r"(?i)secret|passw|token|credential|api_?key|AKIA|://[^/ ]*:[^/ ]*@")
        self.assertEqual([], [line for line in said if secret.search(line)])


if __name__ == "__main__":
    unittest.main()
