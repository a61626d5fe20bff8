"""The examples of a round on many machines: each is valid to its engine, and retries what another try may mend."""

import fnmatch
import itertools
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import unittest
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml
from botocore.session import get_session
from botocore.validate import ParamValidator

from numerai_predict import platform_limits
from numerai_predict.cli import arguments
from tests import kubernetes
from tests.harness import BENCHMARKS, LIVE, MODEL, ROOT

EXAMPLES = ROOT / "examples/round"
IMAGE = "ghcr.io/numerai/numerai_predict_py_3_11:stable"
MEMORY = 5 << 30
# Statuses of a worker and what its engine does: 3 is the store's or the runtime's fault; 137 and 143 are SIGKILL and
# SIGTERM; 0 and 2 (a wrong command) stay what they are, and so does what no worker ends with.
TRIED_AGAIN = {0: False, 1: False, 2: False, 3: True, 125: False, 137: True, 143: True}
# The longest that a round is open, but for Saturday's: https://docs.numer.ai/numerai-tournament/submissions
HOUR_S = 3600

# Notes what it is told. `docker run` goes on for LONGEST_S, or until `docker stop` ends it, and ends with STATUS.
DOCKER = """#!{python}
import json, os, pathlib, sys, time

calls, stopped = pathlib.Path({calls!r}), pathlib.Path({stopped!r})
with calls.open("a") as file:
    print(json.dumps([os.path.basename(sys.argv[0]), *sys.argv[1:]]), file=file)
if sys.argv[1] == "stop":
    stopped.touch()
if sys.argv[1] == "run":
    until = time.monotonic() + float(os.environ.get("LONGEST_S", "0"))
    while time.monotonic() < until and not stopped.exists():
        time.sleep(0.02)
    sys.exit(int(os.environ["STATUS"]))
"""
TASK = {"SLURM_ARRAY_JOB_ID": "70", "SLURM_ARRAY_TASK_ID": "4", "SLURM_JOB_ID": "74"}


class EngineTestCase(unittest.TestCase):
    """A test that runs what an example's container is given."""

    def check_worker_runs(self, words: list[str], address: str, index: int, **env: str) -> None:
        """With the address of a round of one model, and what the engine says in the environment."""
        with tempfile.TemporaryDirectory() as folder:
            write_round(Path(folder))
            here = [folder if word == address else word for word in words]
            command = [sys.executable, str(ROOT / "predict.py"), *here]
            given = {**os.environ, **env}
            done = subprocess.run(command, env=given, capture_output=True, text=True, timeout=120, check=False)
            self.assertEqual(0, done.returncode, done.stderr)
            outcome = json.loads(Path(folder, "outcomes/m1.json").read_text())
            self.assertEqual(("success", index), (outcome["status"], outcome["worker"]["index"]))
            self.assertTrue(Path(folder, "predictions/m1.csv").exists())


def write_round(folder: Path) -> None:
    """A round with the sample model and the sample data."""
    for path, name in ((MODEL, "models"), (LIVE, "data"), (BENCHMARKS, "data")):
        (folder / name).mkdir(exist_ok=True)
        shutil.copy(path, folder / name)
    (folder / "manifest.jsonl").write_text(f"{json.dumps({'id': 'm1', 'model': f'models/{MODEL.name}'})}\n")


