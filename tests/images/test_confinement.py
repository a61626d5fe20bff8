"""What a model may not do, tried in the image under `docker run` with the flags that people use.

Needs nothing but Python and a Docker engine, and no network. The image of one version is tried with all flags.
"""

import dataclasses
import errno
import json
import re
import signal
import unittest
import uuid
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Any, ClassVar

from numerai_predict.faults import Code
from tests.images.engine import IMAGE, TESTS, VERSION, docker, open_folder, python, remove
from tests.listeners import listening
from tests.outcomes import CONFINED, CONTAINED, ROWS, Delivered, Fault
from tests.servers import Answer, serving

MOST_TESTED = "3.11"
AT_A_TIME = 3
MODELS = Path("/models")
DATA = Path("/data")
OUTPUT = Path("/output")
# What reads_secrets.py looks for.
SECRET = "S3CR3T-image"
SECRETS = ("--env", f"AWS_SECRET_ACCESS_KEY={SECRET}-aws", "--env", f"NUMERAI_SECRET_KEY={SECRET}-numerai")
MODELS_TRIED = {**CONFINED, **CONTAINED}
LONGEST_LOG = 12_000_000
USERS_OF_MODELS = range(20_000, 60_000)

# Writes the model of each source file, what the file defines by value; the rest of the words is JSON, settings of all.
PICKLE = """
import importlib.util, json, sys
from pathlib import Path
import cloudpickle

folder, settings, *sources = sys.argv[1:]
for source in map(Path, sources):
    specification = importlib.util.spec_from_file_location(f"broken_model_{source.stem}", source)
    module = importlib.util.module_from_spec(specification)
    sys.modules[specification.name] = module
    specification.loader.exec_module(module)
    vars(module).update(json.loads(settings))
    cloudpickle.register_pickle_by_value(module)
    model = getattr(module, "MODEL", None) or module.predict
    (Path(folder) / f"{source.stem}.pkl").write_bytes(cloudpickle.dumps(model))
"""


@dataclasses.dataclass(frozen=True)
class Run:
    """One finished run of the image: exit status, output, report, predictions, and what else it left behind."""

    status: int
    stdout: str
    stderr: str
    report: dict[str, Any]
    csvs: list[str]
    others: list[str]

    @property
    def log(self) -> str:
        """The end of what was said, for when a test fails."""
        return f"{self.stdout[-1000:]}\n{self.stderr[-4000:]}"


def write_models(names: list[str], folder: Path, **settings: object) -> None:
    """Write the pickles of broken models into the folder, with the image's own packages."""
    sources = [TESTS / f"broken_models/{name}.py" for name in names]
    python(PICKLE, MODELS, json.dumps(settings), *sources, flags=("--volume", f"{folder}:{MODELS}"))


def run_image(models: Path, name: str, engine_flags: tuple[str, ...], *flags: str) -> Run:
    """Run a model of the folder as a user does; the container is kept until it is known what files it has left."""
    container = f"predict-{uuid.uuid4().hex}"
    folder = models / container
    folder.mkdir()
    folder.chmod(0o777)
    model = ("--volume", f"{models}/{name}.pkl:{MODELS}/{name}.pkl:ro")
    mounts = (*model, "--volume", f"{TESTS}/data:{DATA}:ro", "--volume", f"{folder}:{OUTPUT}")
    data = ("--dataset", DATA / "live.parquet", "--benchmarks", DATA / "live_benchmark_models.parquet")
    words = ("--model", MODELS / f"{name}.pkl", *data, "--output_dir", OUTPUT, "--report", OUTPUT / "report.json")
    try:
        done = docker("run", "--name", container, *mounts, *engine_flags, IMAGE, *words, *flags)
        left = sorted(folder.iterdir())
        report, csvs = folder / "report.json", [path for path in left if path.name.startswith("live_predictions-")]
        return Run(
            status=done.returncode,
            stdout=done.stdout,
            stderr=done.stderr,
            report=json.loads(report.read_text()) if report in left else {},
            csvs=[csv.read_text() for csv in csvs],
            others=[path.name for path in left if path not in (report, *csvs)]
            + temporary_files(container, models / f"{container}-tmp"),
        )
    finally:
        docker("rm", "--force", container)


def temporary_files(container: str, copy: Path) -> list[str]:
    """What is in the container's /tmp; `copy` is a new folder for it. (`docker diff` takes seconds.)"""
    done = docker("cp", f"{container}:/tmp", copy)
    if done.returncode:
        raise AssertionError(done.stderr)
    return [f"/tmp/{path.relative_to(copy)}" for path in copy.rglob("*")]


