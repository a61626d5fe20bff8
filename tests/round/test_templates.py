"""Models that are forked from a template: each is to find what an executed one finds, and to leave nothing behind."""

import contextlib
import ctypes
import io
import json
import logging
import os
import random
import shutil
import signal
import sys
import tempfile
import time
import unittest
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, ClassVar
from unittest import mock

import numpy as np
import pandas as pd

from numerai_predict import RunContext, RunReport, RunRequest
from numerai_predict.round import Templates, run_warm
from numerai_predict.round.templates import family_of
from numerai_predict.runner import run_model
from tests.harness import BENCHMARKS, LEGACY_MODEL, LIVE, MODEL, ROOT, by_value, command_lines, load_source

EXAMPLES = sorted((ROOT / "examples").glob("*.py"))
TEMPLATES = "numerai_predict.round.templates"
IPC_PRIVATE = 0
PR_GET_DUMPABLE = 3


def ranks(live_features: pd.DataFrame) -> pd.DataFrame:
    return pd.DataFrame({"prediction": live_features.iloc[:, 5].rank(pct=True)})


def finds(look: Callable[..., Any]) -> Callable[..., pd.DataFrame]:
    """A model that prints, as JSON, what the function finds in its process, and predicts."""

    def predict(live_features: pd.DataFrame, benchmarks: pd.DataFrame) -> pd.DataFrame:
        import json

        print(json.dumps(look(live_features, benchmarks)))
        return pd.DataFrame({"prediction": live_features.iloc[:, 5].rank(pct=True)})

    return predict


def surroundings(live_features: pd.DataFrame, benchmarks: pd.DataFrame) -> dict[str, Any]:
    """What a process is born with, as far as it does not differ between two that are executed."""
    import gc
    import resource

    status = dict(line.split(":\t", 1) for line in Path("/proc/self/status").read_text().splitlines() if ":\t" in line)
    folder = os.environ["HOME"]
    return {
        "environment": {name: value.replace(folder, "FOLDER") for name, value in sorted(os.environ.items())},
        "in its folder": os.path.realpath(folder) == str(Path.cwd()),
        "temporary": tempfile.gettempdir() == folder,
        "arguments": sys.argv,
        "path": sys.path,
        "main": sorted(vars(sys.modules["__main__"])),
        "flags": list(sys.flags),
        "limits": [resource.getrlimit(limit) for limit in range(16)],
        "nice": os.nice(0),
        "umask": os.umask(0o22),
        "user": (os.getresuid(), os.getgroups()) if os.getuid() == 0 else os.getgroups(),
        "status": {name: status[name] for name in ("SigBlk", "SigIgn", "NoNewPrivs", "Seccomp", "CapEff")},
        "oom": Path("/proc/self/oom_score_adj").read_text(),
        "dumpable": ctypes.CDLL(None).prctl(PR_GET_DUMPABLE),
        "session": os.getsid(0) == os.getpid() == os.getpgid(0),
        "collector": (gc.isenabled(), gc.get_threshold()),
        "recursion": sys.getrecursionlimit(),
        "handlers": len(logging.getLogger().handlers),
        "columns": [str(dtype) for dtype in live_features.dtypes],
        "writable": [bool(frame.iloc[:, -1].to_numpy().flags.writeable) for frame in (live_features, benchmarks)],
        "attributes": [[frame.attrs, frame.index.name] for frame in (live_features, benchmarks)],
    }


def randomness(live_features: pd.DataFrame, benchmarks: pd.DataFrame) -> list[Any]:
    import uuid

    of_numpy = [np.random.random(), np.random.default_rng().random()]
    return [*of_numpy, random.random(), os.urandom(4).hex(), str(uuid.uuid4())]


def runtime_modules(live_features: pd.DataFrame, benchmarks: pd.DataFrame) -> list[str]:
    ours = ("predict", "numerai_predict", "boto3", "requests", "tests", "marks")
    return sorted(name for name in sys.modules if name.partition(".")[0] in ours)


def is_in_shared_memory(live_features: pd.DataFrame, benchmarks: pd.DataFrame) -> list[bool]:
    lines = Path("/proc/self/maps").read_text().splitlines()
    areas = [line.split()[0].split("-") for line in lines if "/memfd:live-data" in line]
    addresses = [frame.iloc[:, -1].to_numpy().ctypes.data for frame in (live_features, benchmarks)]
    return [any(int(start, 16) <= address < int(end, 16) for start, end in areas) for address in addresses]