class BatchTest(EngineTestCase):
    def setUp(self) -> None:
        self.definition = json.loads((EXAMPLES / "batch-job-definition.json").read_text())
        self.container = self.definition["containerProperties"]

    def test_definition_is_what_batch_takes(self) -> None:
        operation = get_session().get_service_model("batch").operation_model("RegisterJobDefinition")
        found = ParamValidator().validate(self.definition, operation.input_shape)
        self.assertFalse(found.has_errors(), found.generate_report())
        conditions = self.definition["retryStrategy"]["evaluateOnExit"]
        self.assertLessEqual(len(conditions), 5, "Batch takes five")
        self.assertLessEqual(self.definition["retryStrategy"]["attempts"], 10, "Batch takes ten")

    def test_container_is_that_of_a_worker(self) -> None:
        resources = {entry["type"]: entry["value"] for entry in self.container["resourceRequirements"]}
        self.assertEqual({"VCPU": "1", "MEMORY": "5120"}, resources)
        self.assertEqual((IMAGE, ["worker", "Ref::round"]), (self.container["image"], self.container["command"]))

    def test_keys_come_from_a_role(self) -> None:
        self.assertRegex(self.container["jobRoleArn"], r"^arn:aws:iam::\d{12}:role/")
        self.assertNotIn("environment", self.container)

    def test_worker_is_tried_again_where_that_may_help(self) -> None:
        for status, again in TRIED_AGAIN.items():
            with self.subTest(status):
                self.assertEqual("RETRY" if again else "EXIT", self.action(onExitCode=str(status)))

    def test_worker_whose_machine_is_gone_is_tried_again(self) -> None:
        # https://docs.aws.amazon.com/batch/latest/userguide/job_retries.html
        reason = "Host EC2 (instance i-0123456789abcdef0) terminated."
        self.assertEqual("RETRY", self.action(onStatusReason=reason))

    def test_attempt_has_the_time_of_a_round(self) -> None:
        self.assertEqual(HOUR_S, self.definition["timeout"]["attemptDurationSeconds"])

    def test_command_runs_a_round(self) -> None:
        engine = {"AWS_BATCH_JOB_ARRAY_INDEX": "1", "AWS_BATCH_JOB_ARRAY_SIZE": "20"}
        self.check_worker_runs(self.container["command"], "Ref::round", 1, **engine)

    def action(self, **ended: str) -> str:
        """What Batch does about an attempt that has ended so: the first condition that fits decides."""
        for condition in self.definition["retryStrategy"]["evaluateOnExit"]:
            patterns = {name: pattern for name, pattern in condition.items() if name != "action"}
            if all(fnmatch.fnmatchcase(ended.get(name, ""), pattern) for name, pattern in patterns.items()):
                return str(condition["action"])
        return "RETRY"


@dataclass(frozen=True)
class Ended:
    """How the script ended: its status, and the words of each docker and scontrol."""

    status: int
    calls: list[list[str]]

    def words(self, *command: str) -> list[list[str]]:
        """What followed these words, each time."""
        return [call[len(command) :] for call in self.calls if call[: len(command)] == [*command]]


