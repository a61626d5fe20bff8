"""A round on AWS Batch, as moto's server plays it: with real containers of the image, of which one is killed.

moto tries no job again, whatever its definition says: the test does, in its place. It needs moto, boto3 and a Docker
engine, and no network; `make test_round_3_11` has all that.
"""

import contextlib
import json
import os
import socket
import subprocess
import sys
import tempfile
import time
import unittest
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any, ClassVar

import boto3

from tests.images.engine import IMAGE, ROOT, docker
from tests.images.rounds import SECRET, Results, check_results, single_runs, wait_until, write_round

DEFINITION = ROOT / "examples/round/batch-job-definition.json"
BUCKET, PREFIX = "numerai", "rounds/1234/"
WORKERS = 2
# Of each worker: there is enough left to do then.
OUTCOMES_BEFORE_THE_KILL = 3
ENDED = ("SUCCEEDED", "FAILED")
START_S = 30


class Aws:
    """What is asked of AWS: S3 with the round, and Batch, which knows the example's job definition."""

    def __init__(self, endpoint: str) -> None:
        # Containers get what a role would give them.
        self._environment = {
            "AWS_ENDPOINT_URL": endpoint,
            "AWS_DEFAULT_REGION": "us-east-1",
            "AWS_ACCESS_KEY_ID": "AKIATEST",
            "AWS_SECRET_ACCESS_KEY": SECRET,
            "AWS_BATCH_JOB_ARRAY_SIZE": str(WORKERS),  # moto sets none.
        }
        session = boto3.Session(aws_access_key_id="AKIATEST", aws_secret_access_key=SECRET, region_name="us-east-1")
        self.s3, self.batch, self.logs, iam = (
            session.client(name, endpoint_url=endpoint) for name in ("s3", "batch", "logs", "iam")
        )
        role = iam.create_role(RoleName="batch", AssumeRolePolicyDocument="{}")["Role"]["Arn"]
        machines = self.batch.create_compute_environment(
            computeEnvironmentName="machines", type="UNMANAGED", state="ENABLED", serviceRole=role
        )["computeEnvironmentArn"]
        order = [{"order": 1, "computeEnvironment": machines}]
        self.batch.create_job_queue(jobQueueName="queue", state="ENABLED", priority=1, computeEnvironmentOrder=order)
        self.definition = json.loads(DEFINITION.read_text())
        container = self.definition["containerProperties"]
        container["image"] = IMAGE
        container["environment"] = [{"name": name, "value": value} for name, value in self._environment.items()]
        self.batch.register_job_definition(**self.definition)

    def upload(self, folder: Path) -> None:
        """Put the files of a round into its bucket."""
        self.s3.create_bucket(Bucket=BUCKET)
        for path in folder.rglob("*"):
            if path.is_file():
                self.s3.upload_file(str(path), BUCKET, f"{PREFIX}{path.relative_to(folder)}")

    def submit(self, name: str, **more: Any) -> str:
        """Start a job, as the example's page does, and return its id."""
        job = self.batch.submit_job(
            jobName=name,
            jobQueue="queue",
            jobDefinition=self.definition["jobDefinitionName"],
            parameters={"round": f"s3://{BUCKET}/{PREFIX.rstrip('/')}"},
            **more,
        )
        return str(job["jobId"])

    def jobs(self) -> dict[str, dict[str, Any]]:
        """What Batch says of every job that has a container, by its id."""
        listed = self.batch.list_jobs(jobQueue="queue")["jobSummaryList"]
        return {job["jobId"]: job for job in listed if job["jobId"] not in self.arrays(listed)}

    @staticmethod
    def arrays(listed: list[dict[str, Any]]) -> set[str]:
        """The ids of jobs that have children."""
        return {job["jobId"].partition(":")[0] for job in listed if ":" in job["jobId"]}

    def has_ended(self) -> bool:
        """Whether no container runs any more, or ever will."""
        return all(job["status"] in ENDED for job in self.jobs().values())

    def log(self, job: str) -> str:
        """What the container of a job that has ended has printed."""
        stream = f"{self.definition['jobDefinitionName']}/default/{job}"
        events = self.logs.get_log_events(logGroupName="/aws/batch/job", logStreamName=stream)["events"]
        return "\n".join(event["message"] for event in events)

    def folder(self, name: str) -> dict[str, bytes]:
        """The objects of a folder of the round, by their names without a suffix."""
        prefix = f"{PREFIX}{name}/"
        listed = self.s3.list_objects_v2(Bucket=BUCKET, Prefix=prefix).get("Contents", [])
        return {
            Path(entry["Key"]).stem: self.s3.get_object(Bucket=BUCKET, Key=entry["Key"])["Body"].read()
            for entry in listed
        }

    def results(self) -> Results:
        """What lies in the round."""
        outcomes = {name: json.loads(content) for name, content in self.folder("outcomes").items()}
        return Results(outcomes, self.folder("predictions"))