class Confinement(unittest.TestCase):
    """Every model that tries something, under one set of flags; a subclass names the flags, and has the tests."""

    flags: ClassVar[tuple[str, ...]]
    # What becomes of a model under these flags, where it is something else.
    instead: ClassVar[dict[str, Fault | Delivered]] = {}
    models: ClassVar[Path]
    results: ClassVar[dict[str, Future[Run]]] = {}

    @classmethod
    def setUpClass(cls) -> None:
        cls.models = open_folder()
        cls.addClassCleanup(remove, cls.models)
        write_models([*MODELS_TRIED], cls.models)
        with ThreadPoolExecutor(AT_A_TIME) as pool:
            cls.results = {
                name: pool.submit(run_image, cls.models, name, (*SECRETS, *cls.flags), *row.flags)
                for name, row in {**MODELS_TRIED, **cls.instead}.items()
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

    def test_every_promise_is_kept(self) -> None:
        confinement = self.results["dials_out"].result().report["runtime"]["confinement"]
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

    def test_model_runs_as_that_user(self) -> None:
        self.assertIn("Runs as user 1000\n", self.results["changes_its_user"].result().stdout)


class NoNetworkTest(Confinement):
    flags = ("--network", "none")


class ReadOnlyTest(Confinement):
    flags = ("--read-only", "--tmpfs", "/tmp")
    # Files of a tmpfs are memory.
    instead: ClassVar[dict[str, Fault | Delivered]] = {
        "fills_its_folder": Fault(Code.OUT_OF_MEMORY, r"used [\d,]+ of [\d,]+ MiB")
    }


class LittleMemoryTest(Confinement):
    flags = ("--memory", "512m")
    # Whoever is faster, the runtime or the kernel, the message names the container. 400 processes do not fit either.
    instead: ClassVar[dict[str, Fault | Delivered]] = {
        name: Fault(Code.OUT_OF_MEMORY, r"\b512 MiB", flags=MODELS_TRIED[name].flags)
        for name in ("eats_memory", "eats_memory_in_children", "eats_memory_in_a_memory_file", "forks_without_end")
    }


class KernelTest(unittest.TestCase):
    """What only the kernel can stop in time."""

    def test_process_that_the_kernel_kills_for_memory_is_told_from_others(self) -> None:
        models = open_folder()
        self.addCleanup(remove, models)
        write_models(["eats_memory_in_one_call"], models)
        # What the kernel has killed holds its memory for some milliseconds more. If the runtime happens to need a page
        # then, the kernel takes it too, which nobody without privileges can keep it from.
        for _ in range(3):
            run = run_image(models, "eats_memory_in_one_call", ("--memory", "300m"), "--memory_limit", "0")
            if run.status != 128 + signal.SIGKILL:
                break
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
        write_models(["reads_secrets"], models)
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
                write_models(["dials_out"], models, PORTS=listeners.ports)
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
        write_models(["closes_standard_streams", "looks_up_a_host"], models)
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


Test = Callable[[Confinement], None]


def fails(name: str, row: Fault) -> Test:
    return lambda case: case.check_fault(case.results[name].result(), row)


def delivers(name: str, row: Delivered) -> Test:
    return lambda case: case.check_delivered(case.results[name].result(), row)


def add_tests(case: type[Confinement]) -> None:
    """One test for each row."""
    for name, row in {**MODELS_TRIED, **case.instead}.items():
        if isinstance(row, Fault):
            setattr(case, f"test_{name}_fails_with_{row.code.label}", fails(name, row))
        else:
            setattr(case, f"test_{name}_delivers_predictions", delivers(name, row))


for flagged in (DefaultTest, OrdinaryUserTest, NoNetworkTest, ReadOnlyTest, LittleMemoryTest):
    add_tests(flagged)


def load_tests(loader: unittest.TestLoader, _tests: unittest.TestSuite, _pattern: str | None) -> unittest.TestSuite:
    """The classes that hold for this version: one image gets every set of flags, the others the two most common."""
    cases: list[type[unittest.TestCase]] = [DefaultTest, OrdinaryUserTest]
    if VERSION == MOST_TESTED:
        cases += [NoNetworkTest, ReadOnlyTest, LittleMemoryTest, KernelTest, SecretsTest, ListenersTest, OldKernelTest]
    return unittest.TestSuite(map(loader.loadTestsFromTestCase, cases))


if __name__ == "__main__":
    unittest.main()