class SlurmTest(unittest.TestCase):
    def setUp(self) -> None:
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = Path(folder.name)
        self.script = EXAMPLES / "round.sbatch"
        source = DOCKER.format(
            python=sys.executable, calls=str(self.folder / "calls"), stopped=str(self.folder / "stopped")
        )
        for name in ("docker", "scontrol"):
            program = self.folder / name
            program.write_text(source)
            program.chmod(0o755)

    def start(self, round_address: str, **env: str) -> subprocess.Popen[bytes]:
        """The script as a task of an array, with a docker and a scontrol that only note what they are told."""
        (self.folder / "calls").write_text("")
        given = {"PATH": f"{self.folder}:/usr/bin:/bin", "STATUS": "0", **TASK, **env}
        script = subprocess.Popen(["/bin/sh", str(self.script), round_address], env=given)
        self.addCleanup(script.kill)
        return script

    def end(self, script: subprocess.Popen[bytes]) -> Ended:
        """What it did until its end."""
        status = script.wait(timeout=60)
        return Ended(status, [json.loads(line) for line in (self.folder / "calls").read_text().splitlines()])

    def run_script(self, round_address: str = "s3://bucket/round", **env: str) -> Ended:
        return self.end(self.start(round_address, **env))

    def test_options_are_those_of_a_worker(self) -> None:
        lines = re.findall(r"^#SBATCH --([a-z-]+)(?:=(\S+))?$", self.script.read_text(), re.MULTILINE)
        options = dict(lines)
        self.assertEqual(len(options), len(lines))
        self.assertEqual(len(options), self.script.read_text().count("#SBATCH"), "a line that Slurm would not take")
        self.assertRegex(options["array"], r"^0-\d+$")
        self.assertEqual(("", "append", "docker"), (options["requeue"], options["open-mode"], options["constraint"]))
        self.assertEqual((1, HOUR_S), (int(options["cpus-per-task"]), int(options["time"]) * 60))
        self.assertEqual(MEMORY, arguments.size(options["mem"] + "iB"))
        self.assertIn("%a", options["output"])

    def test_container_is_that_of_a_worker(self) -> None:
        (words,) = self.run_script().words("docker", "run")
        value = {flag: words[place + 1] for place, flag in enumerate(words[:-1])}
        self.assertEqual(("1", "5g"), (value["--cpus"], value["--memory"]))
        self.assertEqual([IMAGE, "worker", "s3://bucket/round"], words[-3:])
        passed_on = {name for flag, name in itertools.pairwise(words) if flag == "--env"}
        self.assertLessEqual({"SLURM_ARRAY_TASK_ID", "SLURM_ARRAY_TASK_COUNT", "SLURM_ARRAY_TASK_MIN"}, passed_on)
        self.assertIn("AWS_SECRET_ACCESS_KEY", passed_on)
        self.assertNotIn("=", "".join(passed_on), "what is in the command every user of the node can read")

    def test_folder_of_a_round_is_in_the_container_at_the_same_place(self) -> None:
        (words,) = self.run_script("/shared/a round").words("docker", "run")
        self.assertEqual("/shared/a round:/shared/a round", words[words.index("--volume") + 1])
        (words,) = self.run_script().words("docker", "run")
        self.assertNotIn("--volume", words)

    def test_task_is_requeued_where_that_may_help_and_no_other_task_is(self) -> None:
        for status, again in TRIED_AGAIN.items():
            with self.subTest(status):
                ended = self.run_script(STATUS=str(status))
                self.assertEqual(status, ended.status)
                self.assertEqual([["70_4"]] if again else [], ended.words("scontrol", "requeue"))

    def test_restarts_have_an_end(self) -> None:
        for restarts, again in (("1", True), ("9", True), ("10", False)):
            with self.subTest(restarts):
                ended = self.run_script(STATUS="3", SLURM_RESTART_COUNT=restarts)
                self.assertEqual(again, bool(ended.words("scontrol", "requeue")))

    def test_container_of_an_attempt_before_is_removed_first(self) -> None:
        ended = self.run_script()
        (words,) = ended.words("docker", "run")
        name = words[words.index("--name") + 1]
        self.assertEqual(["docker", "rm", "--force", name], ended.calls[0])
        self.assertIn("70_4", name)

    def test_killed_job_stops_its_container_and_is_not_requeued(self) -> None:
        script = self.start("s3://bucket/round", LONGEST_S="20", STATUS="143")
        until = time.monotonic() + 60
        while '"run"' not in (self.folder / "calls").read_text():
            self.assertLess(time.monotonic(), until)
            time.sleep(0.02)
        script.send_signal(signal.SIGTERM)
        ended = self.end(script)
        (words,) = ended.words("docker", "run")
        (stopped,) = ended.words("docker", "stop")
        self.assertEqual((143, words[words.index("--name") + 1]), (ended.status, stopped[-1]))
        self.assertEqual([], ended.words("scontrol"))


