"""The schedules in examples/: each is valid to whom it is for, and what it runs is what predict.py takes."""

import fcntl
import fnmatch
import json
import re
import shutil
import subprocess
import sys
import tempfile
import unittest
from dataclasses import dataclass
from datetime import date
from pathlib import Path

import yaml
from botocore.session import get_session
from botocore.validate import ParamValidator

from numerai_predict import platform_limits
from numerai_predict.cli import arguments
from numerai_predict.sandbox.supervisor import SPARE_SHARE
from tests import kubernetes
from tests.harness import BENCHMARKS, LIVE, MODEL, ROOT
from tests.schedules import OPEN_HOURS, Ended, Machine, check_cron, command_of, starts_of
from tests.servers import Answer, serving

SCHEDULES = ROOT / "examples/schedules"
IMAGE = re.compile(r"ghcr\.io/numerai/numerai_predict_py_(\d+_\d+):stable")
# What the runtime itself holds while a model runs, generously.
RUNTIME_BYTES = 100 << 20
# Of Fargate, for one vCPU: https://docs.aws.amazon.com/batch/latest/APIReference/API_ResourceRequirement.html
MEMORY_OF_ONE_VCPU = {str(gigabytes * 1024) for gigabytes in range(2, 9)}

# Notes what it is told. `docker run` ends with the next of STATUSES; where there are none, it runs predict.py.
DOCKER = """#!{python}
import json, os, subprocess, sys
from pathlib import Path

with open({calls!r}, "a") as calls:
    print(json.dumps(sys.argv[1:]), file=calls)
if sys.argv[1] == "run":
    runs = [call for call in map(json.loads, open({calls!r})) if call[0] == "run"]
    if statuses := os.environ.get("STATUSES", "").split():
        print("A word of the model.")
        sys.exit(int(statuses[len(runs) - 1]))
    image = next(place for place, word in enumerate(sys.argv) if word.startswith("ghcr.io/"))
    volume = sys.argv[sys.argv.index("--volume") + 1].partition(":")[0]
    words = [word.replace("/numerai", volume) for word in sys.argv[image + 1 :]]
    sys.exit(subprocess.run([sys.executable, {predict!r}, *words], cwd={data!r}).returncode)
if "no registry" in os.environ.get("TROUBLE", ""):
    sys.exit(1)
"""


@dataclass(frozen=True)
class Container:
    """What a schedule starts: an image, its arguments, and what it may use."""

    image: str
    arguments: list[str]
    cpus: str
    memory_bytes: int


class DockerMachine(Machine):
    """A machine whose docker only plays what it is."""

    def __init__(self, home: Path) -> None:
        super().__init__(home)
        self._calls = home / "calls"
        data = home / "data"
        (data / "v5.3").mkdir(parents=True)
        shutil.copy(LIVE, data / platform_limits.DATASET)
        shutil.copy(BENCHMARKS, data / platform_limits.BENCHMARKS)
        predict = str(ROOT / "predict.py")
        docker = DOCKER.format(python=sys.executable, calls=str(self._calls), predict=predict, data=str(data))
        self.play(self._programs / "docker", docker)

    def run(self, *command: str, cwd: Path, statuses: str = "", **env: str) -> Ended:
        """Run the command, whose `docker run` ends with one status after the other, or runs predict.py for none."""
        self._calls.write_text("")
        return super().run(*command, cwd=cwd, statuses=statuses, **env)

    @property
    def runs(self) -> list[list[str]]:
        """The words after each `docker run` of the last command."""
        calls = map(json.loads, self._calls.read_text().splitlines())
        return [words for verb, *words in calls if verb == "run"]


class ScheduleTestCase(unittest.TestCase):
    """A test with a machine of its own."""

    def setUp(self) -> None:
        home = tempfile.TemporaryDirectory()
        self.addCleanup(home.cleanup)
        self.machine = DockerMachine(Path(home.name))

    def check_container(self, container: Container) -> None:
        """The image is one that is pushed; predict.py takes the arguments; all the memory is there that it promises."""
        tag = IMAGE.fullmatch(container.image)
        assert tag, container.image
        pushed = subprocess.run(
            ["make", "--no-print-directory", "--dry-run", f"push_stable_{tag[1]}"],
            cwd=ROOT,
            capture_output=True,
            text=True,
            timeout=60,
            check=True,
        )
        self.assertIn(f"push {container.image}\n", pushed.stdout)
        args = arguments.build_parser().parse_args(container.arguments)
        self.assertEqual("1", container.cpus)
        left = int(container.memory_bytes * (1 - SPARE_SHARE)) - RUNTIME_BYTES
        self.assertGreaterEqual(left, args.memory_limit, "the runtime would lower --memory_limit")

    def check_predictions(self, output: Path) -> None:
        """A run has left its predictions there, and a report of success."""
        (csv,) = output.glob("live_predictions-*.csv")
        self.assertTrue(csv.read_text().startswith("id,prediction\n"))
        (report,) = output.glob("report*.json")
        self.assertEqual("success", json.loads(report.read_text())["status"])

    def run_here(self, words: list[str]) -> Ended:
        """Run predict.py with the arguments of a container whose /numerai is the machine's folder."""
        here = [word.replace("/numerai", str(self.machine.folder)) for word in words]
        command = (sys.executable, str(ROOT / "predict.py"), *here)
        return self.machine.run(*command, cwd=self.machine.home / "data")


