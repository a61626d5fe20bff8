"""Real workers on real rounds: what they write, and what becomes of a model whose worker is stopped, killed or late."""

import contextlib
import gc
import json
import os
import re
import signal
import time
import tracemalloc
import unittest
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any
from unittest import mock

import jsonschema
import pandas as pd

from numerai_predict.report import RunReport, schema
from numerai_predict.round import Templates, open_store
from numerai_predict.round import worker as worker_module
from numerai_predict.runner import RunContext, RunRequest
from tests.end_to_end.test_broken_models import FOLDER, SECRETS, make
from tests.harness import LIVE, MODEL, ROOT, PredictTestCase
from tests.round.s3_stores import environment_of
from tests.round.workers import Worker, WorkerTestCase, files_in, sha256
from tests.s3 import serving_stand_in, shared_bucket
from tests.servers import Answer, serving, unused_url

SECRET = "S1GNATURE0123456789"


def ranks(live_features: pd.DataFrame) -> pd.DataFrame:
    return live_features.filter(like="feature_").sum(axis=1).rank(pct=True).to_frame("prediction")


def returns_nothing(live_features: pd.DataFrame) -> None:
    return None


def shows_threads(live_features: pd.DataFrame) -> pd.DataFrame:
    raise ValueError(f"threads {os.environ['OMP_NUM_THREADS']} {os.environ['POLARS_MAX_THREADS']}")


def ranks_at_random(live_features: pd.DataFrame) -> pd.DataFrame:
    import numpy as np

    return pd.DataFrame({"prediction": np.random.default_rng().random(len(live_features))}, live_features.index)


def waits_for(file: Path) -> Callable[[pd.DataFrame], pd.DataFrame]:
    """A model that says by a file of its own that it has begun, and goes on when the file is there."""
    name = str(file)

    def predict(live_features: pd.DataFrame) -> pd.DataFrame:
        open("begun", "w").close()
        while not os.path.exists(name):
            time.sleep(0.02)
        return ranks(live_features)

    return predict


def waits_and_returns_nothing(file: Path) -> Callable[[pd.DataFrame], None]:
    """A model that has nothing when the file is there."""
    waits = waits_for(file)

    def predict(live_features: pd.DataFrame) -> None:
        waits(live_features)

    return predict


def returns_constant(live_features: pd.DataFrame) -> pd.DataFrame:
    return pd.DataFrame({"prediction": 0.5}, index=live_features.index)