def changes_all_it_can(live_features: pd.DataFrame, benchmarks: pd.DataFrame) -> list[str]:
    """What a later model would see of it, were anything shared."""
    import gc
    import mmap
    import types

    for descriptor in os.listdir("/proc/self/fd"):  # What their memory is mapped from.
        with contextlib.suppress(OSError, ValueError):
            os.pwrite(int(descriptor), bytes(1 << 20), 0)
        with contextlib.suppress(OSError, ValueError), mmap.mmap(int(descriptor), 0) as area:
            area[:] = bytes(len(area))
    live_features[live_features.select_dtypes("number").columns] = 0
    live_features.attrs["mark"] = 1
    live_features.rename(columns=str.upper, inplace=True)
    live_features.index.values[:] = "gone"
    benchmarks.to_numpy(copy=False)[:] = 0.5
    benchmarks.drop(columns=benchmarks.columns[0], inplace=True)
    for each in gc.get_objects():  # Also the frames that it was not given.
        if isinstance(each, np.ndarray) and each.dtype.kind in "if" and each.flags.writeable and each.size > 600:
            each[...] = 0
    pd.DataFrame.rank = lambda *_, **__: None
    sys.modules["marks"] = types.ModuleType("marks")
    os.environ["MARK"] = "1"
    pd.set_option("display.max_rows", 3)
    random.seed(0)
    return ["done"]


def seen_of_others(live_features: pd.DataFrame, benchmarks: pd.DataFrame) -> list[Any]:
    features = live_features.select_dtypes("number").to_numpy(dtype=float)
    return [
        [float(np.nansum(features)), live_features.attrs, list(live_features.columns[:3]), str(live_features.index[0])],
        [float(benchmarks.to_numpy().sum()), list(benchmarks.columns)],
        ["marks" in sys.modules, os.environ.get("MARK"), pd.get_option("display.max_rows")],
        float(live_features.iloc[:, 5].rank(pct=True).sum()),
    ]


def attacks(targets: Sequence[int]) -> Callable[..., list[str]]:
    """What a model could do to these processes, and to the parent of its reaper."""

    def attack(live_features: pd.DataFrame, benchmarks: pd.DataFrame) -> list[str]:
        import resource

        parent = int(Path(f"/proc/{os.getppid()}/stat").read_text().rpartition(")")[2].split()[1])
        succeeded = [] if parent in targets else ["it was not forked from one of them"]
        attempts: dict[str, Callable[[int], object]] = {
            "kill": lambda pid: os.kill(pid, 0),
            "killpg": lambda pid: os.killpg(pid, 0),
            "renice": lambda pid: os.setpriority(os.PRIO_PROCESS, pid, 19),
            "limit": lambda pid: resource.prlimit(pid, resource.RLIMIT_CPU, (100, 100)),
            "pin": lambda pid: os.sched_setaffinity(pid, {0}),
            "memory": lambda pid: open(f"/proc/{pid}/mem", "r+b"),  # noqa: SIM115
            "environment": lambda pid: Path(f"/proc/{pid}/environ").read_bytes(),
            "oom": lambda pid: Path(f"/proc/{pid}/oom_score_adj").write_text("1000"),
        }
        for pid in targets:
            for name, attempt in attempts.items():
                with contextlib.suppress(OSError):
                    attempt(pid)
                    succeeded.append(f"{name} of {pid}")
        return succeeded

    return attack


def makes_system_v_memory(live_features: pd.DataFrame, benchmarks: pd.DataFrame) -> int:
    library = ctypes.CDLL(None, use_errno=True)
    return library.shmget(IPC_PRIVATE, 4096, 0o1666)  # type: ignore[no-any-return]


def computes_in_parallel(live_features: pd.DataFrame, benchmarks: pd.DataFrame) -> list[str]:
    """Regions of OpenMP, of BLAS, of Arrow and of processes, which hang in the fork of one that has been in them."""
    import multiprocessing
    from concurrent.futures import ThreadPoolExecutor

    import joblib  # type: ignore[import-untyped]
    import lightgbm
    import pyarrow
    import pyarrow.compute
    from sklearn.ensemble import RandomForestRegressor  # type: ignore[import-untyped]

    values = np.random.default_rng(0).random((600, 8))
    done = []
    lightgbm.train({"num_threads": 4, "verbosity": -1}, lightgbm.Dataset(values, values[:, 0]), 3)
    done.append("LightGBM")
    RandomForestRegressor(4, n_jobs=2).fit(values, values[:, 0]).predict(values)
    done.append("scikit-learn")
    np.linalg.svd(values @ values.T)
    done.append("BLAS")
    pyarrow.compute.sum(pyarrow.chunked_array([list(range(9))] * 9)).as_py()
    pyarrow.Table.from_pandas(live_features).to_pandas(use_threads=True)
    done.append("Arrow")
    joblib.Parallel(2, backend="threading")(joblib.delayed(abs)(each) for each in range(4))
    done.append("joblib")
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(abs, range(8)))
    done.append("threads")
    for context in (multiprocessing.get_context("fork"), multiprocessing.get_context("spawn")):
        process = context.Process(target=abs, args=(1,))
        process.start()
        process.join()
        done.append(f"{context.get_start_method()} {process.exitcode}")
    return done


