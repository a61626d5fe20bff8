"""What a model may not do, tried in the image under `docker run` with the flags that people use.

Needs nothing but Python and a Docker engine, and no network. The image of one version is tried with all flags: every
model as root and as an ordinary user, and with each other flag what it may change. In the other images an ordinary user
tries some models of each promise; as root all run without a container, under every Python, in
tests.end_to_end.test_broken_models.
"""

import errno
import json
import re
import unittest
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any, ClassVar

from numerai_predict.faults import Code
from tests.images.engine import MOST_TESTED, VERSION, open_folder, remove
from tests.images.model_runs import Run, models_of, run_image, write_models
from tests.listeners import listening
from tests.outcomes import CONFINED, CONTAINED, ROWS, Delivered, Fault
from tests.servers import Answer, serving

AT_A_TIME = 3
# What reads_secrets.py looks for.
SECRET = "S3CR3T-image"
SECRETS = ("--env", f"AWS_SECRET_ACCESS_KEY={SECRET}-aws", "--env", f"NUMERAI_SECRET_KEY={SECRET}-numerai")
MODELS_TRIED = {**CONFINED, **CONTAINED}
# Its report has every promise.
LISTS_PROMISES = "dials_out"
# Those of them that write, or leave what they should not, and predict all the same.
WRITERS = (
    "writes_outside_its_folder",
    "leaves_traps_in_its_folder",
    "removes_the_working_directory",
    "leaves_a_daemon",
    "reads_secrets",
    "trains_in_parallel",
)
# Of each promise those that lean on the image's Python and packages.
IN_EVERY_IMAGE = (
    *("dials_out", "downloads_with_requests", "downloads_in_a_subprocess", "works_in_parallel", "trains_in_parallel"),
    *("reads_secrets", "attacks_its_parent", "signals_its_parent_by_a_socket", "kills_all_processes"),
    *("changes_its_user", "writes_outside_its_folder", "reads_a_private_file", "leaves_traps_in_its_folder"),
    *("removes_the_working_directory", "prints_by_name", "eats_memory", "eats_memory_in_sockets"),
    *("asks_for_system_v", "forks_without_end", "leaves_a_daemon", "returns_in_a_fork_too"),
    *("segfaults", "aborts", "exits_hard_zero", "closes_every_descriptor", "writes_to_every_descriptor"),
)
LONGEST_LOG = 12_000_000
USERS_OF_MODELS = range(20_000, 60_000)


def rows_of(*codes: Code, also: tuple[str, ...]) -> dict[str, Fault | Delivered]:
    """The rows of models that end with one of these faults, and of those that are named."""
    return {
        name: row
        for name, row in MODELS_TRIED.items()
        if name in (*also, LISTS_PROMISES) or (isinstance(row, Fault) and row.code in codes)
    }


class ModelRuns(unittest.TestCase):
    """Models under one set of flags; a subclass names both, and has the tests."""

    flags: ClassVar[tuple[str, ...]]
    models: ClassVar[tuple[str, ...]]
    # What becomes of the models under these flags.
    rows: ClassVar[dict[str, Fault | Delivered]]
    results: ClassVar[dict[str, Future[Run]]] = {}

    @classmethod
    def setUpClass(cls) -> None:
        models = models_of(*cls.models)
        # Those that run into a time limit begin, as they mostly wait.
        rows = sorted(cls.rows.items(), key=lambda row: "--time_limit" not in row[1].flags)
        with ThreadPoolExecutor(AT_A_TIME) as pool:
            cls.results = {
                name: pool.submit(run_image, models, name, (*SECRETS, *cls.flags, *row.engine), *row.flags)
                for name, row in rows
            }

    def check_fault(self, run: Run, expected: Fault) -> None:
        code, fault = expected.code, run.report.get("fault") or {}
        self.assertEqual((code.blame.exit_status, code.label), (run.status, fault.get("code")), run.log)
        self.assertRegex(fault["message"], re.compile(expected.says, re.DOTALL))
        self.assertRegex(fault["hint"], expected.hint)
        self.assertRegex(run.stderr, expected.log)
        self.assertEqual([], run.csvs)
        self.check_nothing_left(run)

    def check_delivered(self, run: Run, expected: Delivered) -> None:
        self.assertEqual((0, "success", 1), (run.status, run.report.get("status"), len(run.csvs)), run.log)
        self.assertEqual(ROWS + 1, len(run.csvs[0].splitlines()))
        self.assertRegex(run.stderr, expected.log)
        self.check_nothing_left(run)

    def check_nothing_left(self, run: Run) -> None:
        self.assertEqual([], run.others)
        self.assertLess(len(run.stdout) + len(run.stderr), LONGEST_LOG)