class RoundTest(WorkerTestCase):
    """What a round has when it is over."""

    def reference(self, model: Path) -> bytes:
        """The CSV that predict.py writes."""
        case = PredictTestCase()
        case.setUp()
        self.addCleanup(case.doCleanups)
        return case.predict(model).csvs[0].read_bytes()

    def test_every_model_has_its_outcome_and_every_success_the_predictions_of_a_single_run(self) -> None:
        self.add("sample", MODEL.read_bytes())
        self.add("none", returns_nothing)
        self.add("text", b"not a pickle at all")
        ended = self.run_command("-m", "numerai_predict", "worker", self.round, "--index", "1", "--workers", "3")
        self.assertEqual(0, ended.status, ended.log)
        self.assertEqual({"sample": "success", "none": "returned_nothing", "text": "not_a_pickle"}, self.codes())
        self.assertEqual(["sample.csv"], os.listdir(self.round / "predictions"))
        self.assertEqual(self.reference(MODEL), self.csv("sample"))
        for line in (r"sample: success, [\d.]+ s, [\d.]+ CPU s", "none: returned_nothing, ", "text: not_a_pickle, "):
            self.assertRegex(ended.log, rf"INFO {line}")
        self.assertRegex(ended.log, "were run: 3, 1 not_a_pickle, 1 returned_nothing, 1 success\n$")
        self.assertEqual(4, len(ended.log.splitlines()), ended.log)
        self.check_outcome()
        self.check_nothing_left()

    def check_outcome(self) -> None:
        """It is a run report and more, and knows nothing of this machine's files."""
        outcome = self.outcome("sample")
        self.assertNotIn(str(self.temporary), json.dumps(outcome))
        self.assertEqual("sample", outcome.pop("id"))
        self.assertEqual(sha256(self.csv("sample")), outcome.pop("csv_sha256"))
        who = outcome.pop("worker")
        self.assertEqual((1, os.uname().nodename), (who["index"], who["host"]))
        jsonschema.validate(outcome, schema())
        saved = {"path": f"{self.round}/predictions/sample.csv", "bytes": len(self.csv("sample"))}
        self.assertEqual(saved, outcome["delivery"])
        self.assertEqual("models/sample.pkl", outcome["model"]["path"])
        self.assertEqual(sha256(MODEL.read_bytes()), outcome["model"]["sha256"])
        self.assertNotIn("inside the container", str(outcome["predictions"]["notices"]))
        self.assertNotIn("csv_sha256", self.outcome("none"))

    def test_two_workers_share_a_round(self) -> None:
        for name in "abcdef":
            self.add(name, ranks)
        workers = [self.start("--index", str(index), "--workers", "2") for index in range(2)]
        ended = [one.end() for one in workers]
        self.assertEqual([0, 0], [one.status for one in ended], ended)
        self.assertEqual(dict.fromkeys("abcdef", "success"), self.codes())
        self.assertEqual({0, 1}, {self.outcome(name)["worker"]["index"] for name in "abcdef"})
        self.assertEqual(6, sum(one.log.count(": success, ") for one in ended))

    def test_worker_that_has_nothing_to_do_ends_well(self) -> None:
        self.add("a", ranks)
        self.work()
        before = (self.round / "outcomes/a.json").read_bytes()
        again = self.work()
        self.assertEqual(0, again.status, again.log)
        self.assertRegex(again.log, "were run: 0\n$")
        self.assertEqual(before, (self.round / "outcomes/a.json").read_bytes())

    def test_predict_py_with_worker_as_its_first_argument_is_the_worker(self) -> None:
        self.add("a", ranks)
        ended = self.run_command(ROOT / "predict.py", "worker", self.round)
        self.assertEqual(0, ended.status, ended.log)
        self.assertEqual({"a": "success"}, self.codes())

    def test_model_is_an_absolute_path_or_a_url_too(self) -> None:
        self.add("path", model=str(MODEL))
        with serving() as server:
            url = server.queue("/m.pkl", Answer(200, MODEL.read_bytes()))
            self.add("url", model=f"{url}?X-Amz-Signature={SECRET}", sha256=sha256(MODEL.read_bytes()))
            ended = self.work()
        self.assertEqual({"path": "success", "url": "success"}, self.codes(), ended.log)
        self.assertEqual(self.csv("path"), self.csv("url"))
        self.assertEqual((str(MODEL), url), tuple(self.outcome(name)["model"]["path"] for name in ("path", "url")))
        self.check_hidden(ended.log)
        self.check_nothing_left()

    def check_hidden(self, log: str) -> None:
        """The secret is in the manifest and nowhere else."""
        self.assertNotIn(SECRET, log)
        for file in files_in(self.round):
            if file.name != "manifest.jsonl":
                self.assertNotIn(SECRET.encode(), file.read_bytes(), file)

    def test_model_that_is_not_the_one_of_the_manifest_is_not_run(self) -> None:
        self.add("a", ranks, sha256="0" * 64)
        ended = self.work()
        self.assertEqual({"a": "model_not_downloaded"}, self.codes(), ended.log)
        said = self.outcome("a")["fault"]["message"]
        self.assertRegex(said, "models/a.pkl is another file than the manifest means: its SHA-256 is [0-9a-f]{64}, and")
        self.assertFalse((self.round / "predictions").exists())

    def test_acceptance_rules_fail_the_model_where_its_row_is_strict(self) -> None:
        self.add("strict", returns_constant, strict=True)
        self.add("warned", returns_constant)
        self.assertEqual(0, self.work().status)
        self.assertEqual({"strict": "constant_predictions", "warned": "success"}, self.codes())

    def test_model_computes_with_one_thread_unless_the_environment_says_otherwise(self) -> None:
        self.add("a", shows_threads)
        ended = self.run_command("-m", "numerai_predict", "worker", self.round, env={"OMP_NUM_THREADS": "3"})
        self.assertEqual({"a": "model_raised"}, self.codes(), ended.log)
        self.assertIn("threads 3 1", self.outcome("a")["fault"]["message"])

    def test_worker_imports_no_pandas(self) -> None:
        self.add("a", ranks)
        ended = self.work(
            more="import atexit, os; leave = os._exit\nos._exit = lambda status: leave('pandas' in sys.modules)"
        )
        self.assertEqual(0, ended.status, ended.log)

    def test_predictions_are_uploaded_as_those_of_a_single_run(self) -> None:
        with serving() as server:
            url = server.queue("/bucket", Answer(204))
            form = {"key": "a.csv", "policy": SECRET, "X-Amz-Signature": SECRET}
            self.add("a", ranks, post_url=url, post_data=form)
            ended = self.work()
            (request,) = server.requests
        self.assertEqual({"a": "success"}, self.codes(), ended.log)
        self.assertIn(self.csv("a"), request.body)
        self.assertIn(SECRET.encode(), request.body)
        self.assertEqual(url, self.outcome("a")["delivery"]["uploaded_to"])
        self.check_hidden(ended.log)

    def test_predictions_that_cannot_be_uploaded_are_kept_and_the_secrets_that_the_server_quotes_are_not(self) -> None:
        with serving() as server:
            refusal = f"<Error><Code>AccessDenied</Code><Message>no {SECRET}</Message></Error>"
            url = server.queue("/bucket", Answer(403, refusal.encode(), {"Content-Type": "application/xml"}))
            self.add("a", ranks, post_url=url, post_data={"key": "a.csv", "policy": SECRET})
            ended = self.work()
        self.assertEqual({"a": "upload_failed"}, self.codes(), ended.log)
        self.assertIn(
            f"The predictions are kept in {self.round}/predictions/a.csv", self.outcome("a")["fault"]["message"]
        )
        self.assertEqual(self.outcome("a")["csv_sha256"], sha256(self.csv("a")))
        self.assertEqual(3, ended.log.count("a: "), ended.log)
        self.check_hidden(ended.log)