def crashes_in_a_fork(live_features: pd.DataFrame, benchmarks: pd.DataFrame) -> pd.DataFrame:
    """An executed process has the file of its program in its command line, a fork of a template has more."""
    if "template" in Path("/proc/self/cmdline").read_text():
        os.kill(os.getpid(), signal.SIGSEGV)
    return pd.DataFrame({"prediction": live_features.iloc[:, 5].rank(pct=True)})


def hangs_in_a_fork(live_features: pd.DataFrame, benchmarks: pd.DataFrame) -> pd.DataFrame:
    if "template" in Path("/proc/self/cmdline").read_text():
        time.sleep(600)
    return pd.DataFrame({"prediction": live_features.iloc[:, 5].rank(pct=True)})


def raises(live_features: pd.DataFrame, benchmarks: pd.DataFrame) -> pd.DataFrame:
    raise ValueError("no such regime")


class TemplatesTestCase(unittest.TestCase):
    """Tests that share the templates of one worker, as models do."""

    templates: ClassVar[Templates]

    @classmethod
    def setUpClass(cls) -> None:
        block = contextlib.ExitStack()
        cls.addClassCleanup(block.close)
        block.enter_context(mock.patch.dict(os.environ, {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}))
        cls.templates = block.enter_context(Templates([LIVE, BENCHMARKS], cpus=1))
        logging.getLogger("numerai_predict").setLevel(logging.ERROR)
        block.callback(logging.getLogger("numerai_predict").setLevel, logging.NOTSET)

    def setUp(self) -> None:
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = Path(folder.name)

    def request(self, model: object, **more: object) -> RunRequest:
        """A run on the sample data, of a file or of what is pickled now."""
        path = model if isinstance(model, Path) else self.folder / "model.pkl"
        if not isinstance(model, Path):
            path.write_bytes(by_value(model))
        output = self.folder / "output"
        shutil.rmtree(output, ignore_errors=True)
        output.mkdir()
        return RunRequest(path, **{"dataset": LIVE, "benchmarks": BENCHMARKS, "output_dir": output, **more})  # type: ignore[arg-type]

    def forked(self, model: object, context: RunContext | None = None, **more: object) -> RunReport:
        return run_warm(self.request(model, **more), context or RunContext(), self.templates)

    def found(self, look: Callable[..., Any], fork: bool = True) -> Any:
        """What the function finds in a fork, or in an executed process."""
        printed = io.BytesIO()
        context = RunContext(stdout=printed)
        request = self.request(finds(look), time_limit=60)
        report = run_warm(request, context, self.templates) if fork else run_model(request, context)
        self.assertEqual(("success", None), (report.status, report.fault))
        if fork:
            self.check_launch(report, "fork")
        return json.loads(printed.getvalue())

    def check_launch(self, report: RunReport, how: str, why: str = "^$") -> None:
        assert report.runtime.launch is not None
        self.assertEqual(how, report.runtime.launch.how)
        self.assertRegex(report.runtime.launch.reason, why)

    def predictions(self) -> bytes:
        (csv,) = (self.folder / "output").glob("*.csv")
        return csv.read_bytes()