@contextlib.contextmanager
def moto_server() -> Iterator[str]:
    """The address of a new server, whose containers share this machine's network."""
    with socket.create_server(("127.0.0.1", 0)) as unused:
        port = unused.getsockname()[1]
    environment = {**os.environ, "MOTO_DOCKER_NETWORK_MODE": "host"}
    with tempfile.TemporaryFile() as log:
        server = subprocess.Popen(
            [sys.executable, "-m", "moto.server", "-p", str(port)], env=environment, stdout=log, stderr=log
        )
        try:
            wait_for_answer(f"http://127.0.0.1:{port}/moto-api/", server)
            yield f"http://127.0.0.1:{port}"
        finally:
            server.terminate()
            server.wait()


def wait_for_answer(url: str, server: subprocess.Popen[bytes]) -> None:
    until = time.monotonic() + START_S
    while server.poll() is None and time.monotonic() < until:
        with contextlib.suppress(OSError), urllib.request.urlopen(url, timeout=5):
            return
        time.sleep(0.1)
    raise AssertionError("moto's server did not start")


def both_have_worked(results: Results) -> bool:
    """Whether each worker has done its part before the kill."""
    return all(len(results.of_worker(index)) >= OUTCOMES_BEFORE_THE_KILL for index in range(WORKERS))


class BatchTest(unittest.TestCase):
    """An array of two workers, one of which is killed, and the try that its engine would make then."""

    results: ClassVar[Results]
    at_the_kill: ClassVar[int]
    array: ClassVar[str]
    again: ClassVar[str]
    jobs: ClassVar[dict[str, dict[str, Any]]]
    logs: ClassVar[dict[str, str]]

    @classmethod
    def setUpClass(cls) -> None:
        single_runs()  # Now, as they would slow the workers down.
        services = contextlib.ExitStack()
        cls.addClassCleanup(services.close)
        aws = Aws(services.enter_context(moto_server()))
        with tempfile.TemporaryDirectory() as folder:
            write_round(Path(folder))
            aws.upload(Path(folder))
        cls.array = aws.submit("round", arrayProperties={"size": WORKERS})
        cls.kill_second_worker(aws)
        index = {"name": "AWS_BATCH_JOB_ARRAY_INDEX", "value": "1"}
        cls.again = aws.submit("again", containerOverrides={"environment": [index]})
        cls.addClassCleanup(docker, "rm", "--force", f"again-{cls.again}")
        wait_until(aws.has_ended, "the end of all workers")
        cls.jobs, cls.results = aws.jobs(), aws.results()
        cls.logs = {job: aws.log(job) for job in cls.jobs}

    @classmethod
    def kill_second_worker(cls, aws: Aws) -> None:
        """End its container as the kernel does, in the middle of its work."""
        containers = [f"round-{cls.array}-{index}" for index in range(WORKERS)]
        for container in containers:
            cls.addClassCleanup(docker, "rm", "--force", container)
        wait_until(
            lambda: both_have_worked(aws.results()) or aws.has_ended(),
            "outcomes of both workers",
        )
        killed = docker("kill", "--signal", "KILL", containers[1])
        if killed.returncode:
            raise AssertionError(f"{killed.stderr}\n{[*map(aws.log, aws.jobs())]}")
        cls.at_the_kill = len(aws.results().outcomes)

    def test_every_model_has_the_outcome_and_the_csv_of_a_run_of_its_own(self) -> None:
        check_results(self, self.results)

    def test_worker_was_killed_before_the_round_was_over(self) -> None:
        self.assertLess(self.at_the_kill, len(self.results.outcomes))

    def test_both_workers_took_part(self) -> None:
        self.assertTrue(both_have_worked(self.results))

    def test_status_is_what_the_definition_decides_a_retry_by(self) -> None:
        self.assertEqual({f"{self.array}:0": 0, f"{self.array}:1": 137, self.again: 0}, self.statuses(), self.logs)

    def test_keys_are_shown_nowhere(self) -> None:
        for name, said in {**self.logs, "outcomes": json.dumps([*self.results.outcomes.values()])}.items():
            with self.subTest(name):
                self.assertTrue(said)
                self.assertNotIn(SECRET, said)

    def statuses(self) -> dict[str, int]:
        return {name: job["container"]["exitCode"] for name, job in self.jobs.items()}


if __name__ == "__main__":
    unittest.main()