class SecretsTest(WorkerTestCase):
    """What a model in a round can see of others'."""

    def test_model_finds_no_secret_wherever_it_looks(self) -> None:
        make(FOLDER / "reads_secrets.py", self.round / "models/a.pkl")
        self.add("a")
        ended = self.run_command("-m", "numerai_predict", "worker", self.round, env=SECRETS)
        self.assertEqual({"a": "success"}, self.codes(), ended.log + str(self.outcome("a")["fault"]))
        self.assertNotIn("secrets", [entry["promise"] for entry in self.broken("a")])

    def test_environment_of_a_worker_shows_no_secret(self) -> None:
        self.add("a", waits_for(self.go))
        one = self.start(env=SECRETS)
        self.wait_for_model("a")
        with contextlib.suppress(PermissionError):  # Nor may its own user look.
            shown = Path(f"/proc/{one.process.pid}/environ").read_bytes()
            self.assertNotIn(SECRETS["AWS_SECRET_ACCESS_KEY"].encode(), shown)

    def test_secrets_of_a_row_are_known_to_the_log_before_it_is_run(self) -> None:
        form = {"key": "a", "policy": SECRET}
        self.add("a", b"x", post_url="http://127.0.0.1/?X-Amz-Token=t0ken", post_data=form)
        known: list[Sequence[str]] = []

        def run(
            request: RunRequest, context: RunContext, templates: Templates, left_s: Callable[[], float]
        ) -> RunReport:
            self.assertEqual([["t0ken", SECRET]], known)
            return RunReport()

        with mock.patch.object(worker_module, "run_warm", run):
            end = worker_module.work(open_store(str(self.round)), note_secrets=known.append)
        self.assertEqual({"success": 1}, dict(end.outcomes))

    def broken(self, name: str) -> list[dict[str, str]]:
        found: list[dict[str, str]] = self.outcome(name)["runtime"]["confinement"]["broken"]
        return found

    def test_manifest_with_forms_that_models_can_read_breaks_the_promise(self) -> None:
        self.add("a", returns_nothing, post_url="http://127.0.0.1/", post_data={"key": "a", "policy": SECRET})
        self.add("b", ranks)
        self.work()
        self.assertRegex(str(self.broken("b")), f"'secrets'.*may read {self.round}/manifest.jsonl")

    @unittest.skipUnless(os.getuid() == 0, "models run as the user of the tests")
    def test_manifest_with_forms_that_models_cannot_read_does_not(self) -> None:
        (self.round / "manifest.jsonl").touch(mode=0o600)
        self.add("a", returns_nothing, post_url="http://127.0.0.1/", post_data={"key": "a", "policy": SECRET})
        self.add("b", ranks)
        self.work()
        self.assertNotIn("secrets", str(self.broken("b")))