class Confinement(ModelRuns):
    """Models that try what they may not."""

    models = tuple(MODELS_TRIED)
    rows: ClassVar[dict[str, Fault | Delivered]] = MODELS_TRIED

    def test_every_promise_is_kept(self) -> None:
        confinement = self.results[LISTS_PROMISES].result().report["runtime"]["confinement"]
        self.assertEqual([], confinement["broken"])
        self.assertEqual(
            {"network", "secrets", "parent", "files", "terminal", "user", "memory", "processes"}, {*confinement["kept"]}
        )


class DefaultTest(Confinement):
    flags = ()

    def test_model_of_root_runs_as_a_user_of_its_own(self) -> None:
        said = self.results["changes_its_user"].result().stdout
        users = [int(number) for number in re.findall(r"Runs as user (\d+)", said)]
        self.assertEqual(1, len(users), said)
        self.assertIn(users[0], USERS_OF_MODELS)


class OrdinaryUserTest(Confinement):
    flags = ("--user", "1000:1000")
    rows: ClassVar[dict[str, Fault | Delivered]] = {
        name: row for name, row in MODELS_TRIED.items() if VERSION == MOST_TESTED or name in IN_EVERY_IMAGE
    }

    def test_model_runs_as_that_user(self) -> None:
        self.assertIn("Runs as user 1000\n", self.results["changes_its_user"].result().stdout)


class NoNetworkTest(Confinement):
    flags = ("--network", "none")
    rows = rows_of(Code.NETWORK_USED, also=("works_in_parallel", "trains_in_parallel"))


class ReadOnlyTest(Confinement):
    """What writes, below the temporary folder or elsewhere, and what is left of it."""

    flags = ("--read-only", "--tmpfs", "/tmp")
    rows: ClassVar[dict[str, Fault | Delivered]] = {
        **rows_of(
            *(Code.FILE_DENIED, Code.DISK_FULL, Code.OUT_OF_MEMORY, Code.TIMEOUT),
            also=WRITERS,
        ),
        # Files of a tmpfs are memory.
        **dict.fromkeys(
            ("fills_its_folder", "fills_a_closed_folder"), Fault(Code.OUT_OF_MEMORY, r"used [\d,]+ of [\d,]+ MiB")
        ),
    }


class LittleMemoryTest(Confinement):
    """What takes memory, of the model's processes or of the runtime. A model that takes it after its answer has
    delivered if the kernel is faster than the runtime, and not otherwise: neither is wrong, so it is not tried.
    """

    flags = ("--memory", "512m")
    rows: ClassVar[dict[str, Fault | Delivered]] = {
        **rows_of(
            *(Code.OUT_OF_MEMORY, Code.DISK_FULL, Code.TOO_MANY_PROCESSES, Code.BAD_HANDOVER),
            also=("trains_in_parallel", "floods_standard_output", "floods_standard_output_forever", "recurses_forever"),
        ),
        # Whoever is faster, the runtime or the kernel, the message names the container. 400 processes do not fit.
        **{
            name: Fault(Code.OUT_OF_MEMORY, r"\b512 MiB", flags=MODELS_TRIED[name].flags)
            for name in (
                *("eats_memory", "eats_memory_in_children", "eats_memory_in_sockets", "eats_memory_in_a_memory_file"),
                "forks_without_end",
            )
        },
    }
    del rows["eats_memory_after_its_answer"]


class KernelTest(unittest.TestCase):
    """What only the kernel can stop in time."""

    def test_process_that_the_kernel_kills_for_memory_is_told_from_others(self) -> None:
        models = open_folder()
        self.addCleanup(remove, models)
        write_models(("eats_memory_in_one_call",), models)
        run = run_image(models, "eats_memory_in_one_call", ("--memory", "300m"), "--memory_limit", "0")
        fault = run.report.get("fault") or {}
        self.assertEqual((1, Code.OUT_OF_MEMORY.label), (run.status, fault.get("code")), run.log)
        self.assertRegex(fault["message"], r"\b300 MiB")
        self.assertEqual(([], []), (run.csvs, run.others))