class ForkTest(TemplatesTestCase):
    def test_fork_has_the_live_data_in_shared_memory(self) -> None:
        self.assertEqual([True, True], self.found(is_in_shared_memory))

    def test_folders_that_a_library_looked_up_in_the_template_are_forgotten(self) -> None:
        libraries = mock.patch(f"{TEMPLATES}.FAMILIES", {"base": ("tests.round.remembers_folders",)})
        with libraries, Templates([LIVE, BENCHMARKS], cpus=1) as templates:
            printed = io.BytesIO()
            run_warm(self.request(finds(surroundings)), RunContext(stdout=printed), templates)
        self.assertTrue(json.loads(printed.getvalue())["temporary"])

    def test_fork_finds_itself_where_an_executed_process_does(self) -> None:
        executed, forked = self.found(surroundings, fork=False), self.found(surroundings)
        for name, value in executed.items():
            with self.subTest(name):
                self.assertEqual(value, forked[name])

    def test_forks_draw_other_random_numbers(self) -> None:
        one, other = self.found(randomness), self.found(randomness)
        self.assertEqual([], [pair for pair in zip(one, other, strict=True) if pair[0] == pair[1]])

    def test_fork_has_the_modules_of_the_runtime_that_an_executed_process_has(self) -> None:
        forked = self.found(runtime_modules)
        self.assertNotIn("predict", forked)
        names = ("child.template", "child.frame_memory", "sandbox.forks", "sandbox.template", "sandbox.launcher")
        of_the_template = {f"numerai_predict.{name}" for name in names}
        self.assertLessEqual(set(forked) - set(self.found(runtime_modules, fork=False)), of_the_template)

    def test_model_sees_nothing_of_what_an_earlier_one_changed_in_place(self) -> None:
        before = self.found(seen_of_others)
        printed = io.BytesIO()
        self.forked(finds(changes_all_it_can), RunContext(stdout=printed))
        self.assertEqual(["done"], json.loads(printed.getvalue()))
        self.assertEqual(before, self.found(seen_of_others))
        self.assertEqual(before, self.found(seen_of_others, fork=False))

    def test_forks_compute_in_parallel(self) -> None:
        expected = ["LightGBM", "scikit-learn", "BLAS", "Arrow", "joblib", "threads", "fork 0", "spawn 0"]
        for _ in range(2):
            self.assertEqual(expected, self.found(computes_in_parallel))

    def test_system_v_memory_that_would_outlive_the_model_is_not_to_be_had(self) -> None:
        self.assertEqual(-1, self.found(makes_system_v_memory))

    def test_model_cannot_harm_any_template(self) -> None:
        torch = self.folder / "torch.pkl"
        torch.write_bytes(b"torch")
        for path in (MODEL, torch):
            helpers = self.templates.launcher_for(path).helpers
        self.assertEqual(2, len(helpers))
        self.assertEqual([], self.found(attacks(helpers)))

    def test_folder_of_a_model_is_made_where_its_caller_wants_it(self) -> None:
        printed = io.BytesIO()
        context = RunContext(stdout=printed, workspaces=self.folder)
        self.forked(finds(lambda live_features, benchmarks: str(Path.cwd().parent)), context)
        self.assertEqual(os.path.realpath(self.folder), json.loads(printed.getvalue()))
        self.assertEqual([], list(self.folder.glob("model-*")))

    def test_fork_leaves_no_process_and_no_file(self) -> None:
        def leaves_traces(live_features: pd.DataFrame) -> pd.DataFrame:
            import subprocess

            subprocess.Popen(["sleep", "9876.5"], start_new_session=True)
            Path(tempfile.gettempdir(), "trace").write_text("")
            if os.access("/dev/shm", os.W_OK):
                Path("/dev/shm/numerai-trace").write_text("")
            return pd.DataFrame({"prediction": live_features.iloc[:, 5].rank(pct=True)})

        with mock.patch.object(tempfile, "tempdir", str(self.folder)):  # Others use the machine's meanwhile.
            self.assertEqual("success", self.forked(leaves_traces).status)
        self.assertNotIn(["sleep", "9876.5"], command_lines())
        self.assertEqual([], list(self.folder.glob("model-*")))
        with contextlib.suppress(FileNotFoundError):  # Root's models have a user, whose files go.
            Path("/dev/shm/numerai-trace").unlink()


class FamilyTest(unittest.TestCase):
    def test_family_is_that_of_the_heaviest_library_that_the_file_mentions(self) -> None:
        with tempfile.TemporaryDirectory() as folder:
            model = Path(folder) / "model.pkl"
            for content, family in (
                (b"lightgbm", "base"),
                (b"torch.nn", "torch"),
                (b"keras.models", "tensorflow"),
                (b"torch tensorflow", "tensorflow"),
            ):
                model.write_bytes(content)
                self.assertEqual(family, family_of(model))
            self.assertEqual("base", family_of(Path(folder) / "nothing.pkl"))