class S3Test(WorkerTestCase):
    """A round in S3, where everything that a worker needs is fetched."""

    def test_round_in_s3_is_run_with_credentials_that_no_model_finds(self) -> None:
        until_over = contextlib.ExitStack()
        self.addCleanup(until_over.close)
        bucket = until_over.enter_context(serving_stand_in())  # RGW has the keys in a file, which the model finds.
        prefix = f"s3://{bucket.name}/{self.folder.name}"
        marked = re.compile(b"".join(b"[%c]" % letter for letter in bucket.secret_key.encode()))
        make(FOLDER / "reads_secrets.py", self.round / "models/reads.pkl", SECRET=marked)
        self.add("reads")
        self.add("ranks", ranks)
        with mock.patch.dict(os.environ, environment_of(bucket)):
            store = open_store(prefix)
            for file in files_in(self.round):
                store.write(str(file.relative_to(self.round)), file.read_bytes())
            ended = self.run_command("-m", "numerai_predict", "worker", prefix)
            self.assertEqual(0, ended.status, ended.log)
            self.assertEqual({"ranks.json", "reads.json"}, store.names("outcomes"))
            for name in ("ranks", "reads"):
                outcome, csv = store.read(f"outcomes/{name}.json"), store.read(f"predictions/{name}.csv")
                assert outcome is not None
                self.assertIsNone(json.loads(outcome.content)["fault"])
                assert csv is not None
                self.assertEqual(sha256(csv.content), json.loads(outcome.content)["csv_sha256"])
                self.assertIn(f"{prefix}/predictions/{name}.csv".encode(), outcome.content)
                self.assertNotIn(str(self.temporary).encode(), outcome.content)
        self.assertNotIn(bucket.secret_key, ended.log)
        self.check_nothing_left()

    def test_store_that_does_not_answer_stops_the_worker_with_a_sentence(self) -> None:
        with unused_url() as url, mock.patch.dict(os.environ, environment_of(shared_bucket(), AWS_ENDPOINT_URL=url)):
            more = "from numerai_predict.round import s3_store\ns3_store.ATTEMPTS = 1\n"
            more += "s3_store.S3Store.__init__.__defaults__ = ('', 1)\nsys.argv[1] = 's3://bucket/round'"
            ended = self.work(more=more)
        self.assertEqual(3, ended.status, ended.log)
        self.assertRegex(ended.log, "ERROR The store failed: s3://bucket/round/manifest.jsonl could not be read: ")
        self.assertNotIn("Traceback", ended.log)