@unittest.skipUnless(shutil.which("flock"), "cron and flock are Linux's")
class CrontabTest(ScheduleTestCase):
    tuesday = "2026-11-24 12:05 UTC"

    def setUp(self) -> None:
        super().setUp()
        shutil.copy(SCHEDULES / "daily.sh", self.machine.folder)
        self.fields, self.command = command_of(SCHEDULES / "crontab")

    def cron(self, now: str = tuesday, **env: str) -> Ended:
        """Run the command as cron does."""
        return self.machine.run("/bin/sh", "-c", self.command, cwd=self.machine.home, NOW=now, **env)

    def test_fields_are_in_range(self) -> None:
        check_cron(self, " ".join(self.fields))

    def test_command_runs_once_while_each_round_is_open_and_not_otherwise(self) -> None:
        minute, *every = self.fields
        self.assertEqual(["*"] * 4, every)
        started = []
        for day in range(22, 29):  # Sunday to Saturday.
            for hour in (11, 12, 13, 14):
                now = f"2026-11-{day} {hour}:{int(minute):02} UTC"
                self.assertEqual(Ended(0, ""), self.cron(now, statuses="0", TZ="Asia/Tokyo"))
                started += [(date(2026, 11, day).isoweekday(), hour, int(minute))] * len(self.machine.runs)
        check_in_time(self, started)

    def test_command_runs_in_summer_as_in_winter_wherever_the_machine_is(self) -> None:
        for now, runs in {"2026-07-01 13:05 +0100": 1, "2026-07-01 12:05 +0100": 0}.items():
            with self.subTest(now):
                self.assertEqual(Ended(0, ""), self.cron(now, statuses="0", TZ="Asia/Tokyo"))
                self.assertEqual(runs, len(self.machine.runs))

    def test_container_is_the_platforms(self) -> None:
        self.cron(statuses="0")
        (words,) = self.machine.runs
        self.check_container(docker_run(words))
        self.assertIn("--rm", words)

    def test_error_is_tried_again_and_nothing_else(self) -> None:
        for statuses, ended, pauses in (
            ("0", 0, []),
            ("1", 1, []),
            ("2", 2, []),
            ("125", 125, []),
            ("3 0", 0, ["60"]),
            ("3 1", 1, ["60"]),
            ("3 3 0", 0, ["60", "300"]),
            ("3 3 3", 3, ["60", "300", "0"]),
        ):
            with self.subTest(statuses):
                done = self.cron(statuses=statuses)
                self.assertEqual(ended, done.status)
                self.assertEqual((len(statuses.split()), pauses), (len(self.machine.runs), self.machine.pauses))

    def test_failure_is_printed_for_cron_to_mail_and_success_is_not(self) -> None:
        self.assertEqual("", self.cron(statuses="0").output)
        self.assertIn("A word of the model.", self.cron(statuses="1").output)

    def test_log_has_all_tries(self) -> None:
        self.cron(statuses="3 0")
        log = (self.machine.folder / "predictions/2026-11-24/log").read_text()
        self.assertEqual(2, log.count("A word of the model."))

    def test_registry_that_cannot_be_reached_does_not_keep_the_model_from_running(self) -> None:
        self.assertEqual(0, self.cron(statuses="0", TROUBLE="no registry").status)
        self.assertEqual(1, len(self.machine.runs))

    def test_second_run_does_not_begin_before_the_first_is_over(self) -> None:
        with open(self.machine.folder / "lock", "w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            self.assertEqual(Ended(75, "Another run is not over yet.\n"), self.cron(statuses="0"))
        self.assertEqual([], self.machine.runs)
        self.assertEqual(0, self.cron(statuses="0").status)

    def test_command_makes_predictions_and_a_report(self) -> None:
        shutil.copy(MODEL, self.machine.folder / "model.pkl")
        self.assertEqual(Ended(0, ""), self.cron())
        self.check_predictions(self.machine.folder / "predictions/2026-11-24")


class WorkflowTest(ScheduleTestCase):
    def setUp(self) -> None:
        super().setUp()
        self.text = (SCHEDULES / "github-actions.yml").read_text()
        self.workflow = yaml.safe_load(self.text)
        (self.job,) = self.workflow["jobs"].values()

    def run_step(self, statuses: str = "") -> Ended:
        """Run the step that has a command, as GitHub does."""
        (script,) = [step["run"] for step in self.job["steps"] if "run" in step]
        return self.machine.run(
            "bash", "-e", "-c", script, cwd=self.machine.folder, statuses=statuses, NOW="now", **self.job["env"]
        )

    def test_schedule_is_that_of_the_rounds(self) -> None:
        triggers = self.workflow[True]  # YAML 1.1 takes "on" for a boolean.
        self.assertEqual({"schedule", "workflow_dispatch"}, {*triggers})
        ((cron,),) = [entry.values() for entry in triggers["schedule"]]
        check_cron(self, cron)
        check_in_time(self, starts_of(cron))

    def test_page_and_file_say_that_its_schedule_is_late(self) -> None:
        for said in (self.text, (ROOT / "docs/schedules.md").read_text()):
            self.assertRegex(said, r"late, sometimes by hours|hours late")

    def test_actions_are_pinned_by_commit_with_their_version_beside(self) -> None:
        used = re.findall(r"uses: (.*)", self.text)
        self.assertEqual(2, len(used))
        for action in used:
            self.assertRegex(action, r"^actions/[a-z-]+@[0-9a-f]{40} # v\d+\.\d+\.\d+$")

    def test_job_may_do_no_more_than_it_must(self) -> None:
        self.assertEqual({}, self.workflow["permissions"])
        self.assertEqual({"contents": "read"}, self.job["permissions"])
        self.assertLessEqual(self.job["timeout-minutes"], 60)
        self.assertIn("concurrency", self.workflow)

    def test_predictions_and_report_are_kept_whatever_happens(self) -> None:
        upload = self.job["steps"][-1]
        self.assertEqual("always()", upload["if"])
        self.assertEqual(["output/live_predictions-*.csv", "output/report.json"], upload["with"]["path"].split())

    def test_container_is_the_platforms(self) -> None:
        self.run_step(statuses="0")
        (words,) = self.machine.runs
        self.check_container(docker_run(words))

    def test_error_is_tried_again_and_nothing_else(self) -> None:
        for statuses, ended in (("0", 0), ("1", 1), ("2", 2), ("3 0", 0), ("3 1", 1), ("3 3 3", 3)):
            with self.subTest(statuses):
                self.assertEqual(ended, self.run_step(statuses).status)
                self.assertEqual(len(statuses.split()), len(self.machine.runs))

    def test_step_makes_predictions_and_a_report(self) -> None:
        shutil.copy(MODEL, self.machine.folder / "model.pkl")
        done = self.run_step()
        self.assertEqual(0, done.status, done.output)
        self.check_predictions(self.machine.folder / "output")


class BatchTest(ScheduleTestCase):
    def setUp(self) -> None:
        super().setUp()
        self.definition = json.loads((SCHEDULES / "aws-batch-job-definition.json").read_text())
        self.container = self.definition["containerProperties"]

    def command(self, **parameters: str) -> list[str]:
        """The arguments, with the parameters that a job is submitted with."""
        named = {f"Ref::{name}": value for name, value in parameters.items()}
        return [named.get(word, word) for word in self.container["command"]]

    def test_definition_is_what_batch_takes(self) -> None:
        operation = get_session().get_service_model("batch").operation_model("RegisterJobDefinition")
        found = ParamValidator().validate(self.definition, operation.input_shape)
        self.assertFalse(found.has_errors(), found.generate_report())

    def test_container_is_the_platforms_and_a_size_of_fargate(self) -> None:
        resources = {entry["type"]: entry["value"] for entry in self.container["resourceRequirements"]}
        self.assertEqual((["FARGATE"], "1"), (self.definition["platformCapabilities"], resources["VCPU"]))
        self.assertIn(resources["MEMORY"], MEMORY_OF_ONE_VCPU)
        command = self.command(model="https://a.test/m.pkl", post_url="https://a.test/", post_data="key=b")
        self.assertNotIn("Ref::", " ".join(command))
        memory = arguments.size(f"{resources['MEMORY']}MiB")
        self.check_container(Container(self.container["image"], command, resources["VCPU"], memory))

    def test_error_is_tried_again_and_nothing_else(self) -> None:
        conditions = self.definition["retryStrategy"]["evaluateOnExit"]
        for status, action in ((1, "EXIT"), (2, "EXIT"), (3, "RETRY"), (137, "EXIT")):
            matching = [one["action"] for one in conditions if fnmatch.fnmatchcase(str(status), one["onExitCode"])]
            self.assertEqual(action, matching[0], status)

    def test_attempt_has_the_time_that_downloads_model_and_upload_may_take(self) -> None:
        longest = 600 + platform_limits.TIME_LIMIT_S + 300
        self.assertGreaterEqual(self.definition["timeout"]["attemptDurationSeconds"], longest)

    def test_command_uploads_predictions(self) -> None:
        with serving() as server:
            model = server.queue("/model.pkl", Answer(body=MODEL.read_bytes()))
            post_url = server.queue("/upload", Answer(204))
            done = self.run_here(
                [*self.command(model=model, post_url=post_url, post_data="key=live.csv"), "--output_dir=/numerai"]
            )
        self.assertEqual(0, done.status, done.output)
        self.assertIn(b"id,prediction\n", server.requests[-1].body)


class KubernetesTest(kubernetes.CronJobCase, ScheduleTestCase):
    file = SCHEDULES / "kubernetes-cronjob.yaml"

    def test_schedule_is_that_of_the_rounds_and_jobs_never_overlap(self) -> None:
        spec = self.manifest["spec"]
        self.assertEqual(("Etc/UTC", "Forbid"), (spec["timeZone"], spec["concurrencyPolicy"]))
        check_cron(self, spec["schedule"])
        check_in_time(self, starts_of(spec["schedule"]))

    def test_job_begins_and_ends_while_its_round_is_open(self) -> None:
        spec = self.manifest["spec"]
        longest_s = spec["startingDeadlineSeconds"] + self.job["activeDeadlineSeconds"]
        for day, hour, minute in starts_of(spec["schedule"]):
            self.assertLess(hour * 3600 + minute * 60 + longest_s, OPEN_HOURS[day][1] * 3600)

    def test_container_is_the_platforms(self) -> None:
        resources = self.container["resources"]
        self.assertEqual(resources["requests"], resources["limits"])
        cpus, memory = resources["limits"]["cpu"], arguments.size(resources["limits"]["memory"] + "B")
        self.check_container(Container(self.container["image"], self.container["args"], cpus, memory))

    def test_error_is_tried_again_and_nothing_else(self) -> None:
        self.assertEqual("Never", self.pod["restartPolicy"], "a failure policy asks for it")
        self.assertEqual(2, self.job["backoffLimit"])
        *others, rule = self.job["podFailurePolicy"]["rules"]
        self.assertEqual(["Ignore"], [other["action"] for other in others])
        codes = {"containerName": self.container["name"], "operator": "NotIn", "values": [3]}
        self.assertEqual({"action": "FailJob", "onExitCodes": codes}, rule)

    def test_pod_has_no_privilege(self) -> None:
        kubernetes.check_no_privilege(self, self.pod)

    def test_temporary_folder_is_on_disk_and_larger_than_what_a_model_may_write(self) -> None:
        kubernetes.check_temporary_folder(self, self.pod)

    def test_arguments_make_predictions_and_a_report(self) -> None:
        shutil.copy(MODEL, self.machine.folder / "model.pkl")
        names = {entry["name"]: "predict-1" for entry in self.container["env"]}
        words = [re.sub(r"\$\((\w+)\)", lambda found: names[found[1]], word) for word in self.container["args"]]
        done = self.run_here(words)
        self.assertEqual(0, done.status, done.output)
        self.check_predictions(self.machine.folder)


def docker_run(words: list[str]) -> Container:
    """What `docker run` is told to start."""
    place = next(place for place, word in enumerate(words) if IMAGE.fullmatch(word))
    flags, image, given = words[:place], words[place], words[place + 1 :]
    value = {flag: flags[place + 1] for place, flag in enumerate(flags[:-1])}
    return Container(image, given, value["--cpus"], arguments.size(value["--memory"]))


def check_in_time(case: unittest.TestCase, starts: list[tuple[int, int, int]]) -> None:
    """Once for each round, after it has opened, and early enough for a model of ten minutes and two more tries."""
    case.assertEqual(sorted(OPEN_HOURS), [day for day, _, _ in starts])
    for day, hour, minute in starts:
        opens, closes = OPEN_HOURS[day]
        case.assertTrue(opens * 60 < hour * 60 + minute <= closes * 60 - 45, (day, hour, minute))


if __name__ == "__main__":
    unittest.main()
