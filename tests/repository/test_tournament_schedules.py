"""The schedules of a tournament in examples/: each is valid to whom it is for, begins before a round opens, lasts until
it has closed, and starts what the command takes.
"""

import fcntl
import json
import os
import re
import shlex
import shutil
import subprocess
import sys
import tempfile
import unittest
from collections import defaultdict
from dataclasses import fields
from datetime import date, datetime, timezone
from pathlib import Path
from typing import Any

from numerai_predict.api.keys import PUBLIC_ID, SECRET_KEY
from numerai_predict.cli import arguments
from numerai_predict.platform_limits import MEMORY_LIMIT, TIME_LIMIT_S
from numerai_predict.tournament import read_settings
from numerai_predict.tournament.settings import Channels, TournamentModel
from tests import kubernetes
from tests.harness import ROOT
from tests.repository.test_docs import DOCS, PAGES, commands, text
from tests.repository.test_makefile import TAGS
from tests.schedules import OPEN_HOURS, Ended, Machine, check_cron, command_of, starts_of

SCHEDULES, PAGE = ROOT / "examples/schedules", DOCS / "tournament.md"
SERVICE, TIMER = SCHEDULES / "numerai-tournament.service", SCHEDULES / "numerai-tournament.timer"
CHANNELS = ("NUMERAI_PING_URL", "NUMERAI_WEBHOOK_URL", "NUMERAI_APPRISE_URL")
# Of one slot: what the platform gives a model, and what its worker needs besides.
SLOT_CPUS, SLOT_BYTES = 1, 5 << 30
# A start that is later may miss the opening; one that is earlier waits longer, to no use.
EARLIEST_MINUTES = 60
# What `systemd-analyze security` finds exposed, of 100 for a service without any restriction.
EXPOSURE = 40

# Notes how it was started, and ends with the next of STATUSES.
PROGRAM = """#!{python}
import json, os, sys

keys = {{name: value for name, value in os.environ.items() if name.startswith("NUMERAI_")}}
with open({starts!r}, "a") as file:
    print(json.dumps([os.getcwd(), keys, sys.argv[1:]]), file=file)
print("A word of the command.")
sys.exit(int(os.environ["STATUSES"].split()[len(open({starts!r}).readlines()) - 1]))
"""


def check_taken(words: list[str]) -> Any:
    """The command takes these words, the first of which is `tournament`; returns what it makes of them."""
    from numerai_predict.cli.tournament import tournament_parser

    assert words[0] == "tournament", words
    return tournament_parser().parse_args(words[1:])


def check_before_opening(case: unittest.TestCase, starts: list[tuple[int, int, int]]) -> None:
    """Once for each round, shortly before it opens."""
    case.assertEqual(sorted(OPEN_HOURS), [day for day, _, _ in starts])
    for day, hour, minute in starts:
        left = OPEN_HOURS[day][0] * 60 - (hour * 60 + minute)
        case.assertTrue(0 < left <= EARLIEST_MINUTES, (day, hour, minute))


def check_after_close(case: unittest.TestCase, starts: list[tuple[int, int, int]], longest_s: float) -> None:
    """What starts then and is ended after so many seconds is not ended before its round has closed."""
    for day, hour, minute in starts:
        case.assertGreater(hour * 3600 + minute * 60 + longest_s, OPEN_HOURS[day][1] * 3600)


def read_unit(path: Path) -> dict[str, list[str]]:
    """The settings of a unit, each with all its values."""
    found = defaultdict(list)
    for line in path.read_text().splitlines():
        if line and not line.startswith(("#", "[")):
            name, _, value = line.partition("=")
            found[name].append(value)
    return found