class ManyTest(WorkerTestCase):
    def test_worker_does_not_grow_from_model_to_model(self) -> None:
        sizes = []

        def run(
            request: RunRequest, context: RunContext, templates: Templates, left_s: Callable[[], float]
        ) -> RunReport:
            gc.collect()
            sizes.append(tracemalloc.get_traced_memory()[0])
            return RunReport()

        for number in range(250):
            self.add(f"m{number}", b"x")
        tracemalloc.start()
        self.addCleanup(tracemalloc.stop)
        with mock.patch.object(worker_module, "run_warm", run):
            end = worker_module.work(open_store(str(self.round)))
        self.assertEqual({"success": 250}, dict(end.outcomes))
        self.assertLess(sizes[-1] - sizes[50], 50_000)


class EndTest(WorkerTestCase):
    """Workers that end before their models do, and models that end before their time."""

    def test_model_of_a_worker_that_was_killed_is_taken_over_after_its_lease(self) -> None:
        self.add("a", waits_for(self.go))
        first = self.start("--index", "0", "--workers", "2")
        self.wait_for_model("a")
        first.kill()
        self.go.touch()
        ended = self.work("--index", "1", "--workers", "2")
        self.assertEqual((0, {"a": "success"}), (ended.status, self.codes()), ended.log)
        self.assertRegex(ended.log, "Worker .* ended while it ran a")
        self.assertEqual((1, 1), (self.outcome("a")["worker"]["index"], self.claim("a")["lost"]))
        self.check_nothing_left()

    def test_model_of_a_worker_that_runs_for_many_leases_is_not_taken_over(self) -> None:
        self.add("a", waits_for(self.go))
        first = self.start("--index", "0", "--workers", "2")
        self.wait_for_model("a")
        second = self.start("--index", "1", "--workers", "2")
        time.sleep(4)
        self.go.touch()
        self.assertEqual((0, 0), (first.end().status, second.end().status))
        self.assertEqual((0, 0), (self.outcome("a")["worker"]["index"], self.claim("a")["lost"]))

    def test_worker_that_is_stopped_gives_its_model_back(self) -> None:
        self.add("a", waits_for(self.go))
        for number in (signal.SIGTERM, signal.SIGINT):
            with self.subTest(number):
                worker = self.start()
                self.wait_for_model("a")
                worker.process.send_signal(number)
                ended = worker.end()
                self.assertEqual((3, {}), (ended.status, self.codes()), ended.log)
                self.assertRegex(ended.log, f"ERROR The run was stopped by {number.name}.\n$")
                self.assertEqual(("free", 0), (self.claim("a")["state"], self.claim("a")["lost"]))
                self.check_nothing_left()
        self.go.touch()
        self.assertEqual((0, {"a": "success"}), (self.work().status, self.codes()))

    def test_worker_that_waits_for_others_is_stopped_at_once(self) -> None:
        self.add("a", waits_for(self.go))
        self.start("--index", "0", "--workers", "2")
        self.wait_for_model("a")
        second = self.start("--index", "1", "--workers", "2")
        time.sleep(2)
        second.process.terminate()
        ended = second.end()
        self.assertEqual(3, ended.status)
        self.assertIn("The worker was stopped by SIGTERM.", ended.log)
        self.assertEqual("running", self.claim("a")["state"])

    def test_signal_while_a_claim_is_written_loses_no_claim(self) -> None:
        # The signal comes when the store has the claim, and the worker does not know yet.
        more = "import os, signal\nfrom numerai_predict.round.folder_store import FolderStore\n"
        more += "create = FolderStore.create\n"
        more += "def stopped(store, key, content):\n    done = create(store, key, content)\n"
        more += "    os.kill(os.getpid(), signal.SIGTERM)\n    return done\n"
        self.add("a", ranks)
        ended = self.work(more=more + "FolderStore.create = stopped")
        self.assertEqual((3, {}, "free"), (ended.status, self.codes(), self.claim("a")["state"]), ended.log)

    def test_model_that_takes_down_two_workers_is_failed_without_a_third(self) -> None:
        more = "import os; from numerai_predict.round.model_run import ModelRunner\nrun = ModelRunner.run_row\n"
        more += "def dies(runner, row, limit):\n    if row.id == 'a':\n        os.kill(os.getpid(), 9)\n"
        more += "    return run(runner, row, limit)\nModelRunner.run_row = dies"
        self.add("a", ranks)
        self.add("b", ranks)
        statuses = [self.work("--index", "0", more=more).status for _ in range(3)]
        self.assertEqual([-9, -9, 0], statuses)
        self.assertEqual({"a": "worker_lost", "b": "success"}, self.codes())
        self.assertEqual("models/a.pkl", self.outcome("a")["model"]["path"])

    def test_model_that_is_not_there_is_tried_again_and_found(self) -> None:
        self.add("a")
        worker = self.start(more="retries.BACKOFF_S = (2.0, 60.0)")
        self.wait_until(worker, "It is tried again in 2 s or more")
        (self.round / "models/a.pkl").write_bytes(MODEL.read_bytes())
        self.assertEqual((0, {"a": "success"}), (worker.end().status, self.codes()))

    def test_model_that_is_never_there_has_an_error_for_its_outcome(self) -> None:
        self.add("a")
        self.add("b", ranks)
        ended = self.work()
        self.assertEqual((0, {"a": "model_not_found", "b": "success"}), (ended.status, self.codes()), ended.log)
        self.assertEqual("error", self.outcome("a")["status"])
        self.assertEqual(f"models/a.pkl is not in {self.round}.", self.outcome("a")["fault"]["message"])
        self.assertEqual(2, ended.log.count("It is tried again"))

    def test_fault_of_ours_for_model_after_model_stops_the_worker_and_fails_nobody(self) -> None:
        live = self.round / "data/live.parquet"
        live.unlink()
        live.write_bytes(LIVE.read_bytes()[:2000])
        for name in "abcdef":
            self.add(name, ranks)
        ended = self.work(more="retries.BACKOFF_S = (60.0, 60.0)")
        self.assertEqual((3, {}), (ended.status, self.codes()), ended.log)
        self.assertRegex(ended.log, "ERROR Model after model ends with unreadable_dataset, .*live.parquet")
        self.assertEqual(["free"] + 4 * ["waiting"], sorted(self.claim(name)["state"] for name in "abcde"))
        self.assertEqual({}, self.claim("f"))

    def test_live_data_that_is_not_there_stops_the_worker(self) -> None:
        self.add("a", ranks)
        (self.round / "data/live_benchmark_models.parquet").unlink()
        ended = self.work()
        self.assertEqual((3, {}, {}), (ended.status, self.codes(), self.claim("a")))
        self.assertIn(f"error: {self.round} does not have both data/live.parquet and", ended.log)