class KubernetesTest(EngineTestCase):
    def setUp(self) -> None:
        self.manifest: dict[str, Any] = yaml.safe_load((EXAMPLES / "kubernetes.yaml").read_text())
        self.job = self.manifest["spec"]
        self.pod = self.job["template"]["spec"]
        (self.container,) = self.pod["containers"]

    @kubernetes.needs_validator
    def test_manifest_is_what_kubernetes_takes(self) -> None:
        kubernetes.check_valid(self, self.manifest, "1.33")

    def test_workers_are_as_many_as_they_are_told(self) -> None:
        self.assertEqual("Indexed", self.job["completionMode"])
        address, workers = self.container["args"][1:]
        self.assertRegex(address, r"^s3://[a-z-]+/")
        self.assertEqual(self.job["completions"], self.job["parallelism"])
        self.assertEqual(f"--workers={self.job['completions']}", workers)

    def test_arguments_run_a_round(self) -> None:
        last = self.job["completions"] - 1
        address = self.container["args"][1]
        self.check_worker_runs(self.container["args"], address, last, JOB_COMPLETION_INDEX=str(last))

    def test_container_is_that_of_a_worker(self) -> None:
        resources = self.container["resources"]
        self.assertEqual(resources["requests"], resources["limits"])
        self.assertEqual("1", resources["limits"]["cpu"])
        self.assertEqual(MEMORY, arguments.size(resources["limits"]["memory"] + "B"))
        self.assertEqual((IMAGE, "worker"), (self.container["image"], self.container["args"][0]))

    def test_worker_is_tried_again_where_that_may_help(self) -> None:
        self.assertEqual("Never", self.pod["restartPolicy"], "a failure policy asks for it")
        drained, rule = self.job["podFailurePolicy"]["rules"]
        condition = {"type": "DisruptionTarget", "status": "True"}
        self.assertEqual({"action": "Ignore", "onPodConditions": [condition]}, drained)
        codes = rule["onExitCodes"]
        self.assertEqual(("FailIndex", "NotIn"), (rule["action"], codes["operator"]))
        self.assertEqual(self.container["name"], codes["containerName"])
        self.assertEqual({status for status, again in TRIED_AGAIN.items() if again}, {*codes["values"]})
        self.assertGreater(self.job["backoffLimitPerIndex"], 0)
        self.assertNotIn("backoffLimit", self.job, "it would count the failures of all workers together")

    def test_job_has_the_time_of_a_round(self) -> None:
        self.assertEqual(HOUR_S, self.job["activeDeadlineSeconds"])

    def test_pod_has_no_privilege_but_the_role_of_its_account(self) -> None:
        self.assertTrue(self.pod["serviceAccountName"])
        self.assertIs(False, self.pod["automountServiceAccountToken"])
        context = self.pod["securityContext"]
        self.assertEqual((True, "RuntimeDefault"), (context["runAsNonRoot"], context["seccompProfile"]["type"]))
        self.assertEqual(
            {"allowPrivilegeEscalation": False, "readOnlyRootFilesystem": True, "capabilities": {"drop": ["ALL"]}},
            self.container["securityContext"],
        )

    def test_temporary_folder_is_on_disk_and_larger_than_what_a_model_may_write(self) -> None:
        mounted = {mount["mountPath"]: mount["name"] for mount in self.container["volumeMounts"]}
        (tmp,) = [volume for volume in self.pod["volumes"] if volume["name"] == mounted["/tmp"]]
        self.assertEqual(["sizeLimit"], [*tmp["emptyDir"]], "files in memory would count as the model's memory")
        self.assertGreater(arguments.size(tmp["emptyDir"]["sizeLimit"] + "B"), platform_limits.MEMORY_LIMIT)


class ImagesTest(unittest.TestCase):
    def test_image_of_every_example_is_one_that_is_pushed(self) -> None:
        make = ["make", "--no-print-directory", "--dry-run", "push_stable_3_11"]
        pushed = subprocess.run(make, cwd=ROOT, capture_output=True, text=True, timeout=60, check=True).stdout
        self.assertIn(f"push {IMAGE}\n", pushed)

    def test_files_for_another_python_are_made_as_the_page_says(self) -> None:
        (command,) = re.findall(r"`sed '(.*)' FILE`", (EXAMPLES / "README.md").read_text())
        for path in sorted(EXAMPLES.iterdir()):
            if path.name == "README.md":
                continue
            with self.subTest(path.name):
                made = subprocess.run(["sed", command, str(path)], capture_output=True, text=True, check=True).stdout
                self.assertIn(IMAGE.replace("3_11", "3_12"), made)
                self.assertNotRegex(made, r"3[-_.]11\b")


if __name__ == "__main__":
    unittest.main()