def analyze(*words: str) -> Ended:
    """What systemd-analyze says, in UTC."""
    done = subprocess.run(
        ["systemd-analyze", *words],
        env={**os.environ, "TZ": "UTC"},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    return Ended(done.returncode, done.stdout + done.stderr)


needs_systemd = unittest.skipUnless(shutil.which("systemd-analyze"), "systemd is not installed")


class SystemdTest(unittest.TestCase):
    def setUp(self) -> None:
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = Path(folder.name)
        self.service, self.timer = read_unit(SERVICE), read_unit(TIMER)

    def installed(self) -> list[str]:
        """Both units as they are where the program is installed, which systemd looks for."""
        program = shlex.split(self.service["ExecStart"][0])[0]
        for unit in (SERVICE, TIMER):
            Path(self.folder, unit.name).write_text(unit.read_text().replace(program, sys.executable))
        return [str(self.folder / unit.name) for unit in (SERVICE, TIMER)]

    def starts(self) -> list[datetime]:
        """When the timer starts the service in a week, as systemd counts."""
        (calendar,) = self.timer["OnCalendar"]
        done = analyze("calendar", "--base-time=2026-11-22 00:00 UTC", "--iterations=5", calendar)
        found = re.findall(r"(?:Next elapse|Iter\. #\d): \w{3} (\S+ \S+) UTC", done.output)
        return [datetime.strptime(time, "%Y-%m-%d %H:%M:%S").replace(tzinfo=timezone.utc) for time in found]

    @needs_systemd
    def test_units_are_what_systemd_takes(self) -> None:
        # Its status is 0 also for names and values that it does not know; it says so.
        self.assertEqual(Ended(0, ""), analyze("verify", "--man=no", *self.installed()))

    @needs_systemd
    def test_service_may_do_no_more_than_it_must(self) -> None:
        done = analyze("security", "--offline=true", f"--threshold={EXPOSURE}", "--no-pager", self.installed()[0])
        self.assertEqual(0, done.status, done.output)

    @needs_systemd
    def test_timer_starts_the_service_shortly_before_each_round_opens(self) -> None:
        starts = self.starts()
        check_before_opening(self, [(start.isoweekday(), start.hour, start.minute) for start in starts])
        self.assertEqual({(2026, 48)}, {tuple(start.isocalendar())[:2] for start in starts}, "in one week")

    @needs_systemd
    def test_service_is_not_ended_before_its_round_has_closed(self) -> None:
        (longest,) = self.service["TimeoutStartSec"]
        (seconds,) = re.findall(r"μs: (\d+)", analyze("timespan", longest).output)
        starts = [(start.isoweekday(), start.hour, start.minute) for start in self.starts()]
        check_after_close(self, starts, int(seconds) / 1e6)

    def test_timer_is_the_services_and_makes_up_for_what_it_missed(self) -> None:
        self.assertEqual(SERVICE.stem, TIMER.stem)
        self.assertEqual((["true"], ["timers.target"]), (self.timer["Persistent"], self.timer["WantedBy"]))
        self.assertTrue(self.timer["OnBootSec"])

    def test_service_is_started_again_where_that_may_help(self) -> None:
        self.assertEqual((["oneshot"], ["on-failure"]), (self.service["Type"], self.service["Restart"]))
        self.assertEqual(["1 2"], self.service["RestartPreventExitStatus"])
        self.assertEqual(["mixed"], self.service["KillMode"], "it ends its models itself")

    def test_credentials_are_those_that_the_command_looks_for(self) -> None:
        given = [value.partition(":")[0] for value in self.service["LoadCredential"]]
        self.assertEqual([PUBLIC_ID.lower(), SECRET_KEY.lower()], given)
        others = re.findall(r"^#LoadCredential=(\w+):/", SERVICE.read_text(), re.MULTILINE)
        self.assertEqual([name.lower() for name in CHANNELS], others)

    def test_command_is_taken(self) -> None:
        program, *words = shlex.split(self.service["ExecStart"][0])
        self.assertEqual("numerai-predict", Path(program).name)
        self.assertTrue(check_taken(words).submit)

    def test_folder_is_made_and_can_be_written_to(self) -> None:
        (name,) = self.service["StateDirectory"]
        self.assertEqual([f"%S/{name}"], self.service["WorkingDirectory"])


class CommandMachine(Machine):
    """A machine whose ~/numerai has tournament.sh, and a numerai-predict that only plays what it is."""

    def __init__(self, home: Path) -> None:
        super().__init__(home)
        self._starts = home / "starts"
        program = PROGRAM.format(python=sys.executable, starts=str(self._starts))
        self.play(self.folder / "venv/bin/numerai-predict", program)
        shutil.copy(SCHEDULES / "tournament.sh", self.folder)

    def run(self, *command: str, cwd: Path, statuses: str = "", **env: str) -> Ended:
        """Run the command, whose numerai-predict ends with one status after the other."""
        self._starts.write_text("")
        return super().run(*command, cwd=cwd, statuses=statuses, **env)

    @property
    def starts(self) -> list[tuple[str, dict[str, str], list[str]]]:
        """The folder, the keys in the environment and the words of each start by the last command."""
        return [tuple(json.loads(line)) for line in self._starts.read_text().splitlines()]


@unittest.skipUnless(shutil.which("flock"), "cron and flock are Linux's")
class CrontabTest(unittest.TestCase):
    tuesday = "2026-11-24 11:55 UTC"

    def setUp(self) -> None:
        home = tempfile.TemporaryDirectory()
        self.addCleanup(home.cleanup)
        self.machine = CommandMachine(Path(home.name))
        self.fields, self.command = command_of(SCHEDULES / "tournament-crontab")

    def cron(self, now: str = tuesday, statuses: str = "0", **env: str) -> Ended:
        """Run the command as cron does."""
        cwd = self.machine.home
        return self.machine.run("/bin/sh", "-c", self.command, cwd=cwd, statuses=statuses, NOW=now, **env)

    def test_command_runs_once_before_each_round_and_not_otherwise(self) -> None:
        check_cron(self, " ".join(self.fields))
        minute, *every = self.fields
        self.assertEqual(["*"] * 4, every)
        started = []
        for day in range(22, 29):  # Sunday to Saturday.
            for hour in (10, 11, 12, 23):
                self.assertEqual(Ended(0, ""), self.cron(f"2026-11-{day} {hour}:{int(minute):02} UTC", TZ="Asia/Tokyo"))
                started += [(date(2026, 11, day).isoweekday(), hour, int(minute))] * len(self.machine.starts)
        check_before_opening(self, started)

    def test_command_runs_in_time_wherever_the_machine_is(self) -> None:
        # A quarter of an hour off UTC, and in summer time.
        for now, runs in {
            "2026-11-24 17:55 +0545": 0,
            "2026-11-24 16:55 +0545": 1,
            "2026-07-01 12:55 +0100": 1,
        }.items():
            with self.subTest(now):
                self.assertEqual(Ended(0, ""), self.cron(now, TZ="Asia/Tokyo"))
                self.assertEqual(runs, len(self.machine.starts))

    def test_command_is_taken(self) -> None:
        self.cron()
        ((_, _, words),) = self.machine.starts
        self.assertTrue(check_taken(words).submit)

    def test_keys_are_files_of_its_folder_in_which_the_command_runs(self) -> None:
        self.cron()
        ((folder, keys, _),) = self.machine.starts
        here = os.path.realpath(self.machine.folder)
        files = {f"{PUBLIC_ID}_FILE": f"{here}/keys/public_id", f"{SECRET_KEY}_FILE": f"{here}/keys/secret_key"}
        self.assertEqual((here, files), (folder, keys))

    def test_error_is_tried_again_and_nothing_else(self) -> None:
        for statuses, ended, pauses in (
            ("0", 0, []),
            ("1", 1, []),
            ("2", 2, []),
            ("3 0", 0, ["300"]),
            ("3 1", 1, ["300"]),
            ("3 3 3", 3, ["300", "300", "0"]),
        ):
            with self.subTest(statuses):
                self.assertEqual(ended, self.cron(statuses=statuses).status)
                self.assertEqual((len(statuses.split()), pauses), (len(self.machine.starts), self.machine.pauses))

    def test_failure_is_printed_for_cron_to_mail_and_success_is_only_in_the_log(self) -> None:
        self.assertEqual("A word of the command.\n", self.cron(statuses="1").output)
        self.assertEqual("", self.cron().output)
        self.assertEqual("A word of the command.\n", (self.machine.folder / "tournament.log").read_text())

    def test_second_start_does_not_begin_before_the_first_is_over(self) -> None:
        with open(self.machine.folder / "lock", "w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            self.assertEqual(Ended(75, "Another start is not over yet.\n"), self.cron())
        self.assertEqual([], self.machine.starts)
        self.assertEqual(0, self.cron().status)


class KubernetesTest(kubernetes.CronJobCase):
    file = SCHEDULES / "tournament-kubernetes.yaml"

    def test_job_begins_before_its_round_opens_and_ends_after_it_has_closed(self) -> None:
        spec = self.manifest["spec"]
        self.assertEqual(("Etc/UTC", "Forbid"), (spec["timeZone"], spec["concurrencyPolicy"]))
        check_cron(self, spec["schedule"])
        check_before_opening(self, starts_of(spec["schedule"]))
        check_after_close(self, starts_of(spec["schedule"]), self.job["activeDeadlineSeconds"])

    def test_job_that_could_not_begin_in_time_begins_later_while_its_round_is_open(self) -> None:
        spec = self.manifest["spec"]
        for day, hour, minute in starts_of(spec["schedule"]):
            latest_s = hour * 3600 + minute * 60 + spec["startingDeadlineSeconds"]
            self.assertLess(latest_s, OPEN_HOURS[day][1] * 3600)

    def test_command_is_taken_and_has_what_its_slots_need(self) -> None:
        python, m, package, *words = self.container["command"]
        self.assertEqual(("python", "-m", "numerai_predict"), (python, m, package))
        args = check_taken(words)
        self.assertEqual((True, True), (args.submit, args.native), "there is no Docker in a pod")
        resources = self.container["resources"]
        self.assertEqual(resources["requests"], resources["limits"])
        cpus, memory = resources["limits"]["cpu"], arguments.size(resources["limits"]["memory"] + "B")
        self.assertEqual((args.slots * SLOT_CPUS, args.slots * SLOT_BYTES), (int(cpus), memory))

    def test_folder_is_the_claim(self) -> None:
        folder = str(check_taken(self.container["command"][3:]).folder)
        mounted = {mount["mountPath"]: mount["name"] for mount in self.container["volumeMounts"]}
        (volume,) = [volume for volume in self.pod["volumes"] if volume["name"] == mounted[folder]]
        self.assertIn("persistentVolumeClaim", volume)

    def test_image_is_one_that_is_pushed(self) -> None:
        self.assertIn(self.container["image"], [f"ghcr.io/numerai/numerai_predict_py_{tag}:stable" for tag in TAGS])

    def test_keys_come_from_a_secret_and_as_no_file(self) -> None:
        given = {entry["name"]: entry["valueFrom"]["secretKeyRef"] for entry in self.container["env"]}
        required = [name for name, secret in given.items() if not secret.get("optional")]
        self.assertEqual([PUBLIC_ID, SECRET_KEY], required)
        self.assertLessEqual({*given} - {*required}, {*CHANNELS})
        self.assertFalse([volume for volume in self.pod["volumes"] if "secret" in volume])

    def test_start_that_may_go_on_is_tried_again_and_nothing_else(self) -> None:
        self.assertEqual("Never", self.pod["restartPolicy"], "a failure policy asks for it")
        self.assertEqual(2, self.job["backoffLimit"])
        *others, rule = self.job["podFailurePolicy"]["rules"]
        self.assertEqual(["Ignore"], [other["action"] for other in others])
        codes = {"containerName": self.container["name"], "operator": "NotIn", "values": [3, 137]}
        self.assertEqual({"action": "FailJob", "onExitCodes": codes}, rule)

    def test_pod_has_no_privilege(self) -> None:
        kubernetes.check_no_privilege(self, self.pod)

    def test_temporary_folder_is_on_disk_and_larger_than_what_a_model_may_write(self) -> None:
        kubernetes.check_temporary_folder(self, self.pod)


class PageTest(unittest.TestCase):
    def test_every_tournament_command_of_the_pages_is_taken(self) -> None:
        found = set()
        for page in PAGES:
            for words in commands(page):
                line = " ".join(words).replace("python -m numerai_predict ", "numerai-predict ")
                if match := re.search(r"numerai-predict (tournament (check|run|status|again)\b.*)", line):
                    with self.subTest(page=page.name, line=line):
                        check_taken([word for word in match[1].split() if word != "--help"])
                        found.add(match[2])
        self.assertEqual({"check", "run", "status", "again"}, found)

    def test_table_of_settings_has_every_key_and_its_default(self) -> None:
        rows = re.findall(r"^\| `models\.NAME\.(\w+)` \| (.+?) \|", text(PAGE), re.MULTILINE)
        special = {"pickle": "`NAME.pkl`", "python": "the pickle's", "time_limit": "`600`", "memory_limit": '`"4GiB"`'}
        self.assertEqual([field.name for field in fields(TournamentModel) if field.name != "name"], [*special])
        self.assertEqual((TIME_LIMIT_S, MEMORY_LIMIT), (600, 4 << 30))
        self.assertEqual(special, dict(rows))

    def test_table_of_messages_has_every_channel_and_its_secret(self) -> None:
        rows = re.findall(r"^\| `(\w+)` \| `(NUMERAI_\w+)` \|", text(PAGE), re.MULTILINE)
        self.assertEqual([(field.name, f"NUMERAI_{field.name.upper()}_URL") for field in fields(Channels)], rows)
        self.assertEqual([*CHANNELS], [variable for _, variable in rows])

    def test_settings_of_the_page_are_taken(self) -> None:
        (example,) = re.findall(r"^```toml\n(.*?)^```$", text(PAGE), re.MULTILINE | re.DOTALL)
        with tempfile.TemporaryDirectory() as folder:
            Path(folder, "models").mkdir()
            Path(folder, "models/alice.pkl").touch()
            Path(folder, "tournament.toml").write_text(example.replace("…", "a1"))
            settings = read_settings(Path(folder), {})
        alice, bob = settings.models
        self.assertEqual(("alice", 1200, "bob", 600), (alice.name, alice.time_limit, bob.name, bob.time_limit))
        self.assertEqual(alice.pickle, bob.pickle)
        self.assertEqual("https://hc-ping.com/a1", settings.channels.ping)