class DeadlineTest(WorkerTestCase):
    def end_in(self, seconds: float) -> None:
        deadline = datetime.now(timezone.utc) + timedelta(seconds=seconds)
        (self.round / "round.json").write_text(json.dumps({"deadline": deadline.isoformat()}))

    def test_model_that_the_deadline_cuts_off_is_left_over_without_an_outcome(self) -> None:
        self.add("a", waits_for(self.go))
        self.end_in(6)
        ended = self.work()
        self.assertEqual((0, {}, "free"), (ended.status, self.codes(), self.claim("a")["state"]), ended.log)
        self.assertRegex(ended.log, "a was ended after [345] s, as the deadline is near; it has no outcome")
        self.assertIn("; 1 left over, as the deadline is near\n", ended.log)

    def test_model_that_its_own_limit_cuts_off_has_failed(self) -> None:
        self.add("a", waits_for(self.go), time_limit=2)
        self.end_in(60)
        self.assertEqual((0, {"a": "timeout"}), (self.work().status, self.codes()))

    def test_round_that_is_over_runs_nothing(self) -> None:
        self.add("a", ranks)
        self.end_in(-1)
        ended = self.work()
        self.assertEqual((0, {}, {}), (ended.status, self.codes(), self.claim("a")), ended.log)


class RaceTest(WorkerTestCase):
    """Two workers that both ran a model."""

    def test_first_outcome_wins(self) -> None:
        self.add("a", waits_for(self.go))
        worker = self.start()
        self.wait_for_model("a")
        (self.round / "outcomes").mkdir()
        (self.round / "outcomes/a.json").write_bytes(b"{}")
        self.go.touch()
        ended = worker.end()
        self.assertEqual((0, {}), (ended.status, self.outcome("a")))
        self.assertRegex(ended.log, "a: success, .*; somebody else was first\n")

    def lose_claim(self, model: Any) -> Worker:
        """Run the model with a worker that stands still while another takes it over."""
        self.add("a", model)
        one = self.start("--index", "0", "--workers", "2")
        self.wait_for_model("a")
        one.process.send_signal(signal.SIGSTOP)
        theirs = {**self.claim("a"), "worker": "another", "index": 1, "writes": 100}
        (self.round / "claims/a").write_text(json.dumps(theirs))
        self.go.touch()
        one.process.send_signal(signal.SIGCONT)
        self.wait_until(one, "somebody else was first")
        return one

    def check_retaken(self, one: Worker, code: str) -> None:
        """Nobody renews the other's claim, so that this worker gets it again."""
        self.assertEqual((0, {"a": code}, 1), (one.end().status, self.codes(), self.claim("a")["lost"]))

    def test_worker_whose_claim_was_taken_over_writes_no_predictions(self) -> None:
        self.check_retaken(self.lose_claim(waits_for(self.go)), "success")

    def test_worker_whose_claim_was_taken_over_writes_no_outcome(self) -> None:
        self.check_retaken(self.lose_claim(waits_and_returns_nothing(self.go)), "returned_nothing")

    def test_predictions_of_an_attempt_that_died_before_its_outcome_are_replaced(self) -> None:
        (self.round / "predictions").mkdir()
        (self.round / "predictions/a.csv").write_text("id,prediction\nn1,0.5\n")
        self.add("a", ranks_at_random)
        self.assertEqual((0, {"a": "success"}), (self.work().status, self.codes()))
        self.assertEqual(self.outcome("a")["csv_sha256"], sha256(self.csv("a")))
        self.assertEqual(651, len(self.csv("a").splitlines()))