class PredictionsTest(TemplatesTestCase):
    def test_predictions_of_sample_models_and_examples_are_those_of_single_runs(self) -> None:
        models: dict[str, object] = {path.stem: path for path in (MODEL, LEGACY_MODEL)}
        for script in EXAMPLES:
            with mock.patch.object(sys, "path", [str(ROOT / "examples"), *sys.path]):
                models[script.stem] = load_source(script).train_model(ROOT / "tests/data")
        for name, model in models.items():
            with self.subTest(name):
                report = self.forked(model)
                self.check_launch(report, "fork")
                warm = self.predictions()
                self.assertEqual("success", run_model(self.request(model)).status)
                self.assertEqual(self.predictions(), warm)

    def test_data_that_was_replaced_since_the_template_read_it_is_read_anew(self) -> None:
        live = self.folder / "live.parquet"
        shutil.copy(LIVE, live)
        with Templates([live, BENCHMARKS], cpus=1) as templates:
            for rows in (650, 100):
                frame = pd.read_parquet(LIVE).head(rows)
                if rows != 650:
                    frame.to_parquet(live)
                report = run_warm(self.request(ranks, dataset=live), RunContext(), templates)
                self.assertEqual("success", report.status)
                self.assertEqual(1 + rows, len(self.predictions().splitlines()))

    def test_data_that_cannot_be_read_fails_as_in_a_single_run(self) -> None:
        live = self.folder / "live.parquet"
        live.write_bytes(LIVE.read_bytes()[:1000])
        with Templates([live, BENCHMARKS], cpus=1) as templates:
            report = run_warm(self.request(ranks, dataset=live), RunContext(), templates)
        executed = run_model(self.request(ranks, dataset=live))
        assert report.fault is not None
        assert executed.fault is not None
        self.assertEqual(executed.fault.message, report.fault.message)
        self.assertEqual("unreadable_dataset", report.fault.code)


class FallbackTest(TemplatesTestCase):
    def test_model_that_crashes_in_a_fork_alone_is_executed_and_the_report_says_so(self) -> None:
        report = self.forked(crashes_in_a_fork)
        self.assertEqual(("success", None), (report.status, report.fault))
        self.check_launch(report, "exec", "in a fork it crashed")

    def test_model_that_hangs_in_a_fork_alone_is_executed_and_the_report_says_so(self) -> None:
        report = self.forked(hangs_in_a_fork, time_limit=5)
        self.assertEqual(("success", None), (report.status, report.fault))
        self.check_launch(report, "exec", "in a fork it hung")

    def test_model_that_a_library_ends_in_a_fork_is_executed_and_the_report_says_so(self) -> None:
        libraries = mock.patch(f"{TEMPLATES}.FAMILIES", {"base": ("tests.round.ends_in_forks",)})
        with libraries, Templates([LIVE, BENCHMARKS], cpus=1) as templates:
            report = run_warm(self.request(ranks), RunContext(), templates)
        self.assertEqual(("success", None), (report.status, report.fault))
        self.check_launch(report, "exec", "ended with status 1 before it received the model")

    def test_model_that_crashes_when_there_is_no_time_for_another_run_is_not_run_again(self) -> None:
        report = run_warm(self.request(crashes_in_a_fork), RunContext(), self.templates, lambda: 599.0)
        self.assertEqual("model_crashed", report.fault and report.fault.code)
        self.check_launch(report, "fork")

    def test_template_that_was_killed_is_replaced(self) -> None:
        for _ in range(2):
            launcher = self.templates.launcher_for(MODEL)
            pid = launcher.helpers[0]
            os.kill(pid, signal.SIGKILL)
            os.waitid(os.P_PID, pid, os.WEXITED | os.WNOWAIT)
            self.check_launch(self.forked(ranks), "fork")
            self.assertNotIn(pid, self.templates.launcher_for(MODEL).helpers)

    def test_model_whose_template_dies_meanwhile_is_executed(self) -> None:
        def kills_the_template(report: RunReport) -> None:
            os.kill(self.templates.launcher_for(MODEL).helpers[0], signal.SIGKILL)

        report = self.forked(ranks, RunContext(on_findings=kills_the_template))
        self.assertEqual(("success", None), (report.status, report.fault))
        self.check_launch(report, "exec", "has ended")

    def test_models_are_executed_where_no_template_comes_up_and_it_is_not_tried_for_ever(self) -> None:
        libraries = mock.patch(f"{TEMPLATES}.FAMILIES", {"base": ("tests.round.starts_a_thread",)})
        with libraries, Templates([LIVE, BENCHMARKS], cpus=1) as templates, self.assertLogs(TEMPLATES) as logs:
            for _ in range(5):
                report = run_warm(self.request(ranks), RunContext(), templates)
                self.assertEqual(("success", None), (report.status, report.fault))
                self.check_launch(report, "exec", "no template")
        self.assertEqual(3, len(logs.output))
        self.assertRegex(logs.output[0], "it has 2 threads")


if __name__ == "__main__":
    unittest.main()