class SecretsTest(unittest.TestCase):
    """Secrets in every place where the platform has them, with a real upload."""

    flags: ClassVar[dict[str, tuple[str, ...]]] = {
        "root": (),
        "an ordinary user": ("--user", "1000:1000"),
        "root below an init": ("--init",),
        "an ordinary user below an init": ("--init", "--user", "1000:1000"),
    }

    def test_secrets_are_not_found_and_used_all_the_same(self) -> None:
        models = open_folder()
        self.addCleanup(remove, models)
        write_models(("reads_secrets",), models)
        for name, flags in self.flags.items():
            with self.subTest(name), serving() as server:
                url = server.queue("/upload", Answer(204))
                words = ("--post_url", f"{url}?signature={SECRET}-query", "--post_data", f"policy={SECRET}-field")
                # The host's network is where the server is.
                run = run_image(models, "reads_secrets", ("--network", "host", *SECRETS, *flags), *words)
                self.assertEqual((0, 1), (run.status, len(run.csvs)), run.log)
                (request,) = server.requests
                self.assertEqual(f"signature={SECRET}-query", request.query)
                self.assertIn(f"{SECRET}-field".encode(), request.body)
                self.assertIn(run.csvs[0].encode(), request.body)
                self.assertEqual([], run.report["runtime"]["confinement"]["broken"])


class ListenersTest(unittest.TestCase):
    """Somebody who does listen, on the network that the container shares."""

    def test_listeners_on_loopback_hear_nothing_of_a_model_that_dials_out(self) -> None:
        models = open_folder()
        self.addCleanup(remove, models)
        for flags in ((), ("--user", "1000:1000")):
            with self.subTest(flags), listening() as listeners:
                write_models(("dials_out",), models, PORTS=listeners.ports)
                run = run_image(models, "dials_out", ("--network", "host", *flags))
                self.assertEqual((0, 1), (run.status, len(run.csvs)), run.log)
            self.assertEqual([], listeners.heard)


class OldKernelTest(unittest.TestCase):
    """Docker's own filter plays a kernel that has neither seccomp filters nor Landlock."""

    profile: ClassVar[dict[str, Any]] = {
        "defaultAction": "SCMP_ACT_ALLOW",
        "syscalls": [
            {"names": ["seccomp", "landlock_create_ruleset"], "action": "SCMP_ACT_ERRNO", "errnoRet": errno.ENOSYS},
            {
                "names": ["prctl"],
                "action": "SCMP_ACT_ERRNO",
                "errnoRet": errno.EINVAL,
                "args": [{"index": 0, "value": 22, "op": "SCMP_CMP_EQ"}],  # PR_SET_SECCOMP
            },
        ],
    }

    def test_model_runs_with_a_warning_for_each_promise_that_cannot_be_kept(self) -> None:
        models = open_folder()
        self.addCleanup(remove, models)
        (models / "profile.json").write_text(json.dumps(self.profile))
        write_models(("closes_standard_streams", "looks_up_a_host"), models)
        profile = ("--security-opt", f"seccomp={models}/profile.json")
        for user, promises in (((), {"network", "files"}), (("--user", "1000:1000"), {"network", "files", "parent"})):
            with self.subTest(user):
                run = run_image(models, "closes_standard_streams", (*profile, *user))
                self.assertEqual((0, 1), (run.status, len(run.csvs)), run.log)
                broken = {entry["promise"]: entry["reason"] for entry in run.report["runtime"]["confinement"]["broken"]}
                self.assertEqual(promises, {*broken})
                for reason in broken.values():
                    self.assertRegex(run.stderr, rf"WARNING It cannot be promised here .*{re.escape(reason)}")
                self.assertRegex(broken["files"], "no Landlock .*not implemented")
        run = run_image(models, "looks_up_a_host", profile)
        self.assertEqual("network_used", run.report["fault"]["code"], "Python's own calls are still refused")


Test = Callable[[ModelRuns], None]


def fails(name: str, row: Fault) -> Test:
    return lambda case: case.check_fault(case.results[name].result(), row)


def delivers(name: str, row: Delivered) -> Test:
    return lambda case: case.check_delivered(case.results[name].result(), row)


def add_tests(case: type[ModelRuns]) -> None:
    """One test for each row."""
    for name, row in case.rows.items():
        if isinstance(row, Fault):
            setattr(case, f"test_{name}_fails_with_{row.code.label}", fails(name, row))
        else:
            setattr(case, f"test_{name}_delivers_predictions", delivers(name, row))


for flagged in (DefaultTest, OrdinaryUserTest, NoNetworkTest, ReadOnlyTest, LittleMemoryTest):
    add_tests(flagged)


def load_tests(loader: unittest.TestLoader, _tests: unittest.TestSuite, _pattern: str | None) -> unittest.TestSuite:
    """The classes that hold for this version: one image gets every set of flags, the others few models and one user."""
    cases: list[type[unittest.TestCase]] = [OrdinaryUserTest]
    if VERSION == MOST_TESTED:
        cases += [DefaultTest, NoNetworkTest, ReadOnlyTest, LittleMemoryTest]
        cases += [KernelTest, SecretsTest, ListenersTest, OldKernelTest]
    return unittest.TestSuite(map(loader.loadTestsFromTestCase, cases))


if __name__ == "__main__":
    unittest.main()