class CommandLineTest(WorkerTestCase):
    def check_wrong(self, words: str, *flags: str | Path, env: dict[str, str] | None = None) -> None:
        ended = self.run_command("-m", "numerai_predict", "worker", *flags, env=env)
        self.assertEqual(2, ended.status, ended.log)
        self.assertRegex(ended.log, rf"\Anumerai-predict worker: error: .*{words}.*\n\Z")

    def test_wrong_command_line_is_one_line_and_status_2(self) -> None:
        self.add("a", ranks)
        self.check_wrong("required: ROUND")
        self.check_wrong("'-1' is not a whole number", self.round, "--index", "-1")
        self.check_wrong("no worker 2 of 2", self.round, "--index", "2", "--workers", "2")
        self.check_wrong("no worker 0 of 0", self.round, "--workers", "0")
        self.check_wrong("JOB_COMPLETION_INDEX is 'x'", self.round, env={"JOB_COMPLETION_INDEX": "x"})
        self.check_wrong("does not exist", self.folder / "nothing")

    def test_wrong_manifest_is_one_line_and_status_2(self) -> None:
        self.check_wrong("no manifest.jsonl", self.round)
        (self.round / "manifest.jsonl").write_text("{}\n")
        self.check_wrong("manifest.jsonl line 1: there is no id", self.round)

    def test_index_comes_from_the_engine(self) -> None:
        self.add("a", ranks)
        self.work(env={"AWS_BATCH_JOB_ID": "0a-1b:3"})
        self.assertEqual(3, self.outcome("a")["worker"]["index"])

    def test_help_names_the_flags(self) -> None:
        ended = self.run_command("-m", "numerai_predict", "worker", "--help")
        self.assertEqual(0, ended.status)
        for flag in ("ROUND", "--index", "--workers"):
            self.assertIn(flag, ended.log)


if __name__ == "__main__":
    unittest.main()
