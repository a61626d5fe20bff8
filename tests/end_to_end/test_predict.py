"""predict.py as a user and an operator run it: a real process, its CSV, exit status, report and log."""

import bz2
import email
import functools
import gzip
import hashlib
import importlib.util
import io
import json
import lzma
import os
import pickle
import signal
import subprocess
import sys
import tarfile
import time
import unittest
import zipfile
from email.message import Message
from pathlib import Path
from typing import Any
from unittest import mock

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

import predict
from numerai_predict import RunReport, RunRequest
from numerai_predict.child.main import certain_to_fail
from numerai_predict.faults import Code
from numerai_predict.inspection import THIS_PYTHON
from numerai_predict.runner.inputs import ModelInput
from numerai_predict.runner.model_digest import ModelDigest
from numerai_predict.sandbox import ProtocolError
from tests.corpus.hostile import BOMBS
from tests.harness import BENCHMARKS, LEGACY_MODEL, LIVE, MODEL, ROOT, TESTS, PredictTestCase, Run
from tests.servers import Answer, serving

SECRET = "X-Amz-Signature=5ec2e7"
S3_DENIED = b"<?xml version='1.0'?><Error><Code>AccessDenied</Code><Message>Request has expired</Message></Error>"


def half(live_features: pd.DataFrame) -> pd.DataFrame:
    return pd.DataFrame(
        {"prediction": (live_features.reset_index().index + 1) / (len(live_features) + 1)}, index=live_features.index
    )


class Patching:
    """Breaks the reading of parquet files while it is loaded."""

    def __reduce__(self) -> Any:
        return exec, ("import pandas, pyarrow.parquet; pandas.read_parquet = pyarrow.parquet.ParquetFile = None",)


def optional_benchmarks(live_features: pd.DataFrame, live_benchmark_models: pd.DataFrame | None = None) -> pd.DataFrame:
    assert live_benchmark_models is not None
    return half(live_features)


def two_and_an_option(features: pd.DataFrame, benchmarks: pd.DataFrame, clip: bool = True) -> pd.DataFrame:
    assert clip is True
    assert benchmarks.columns[0].startswith("v53_lgbm")
    return half(features)


def any_number(*frames: pd.DataFrame) -> pd.DataFrame:
    assert len(frames) == 1
    return half(frames[0])


def sleeps(live_features: pd.DataFrame) -> pd.DataFrame:
    print(os.getpid(), flush=True)
    time.sleep(600)
    return live_features


def by_column(features: pd.DataFrame, benchmarks: pd.DataFrame) -> pd.DataFrame:
    assert "id" in benchmarks
    return half(features.set_index("id"))


def passed_on(*args: Any, **kwargs: Any) -> pd.DataFrame:
    return two_and_an_option(*args, **kwargs)


class Model:
    def __call__(self, live_features: pd.DataFrame) -> pd.DataFrame:
        return half(live_features)

    def run(self, live_features: pd.DataFrame, live_benchmark_models: pd.DataFrame) -> pd.DataFrame:
        return half(live_features)


def scaled(factor: float, live_features: pd.DataFrame) -> pd.DataFrame:
    return half(live_features) * factor


class CountsItsLoads:
    """Prints a line each time it is loaded, and then fails as a missing attribute does."""

    def __reduce__(self) -> tuple[Any, ...]:
        return exec, ("print('loaded')\nraise AttributeError('gone')",)


class TestSampleModels(PredictTestCase):
    """The models and data that come with the repository."""

    def test_two_argument_model_on_sample_data_writes_its_predictions(self) -> None:
        run = self.predict(MODEL, "--debug")
        self.assertEqual(run.status, 0, run.stderr)
        expected = pd.read_pickle(MODEL)(pd.read_parquet(LIVE), pd.read_parquet(BENCHMARKS))
        self.assertEqual(run.csvs[0].read_text(), expected.to_csv())
        self.assertRegex(run.csvs[0].name, r"^live_predictions-[0-9a-f]{12}\.csv$")
        self.assertEqual(run.csvs[0].read_text().partition("\n")[0], "id,prediction")
        self.assertEqual(run.stdout, "")
        for line in ("Summary", "650 rows", "Spearman", "v53_lgbm_ensemble", "peak memory", str(run.csvs[0])):
            self.assertIn(line, run.stderr)

    def test_one_argument_model_runs_without_benchmark_models(self) -> None:
        run = self.predict(LEGACY_MODEL, "--benchmarks", "/nowhere/benchmarks.parquet")
        self.assertEqual(run.status, 0, run.stderr)
        expected = pd.read_pickle(LEGACY_MODEL)(pd.read_parquet(LIVE))
        self.assertEqual(run.csvs[0].read_text(), expected.to_csv())
        self.assertNotIn("benchmark_models", run.report["data"])
        self.assertNotIn("Summary", run.stderr)

    def test_report_of_a_success_holds_every_section(self) -> None:
        report = self.predict(MODEL).report
        self.assertEqual((report["schema"], report["status"], report["fault"]), (1, "success", None))
        self.assertEqual(report["model"]["bytes"], MODEL.stat().st_size)
        self.assertEqual(report["model"]["parameters"], 2)
        self.assertEqual(report["data"]["live_features"]["rows"], 650)
        self.assertEqual(report["predictions"]["rows"], 650)
        self.assertEqual(sum(report["predictions"]["histogram"]), 650)
        self.assertEqual(set(report["predictions"]["spearman"]), set(pd.read_parquet(BENCHMARKS).columns))
        self.assertEqual(report["usage"]["limits"], {"wall_s": 600.0, "memory_bytes": 4 << 30})
        self.assertGreater(report["usage"]["peak_memory_bytes"], 50 << 20)
        self.assertLess(report["usage"]["peak_memory_bytes"], 2 << 30)
        self.assertLessEqual(
            {"importing", "loading", "reading", "predicting", "checking"}, set(report["usage"]["phases"])
        )
        self.assertTrue(report["delivery"]["path"].endswith(".csv"))

    def test_benchmark_models_in_another_order_are_pointed_out_once_and_not_as_a_warning(self) -> None:
        run = self.predict(MODEL, "--strict")
        self.assertEqual(run.status, 0, run.stderr)
        self.assertRegex(run.stderr, r"INFO The benchmark models hold the live ids in another order")
        self.assertEqual(run.stderr.count("another order"), 1)
        self.assertNotRegex(run.stderr, r"WARNING .*benchmark")
        (notice,) = run.notices
        self.assertIn("another order", notice)
        self.assertRegex(
            self.predict(MODEL, "--debug").stderr, r"\n  notice +The benchmark models hold .* another order"
        )

    def test_benchmark_models_in_the_same_order_are_not_mentioned(self) -> None:
        ordered = self.folder / "benchmarks.parquet"
        pd.read_parquet(BENCHMARKS).reindex(pd.read_parquet(LIVE).index).to_parquet(ordered)
        run = self.predict(MODEL, "--debug", "--benchmarks", ordered)
        self.assertEqual((run.status, run.notices), (0, []), run.stderr)
        self.assertNotIn("order", run.stderr)

    def test_benchmark_models_that_lack_live_ids_are_warned_of(self) -> None:
        fewer = self.folder / "benchmarks.parquet"
        pd.read_parquet(BENCHMARKS).iloc[20:].to_parquet(fewer)
        run = self.predict(self.pickle(passed_on), "--benchmarks", fewer)
        self.assertEqual(run.status, 0, run.stderr)
        self.assertRegex(run.stderr, r"WARNING The benchmark models lack 20 of 650 live ids")

    def test_trained_again_the_models_predict_the_same(self) -> None:
        spec = importlib.util.spec_from_file_location("train_models", TESTS / "models/train_models.py")
        assert spec is not None
        assert spec.loader is not None
        train_models = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(train_models)
        again = train_models.train()
        live, benchmarks = pd.read_parquet(LIVE), pd.read_parquet(BENCHMARKS)
        pd.testing.assert_frame_equal(pd.read_pickle(MODEL)(live, benchmarks), again.predict(live, benchmarks))
        pd.testing.assert_frame_equal(pd.read_pickle(LEGACY_MODEL)(live), again.legacy(live))


class TestIdsInAColumn(PredictTestCase):
    """Live data that was written without its index, as polars writes it."""

    def setUp(self) -> None:
        super().setUp()
        for path in (LIVE, BENCHMARKS):
            pd.read_parquet(path).reset_index().to_parquet(self.folder / path.name, index=False)
        self.data = ("--dataset", self.folder / LIVE.name, "--benchmarks", self.folder / BENCHMARKS.name)

    def test_model_that_returns_the_index_is_warned_about_the_data(self) -> None:
        run = self.predict(self.pickle(half), *self.data)
        self.assertEqual((run.status, len(run.csvs)), (0, 1), run.stderr)
        (warning,) = run.report["predictions"]["warnings"]
        self.assertEqual(warning["code"], "missing_ids")
        self.assertIn("650 of 650 live ids have no prediction, first n", warning["message"])
        self.assertIn("ids of the live features are a column 'id'", warning["message"])
        self.assertIn('data.set_index("id")', warning["hint"])
        self.assertNotIn("live_features.index", run.stderr)

    def test_model_that_returns_the_index_fails_for_the_data_if_strict(self) -> None:
        run = self.predict(self.pickle(half), *self.data, "--strict")
        self.assertEqual((run.status, run.code, run.csvs), (1, "missing_ids", []), run.stderr)
        self.assertIn("ids of the live features are a column 'id'", run.report["fault"]["message"])
        self.assertIn('data.set_index("id")', run.report["fault"]["hint"])
        self.assertNotIn("live_features.index", run.stderr)

    def test_model_that_takes_the_ids_from_the_column_is_right_and_gets_a_notice_of_the_data(self) -> None:
        run = self.predict(self.pickle(by_column), *self.data, "--strict")
        self.assertEqual((run.status, len(run.csvs)), (0, 1), run.stderr)
        self.assertEqual(
            [
                "The ids of the live features are a column 'id'; in Numerai's file they are the index.",
                "The ids of the benchmark models are a column 'id'; in Numerai's file they are the index.",
            ],
            run.notices,
        )
        self.assertIn("WARNING The ids of the live features are a column", run.stderr)
        self.assertTrue(all(run.report["predictions"]["spearman"].values()))


class TestModels(PredictTestCase):
    """Every kind of callable and of pickle that a model may be."""

    def test_every_kind_of_callable_is_called_with_what_it_takes(self) -> None:
        models = {
            "function": half,
            "lambda": lambda frame: half(frame),
            "optional benchmarks": optional_benchmarks,
            "two and an option": two_and_an_option,
            "star": any_number,
            "two stars": passed_on,
            "instance": Model(),
            "bound method": Model().run,
            "partial": functools.partial(scaled, 0.5),
        }
        for name, model in models.items():
            with self.subTest(name):
                run = self.predict(self.pickle(model))
                self.assertEqual(run.status, 0, run.stderr)

    def test_every_compression_is_read_by_its_suffix(self) -> None:
        plain = LEGACY_MODEL.read_bytes()
        packed = {"gz": gzip.compress(plain), "bz2": bz2.compress(plain), "xz": lzma.compress(plain)}
        archive = io.BytesIO()
        with zipfile.ZipFile(archive, "w") as zipped:
            zipped.writestr("model.pkl", plain)
        packed["zip"] = archive.getvalue()
        archive = io.BytesIO()
        with tarfile.open(fileobj=archive, mode="w:gz") as tar:
            tar.add(LEGACY_MODEL, "model.pkl")
        packed["tar.gz"] = archive.getvalue()
        for suffix, data in packed.items():
            with self.subTest(suffix):
                path = self.folder / f"model.pkl.{suffix}"
                path.write_bytes(data)
                run = self.predict(path)
                self.assertEqual(run.status, 0, run.stderr)

    def test_failing_pickle_is_loaded_only_once(self) -> None:
        path = self.folder / "model.pkl"
        path.write_bytes(pickle.dumps(CountsItsLoads()))
        run = self.predict(path)
        self.assertEqual((run.status, run.code), (1, "load_failed"))
        self.assertEqual(run.stdout, "loaded\n")

    def test_what_a_model_prints_reaches_our_streams(self) -> None:
        def chatty(live_features: pd.DataFrame) -> pd.DataFrame:
            print("to stdout")
            print("to stderr", file=sys.stderr)
            os.system("echo from a child")
            return half(live_features)

        run = self.predict(self.pickle(chatty))
        self.assertEqual(run.status, 0, run.stderr)
        self.assertEqual(run.stdout, "to stdout\nfrom a child\n")
        self.assertIn("to stderr", run.stderr)

    def test_model_sees_no_secrets_and_nothing_of_ours(self) -> None:
        def nosy(live_features: pd.DataFrame) -> pd.DataFrame:
            import __main__

            paths = [path for path in sys.path if (Path(path) / "predict.py").exists()]
            print(json.dumps([dict(os.environ), sys.argv, paths, [name for name in vars(__main__) if name[0] != "_"]]))
            return half(live_features)

        with serving() as server:
            url = server.queue("/post", Answer(204))
            run = self.predict(
                self.pickle(nosy),
                *("--post_url", f"{url}?{SECRET}", "--post_data", "policy=s3cret"),
                env={"AWS_SECRET_ACCESS_KEY": "s3cret", "NUMERAI_SECRET_KEY": "s3cret", "PYTHONPATH": str(ROOT)},
            )
        self.assertEqual(run.status, 0, run.stderr)
        self.assertNotIn("s3cret", run.stdout)
        self.assertNotIn(SECRET, run.stdout)
        environ, argv, paths, names = json.loads(run.stdout)
        self.assertEqual((len(argv), paths, names), (1, [], []))
        self.assertIn("OMP_NUM_THREADS", environ)

    def test_model_may_spawn_processes(self) -> None:
        def parallel(live_features: pd.DataFrame) -> pd.DataFrame:
            import multiprocessing

            with multiprocessing.get_context("spawn").Pool(2) as pool:
                assert pool.map(abs, [-1, -2]) == [1, 2]
            return half(live_features)

        run = self.predict(self.pickle(parallel))
        self.assertEqual(run.status, 0, run.stderr)

    def test_model_that_uses_requests_finds_it_whole(self) -> None:
        def importing(live_features: pd.DataFrame) -> pd.DataFrame:
            import requests.adapters

            assert requests.adapters.HTTPAdapter is requests.Session().adapters["https://"].__class__
            return half(live_features)

        run = self.predict(self.pickle(importing))
        self.assertEqual(run.status, 0, run.stderr)


class TestInspect(PredictTestCase):
    """--inspect: what stands in the pickle, whether this Python can be expected to run it, and nothing else."""

    def inspect(self, model: Path, *flags: str) -> Run:
        report = self.folder / "report.json"
        return self.run_command("--inspect", "--model", model, "--report", report, *flags)

    def test_good_model_is_summed_up_without_live_data_and_exits_0(self) -> None:
        run = self.inspect(MODEL, "--dataset", "/nowhere/live.parquet")
        self.assertEqual((0, "success"), (run.status, run.report["status"]), run.stderr)
        self.assertEqual([], run.csvs)
        first, *rows = run.stdout.splitlines()
        self.assertEqual(f"{MODEL}: can be expected to run here, under Python {THIS_PYTHON}", first)
        self.assertIn(f"  ok written by  cloudpickle 3, Python {THIS_PYTHON}", rows)
        self.assertIn("  ok model       function predict(live_features, live_benchmark_models)", rows)
        self.assertRegex(run.stdout, r"\n  ok modules     cloudpickle \d\S+, lightgbm \d\S+, pandas \d\S+\n")
        self.assertRegex(
            run.stdout, rf"file        {MODEL.stat().st_size:,} bytes, protocol 5, SHA-256 [0-9a-f]{{12}}…"
        )

    def test_report_has_all_that_was_found(self) -> None:
        report = self.inspect(MODEL).report
        model = report["model"]
        self.assertEqual(
            ([THIS_PYTHON], "3", 5, True), (*(model[k] for k in ("python", "cloudpickle", "protocol", "complete")),)
        )
        self.assertEqual(hashlib.sha256(MODEL.read_bytes()).hexdigest(), model["sha256"])
        self.assertEqual(["live_features", "live_benchmark_models"], model["callable"]["signature"])
        versions = {module["name"]: (module["version"], module["status"]) for module in model["modules"]}
        self.assertEqual((pd.__version__, "present"), versions["pandas"])
        self.assertEqual(([], []), (model["problems"], model["warnings"]))
        self.assertIn("inspecting", report["usage"]["phases"])
        self.assertNotIn("loading", report["usage"]["phases"])

    def test_model_that_cannot_run_here_exits_1_and_says_all_that_is_wrong(self) -> None:
        path = self.folder / "model.pkl"
        path.write_bytes(b"\x80\x04c__main__\npredict\n0cmy_utils\nf\n0cno_such_package.models\nModel\n.")
        run = self.inspect(path)
        self.assertEqual((1, "missing_attribute", "failed"), (run.status, run.code, run.report["status"]))
        codes = [problem["code"] for problem in run.report["model"]["problems"]]
        self.assertEqual(["missing_attribute", "missing_module"], codes)
        self.assertRegex(run.stdout, r"cannot be expected to run here")
        self.assertRegex(run.stdout, r"\n  x  problem +The pickle needs modules .*'my_utils', 'no_such_package'")
        self.assertRegex(run.stdout, r"register_pickle_by_value\(my_utils\)")

    def test_what_it_would_fail_with_only_when_called_exits_1_too(self) -> None:
        def predict(live_features: pd.DataFrame) -> pd.DataFrame:
            import no_such_package  # type: ignore[import-not-found]

            return no_such_package.predict(live_features)

        for model, code in (
            (predict, "missing_module"),
            ({"a": 1}, "not_callable"),
            (lambda a, b, c: a, "wrong_signature"),
        ):
            with self.subTest(code):
                run = self.inspect(self.pickle(model))
                self.assertEqual((1, code), (run.status, run.code), run.stderr)

    def test_file_that_is_no_pickle_exits_1_with_the_same_fault_as_a_run(self) -> None:
        for content, code in (
            (b"<html>", "not_a_pickle"),
            (b"", "empty_file"),
            (MODEL.read_bytes()[:-9], "truncated_pickle"),
        ):
            with self.subTest(code):
                path = self.folder / "model.pkl"
                path.write_bytes(content)
                run = self.inspect(path)
                self.assertEqual((1, code), (run.status, run.code), run.stderr)
                self.assertIn(run.report["fault"]["message"], run.stdout)

    def test_file_that_is_not_there_exits_3(self) -> None:
        run = self.inspect(self.folder / "missing.pkl")
        self.assertEqual((3, "model_not_found"), (run.status, run.code))

    def test_compressed_model_and_model_of_a_url_are_looked_into(self) -> None:
        path = self.folder / "model.pkl.gz"
        path.write_bytes(gzip.compress(MODEL.read_bytes(), 1))
        run = self.inspect(path)
        self.assertEqual(
            (0, "gz", 5), (run.status, run.report["model"]["compression"], run.report["model"]["protocol"])
        )
        with serving() as server:
            url = server.queue("/model.pkl", Answer(body=MODEL.read_bytes()))
            run = self.run_command("--inspect", "--model", f"{url}?{SECRET}", "--output_dir", self.output_dir)
        self.assertEqual(0, run.status, run.stderr)
        self.assertIn("function predict", run.stdout)
        self.assertNotIn(SECRET, run.stdout + run.stderr)

    def test_nothing_of_the_model_is_executed(self) -> None:
        run = self.inspect(self.pickle(CountsItsLoads()))
        self.assertEqual(0, run.status, run.stderr)
        self.assertNotIn("loaded", run.stdout + run.stderr)

    def test_pickle_that_takes_too_long_is_stopped_at_the_time_limit(self) -> None:
        path = self.folder / "model.pkl"
        path.write_bytes(BOMBS["timeout"])
        run = self.inspect(path, "--time_limit", "2")
        self.assertEqual((1, "timeout"), (run.status, run.code), run.stderr)
        self.assertIn("while inspecting", run.stderr)
        self.assertEqual(2, run.report["usage"]["limits"]["wall_s"])

    def test_pickle_that_takes_all_memory_to_read_is_stopped(self) -> None:
        path = self.folder / "model.pkl"
        path.write_bytes(b"\x80\x04" + b"(" * 100_000_000 + b".")
        run = self.inspect(path, "--memory_limit", "300MB")
        self.assertEqual(1, run.status, run.stderr)
        self.assertIn(run.code, ("out_of_memory", "load_failed"))


class TestRunAfterALook(PredictTestCase):
    """What is found in the pickle, in a normal run."""

    def test_summary_of_the_pickle_is_shown_with_debug_and_before_the_model_runs(self) -> None:
        run = self.predict(MODEL, "--debug")
        self.assertRegex(run.stderr, r"ok written by +cloudpickle 3, Python 3")
        self.assertLess(run.stderr.index("written by"), run.stderr.index("Reading the live features"))
        self.assertNotIn("written by", self.predict(MODEL).stderr)

    def test_report_holds_what_was_found_when_the_model_crashes(self) -> None:
        def predict(live_features: pd.DataFrame) -> pd.DataFrame:
            os.kill(os.getpid(), signal.SIGSEGV)
            return live_features

        run = self.predict(self.pickle(predict))
        self.assertEqual("model_crashed", run.code)
        self.assertIn(THIS_PYTHON, run.report["model"]["python"])
        self.assertEqual("3", run.report["model"]["cloudpickle"])

    def test_missing_module_ends_the_run_before_anything_is_loaded(self) -> None:
        path = self.folder / "model.pkl"
        loaded = pickle.dumps(CountsItsLoads())
        path.write_bytes(b"\x80\x04cmy_utils\nf\n0" + loaded[2:])
        run = self.predict(path)
        self.assertEqual((1, "missing_module"), (run.status, run.code), run.stderr)
        self.assertNotIn("loaded", run.stdout + run.stderr)
        self.assertNotIn("loading", run.report["usage"]["phases"])

    def test_module_that_a_function_would_import_is_warned_of_before_the_run(self) -> None:
        def predict(live_features: pd.DataFrame) -> pd.DataFrame:
            try:
                import no_such_accelerator  # type: ignore[import-not-found]

                return no_such_accelerator.predict(live_features)
            except ImportError:
                return half(live_features)

        run = self.predict(self.pickle(predict))
        self.assertEqual(0, run.status, run.stderr)
        self.assertRegex(run.stderr, r"WARNING .*not installed here: 'no_such_accelerator'")
        with self.subTest("inspection"):
            run = self.run_command("--model", self.folder / "model.pkl", "--inspect")
            self.assertEqual(1, (run.stdout + run.stderr).count("'no_such_accelerator'"), run.stderr)
        with self.subTest("debug"):
            run = self.predict(self.folder / "model.pkl", "--debug")
            self.assertEqual(1, (run.stdout + run.stderr).count("'no_such_accelerator'"), run.stderr)

    def test_module_that_is_expected_to_be_missed_is_no_warning_too(self) -> None:
        def predict(live_features: pd.DataFrame) -> pd.DataFrame:
            import no_such_package

            return no_such_package.predict(live_features)

        run = self.run_command("--model", self.pickle(predict), "--inspect")
        self.assertEqual(1, run.stdout.count("'no_such_package'"), run.stdout)
        self.assertNotIn("WARNING", run.stderr)


class TestOwnFailure(unittest.TestCase):
    """A pickle that our own inspection cannot take, or that makes it say what nobody can read."""

    def test_findings_of_another_form_are_refused(self) -> None:
        report = RunReport()
        with ModelInput(RunRequest(MODEL), report, print, ModelDigest(report.model, is_wanted=False)) as model:
            model.fetch()
            with self.assertRaises(ProtocolError):
                model.take_findings({"python": "3.11"})
            self.assertEqual([], model.problems)

    def test_look_that_fails_says_so_and_lets_the_pickle_be_loaded(self) -> None:
        file = io.BytesIO(b"content")
        with (
            mock.patch(
                "numerai_predict.child.main.inspect_pickle",
                side_effect=lambda file, name: file.read() and 1 / 0,
            ),
            mock.patch("sys.stderr", io.StringIO()) as log,
        ):
            self.assertIsNone(certain_to_fail(mock.Mock(), file, "model.pkl"))
        self.assertEqual(b"content", file.read())
        self.assertIn("could not be looked into: ZeroDivisionError", log.getvalue())

    def test_file_that_cannot_be_opened_is_its_fault(self) -> None:
        fault = certain_to_fail(mock.Mock(), io.BytesIO(b"PK\x03\x04"), "model.zip")
        assert fault is not None
        self.assertIs(Code.UNREADABLE_PICKLE, fault.code)


class TestCommandLine(PredictTestCase):
    """Wrong command lines end with one line and status 2."""

    def test_usage_faults_print_one_line_and_exit_2(self) -> None:
        wrong = {
            "need each other": ["--post_url", "http://127.0.0.1/"],
            "--post_data": ["--post_url", "http://127.0.0.1/", "--post_data", '{"json": 1}'],
            "--post_url": ["--post_url", "ftp://127.0.0.1/", "--post_data", "a=b"],
            "--output_dir": ["--output_dir", "/nowhere"],
            "existing folder": ["--output_dir", __file__],
            "--time_limit": ["--time_limit", "-1"],
            "zero or more": ["--time_limit", "nan"],
            "--memory_limit": ["--memory_limit", "4XB"],
            "a size such as": ["--memory_limit=-4GiB"],
            "unrecognized arguments": ["--no_such_flag"],
        }
        for said, flags in wrong.items():
            with self.subTest(said):
                run = self.predict(MODEL, *flags)
                self.assertEqual(run.status, 2)
                self.assertEqual(len(run.stderr.splitlines()), 1, run.stderr)
                self.assertIn(said, run.stderr)
                self.assertEqual((run.code, run.csvs), ("usage", []))

    def test_no_arguments_print_the_usage_and_exit_2(self) -> None:
        run = self.run_command()
        self.assertEqual(run.status, 2)
        self.assertIn("usage: predict.py", run.stderr)
        self.assertIn("--model", run.stderr.splitlines()[-1])

    def test_defaults_are_the_platforms(self) -> None:
        args = predict.parse_args(["--model", "m.pkl"])
        self.assertEqual(
            (args.dataset, args.benchmarks, args.output_dir, args.time_limit, args.memory_limit),
            ("v5.3/live.parquet", "v5.3/live_benchmark_models.parquet", "/tmp", 600.0, 4 << 30),
        )

    def test_missing_files_are_errors_that_name_them(self) -> None:
        cases = {
            "dataset_not_found": ["--dataset", "/nowhere/live.parquet"],
            "model_not_found": ["--model", "/nowhere/model.pkl"],
        }
        for code, flags in cases.items():
            with self.subTest(code):
                run = self.predict(MODEL, *flags)
                self.assertEqual((run.status, run.code, run.report["status"]), (3, code, "error"))
                self.assertIn(flags[1], run.report["fault"]["message"])

    def test_missing_benchmark_models_of_a_two_argument_model_are_an_error(self) -> None:
        run = self.predict(MODEL, "--benchmarks", "/nowhere/benchmarks.parquet")
        self.assertEqual((run.status, run.code), (3, "dataset_not_found"))
        self.assertIn("/nowhere/benchmarks.parquet", run.stderr)

    def test_dataset_that_is_no_parquet_file_is_an_error(self) -> None:
        for flag in ("--dataset", "--benchmarks"):
            with self.subTest(flag):
                run = self.predict(MODEL, flag, MODEL)
                self.assertEqual((run.status, run.code), (3, "unreadable_dataset"))
                self.assertIn(f"{MODEL.name} cannot be read as parquet", run.report["fault"]["message"])

    def test_dataset_that_is_larger_in_memory_than_the_limit_is_an_error_of_the_data(self) -> None:
        zeros = pa.table({"feature": pa.array([0.0] * 1_000_000)})
        with pq.ParquetWriter(self.folder / "zeros.parquet", zeros.schema) as file:
            for _ in range(100):  # Some kB on the disk, 800 MB in memory.
                file.write_table(zeros)
        run = self.predict(MODEL, "--dataset", self.folder / "zeros.parquet", "--memory_limit", "500MB")
        self.assertEqual((run.status, run.code), (3, "unreadable_dataset"))
        self.assertRegex(run.report["fault"]["message"], r"live features cannot be read: .* of 477 MiB .* reading")

    def test_dataset_is_read_before_the_model_is_loaded_and_after_it_was_looked_into(self) -> None:
        phases = [*self.predict(MODEL).report["usage"]["phases"]]
        self.assertEqual(
            phases[1:], ["importing", "inspecting", "reading", "loading", "predicting", "checking", "fetching"]
        )
        broken = self.folder / "broken.pkl"
        broken.write_bytes(MODEL.read_bytes()[:-100])
        run = self.predict(broken, "--dataset", "/nowhere/live.parquet")
        self.assertEqual((run.status, run.code), (1, "truncated_pickle"))

    def test_benchmark_models_that_only_the_model_cannot_read_are_its_fault(self) -> None:
        def predict(live_features: pd.DataFrame, live_benchmark_models: pd.DataFrame) -> pd.DataFrame:
            raise AssertionError

        predict.patch = Patching()  # type: ignore[attr-defined]
        run = self.predict(self.pickle(predict))
        self.assertEqual((run.status, run.code), (1, "bad_handover"))
        self.assertIn("could not read its data, which can be read", run.report["fault"]["message"])

    def test_failure_ends_with_code_cause_hint_and_command(self) -> None:
        run = self.predict("/nowhere/my model.pkl")
        code, cause, hint, command = run.stderr.splitlines()[-4:]
        self.assertEqual(code, "error: model_not_found")
        self.assertIn("/nowhere/my model.pkl cannot be read", cause)
        self.assertIn("Hint: ", hint)
        self.assertRegex(
            command, r"docker run -i --rm .*numerai_predict_py_3_\d+:latest --debug --model '/nowhere/my m"
        )

    def test_predictions_that_cannot_be_written_are_an_error(self) -> None:
        run = self.predict(MODEL, "--output_dir", "/proc")
        self.assertEqual((run.status, run.code), (3, "output_not_written"))

    def test_predictions_that_do_not_fit_on_the_disk_leave_no_part_behind(self) -> None:
        argv = [sys.executable, str(ROOT / "predict.py"), "--model", str(LEGACY_MODEL), "--dataset", str(LIVE)]
        argv += ["--output_dir", str(self.output_dir)]
        done = subprocess.run(
            ["bash", "-c", 'ulimit -f 8; exec "$@"', "bash", *argv],
            capture_output=True,
            text=True,
            check=False,
        )
        self.assertEqual(done.returncode, 3, done.stderr)
        self.assertIn("output_not_written", done.stderr)
        self.assertEqual(list(self.output_dir.iterdir()), [])

    def test_report_that_cannot_be_written_is_an_error(self) -> None:
        run = self.predict(MODEL, "--report", "/proc/report.json")
        self.assertEqual(run.status, 3)
        self.assertIn("/proc/report.json cannot be written", run.stderr)

    def interrupt(self, model: Path) -> int:
        """Send SIGTERM while this model predicts, which prints its process's id; returns that."""
        report = self.folder / "report.json"
        argv = [sys.executable, str(ROOT / "predict.py"), "--model", str(model), "--dataset", str(LIVE)]
        argv += ["--output_dir", str(self.output_dir), "--report", str(report)]
        with subprocess.Popen(argv, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
            assert process.stdout is not None
            child = int(process.stdout.readline())
            process.send_signal(signal.SIGTERM)
            self.assertEqual(process.wait(5), 3)
        self.assertEqual(json.loads(report.read_text())["fault"]["code"], "interrupted")
        return child

    def test_sigterm_ends_model_and_run_with_a_report(self) -> None:
        child = self.interrupt(self.pickle(sleeps))
        with self.assertRaises(ProcessLookupError):
            os.kill(child, 0)

    def test_sigterm_does_not_wait_for_the_digest_of_a_large_model(self) -> None:
        model = self.pickle(sleeps)
        os.truncate(model, 64 << 30)  # Behind the pickle, a hole that takes no space but a minute to read.
        self.interrupt(model)


class TestModelDownload(PredictTestCase):
    """--model as a presigned URL."""

    def test_url_is_downloaded_and_its_query_never_shown(self) -> None:
        with serving() as server:
            url = server.queue("/bucket/my%20model.pkl", Answer(body=MODEL.read_bytes()))
            run = self.predict(f"{url}?{SECRET}", "--debug")
        self.assertEqual(run.status, 0, run.stderr)
        self.assertEqual(server.requests[0].query, SECRET)
        self.assertEqual(run.report["model"]["sha256"], hashlib.sha256(MODEL.read_bytes()).hexdigest())
        self.assertEqual(list(self.output_dir.iterdir()), run.csvs)
        self.assertNotIn("5ec2e7", run.stderr + json.dumps(run.report))
        self.assertEqual(run.report["model"]["path"], url)

    def test_compressed_model_is_read_by_the_suffix_of_its_url(self) -> None:
        with serving() as server:
            url = server.queue("/model.pkl.gz", Answer(body=gzip.compress(LEGACY_MODEL.read_bytes())))
            run = self.predict(f"{url}?{SECRET}")
        self.assertEqual(run.status, 0, run.stderr)

    def test_failed_and_truncated_answers_are_tried_again(self) -> None:
        body = LEGACY_MODEL.read_bytes()
        with serving() as server:
            url = server.queue("/model.pkl", Answer(503), Answer(body=body, cut=1000), Answer(body=body))
            run = self.predict(f"{url}?{SECRET}")
        self.assertEqual(run.status, 0, run.stderr)
        self.assertEqual(len(server.requests), 3)
        self.assertNotIn("5ec2e7", run.stderr)

    def test_refused_url_is_an_error_with_the_servers_reason(self) -> None:
        with serving() as server:
            url = server.queue("/model.pkl", Answer(403, S3_DENIED))
            run = self.predict(f"{url}?{SECRET}", "--debug")
        self.assertEqual((run.status, run.code), (3, "model_not_downloaded"))
        self.assertIn("HTTP status 403, AccessDenied: Request has expired", run.report["fault"]["message"])
        self.assertEqual(len(server.requests), 1)
        self.assertNotIn("5ec2e7", run.stderr + json.dumps(run.report))
        self.assertEqual(list(self.output_dir.iterdir()), [])

    def test_web_page_in_place_of_the_model_fails_as_no_pickle(self) -> None:
        with serving() as server:
            url = server.queue("/model.pkl", Answer(body=b"<!DOCTYPE html><html>Log in</html>"))
            run = self.predict(url)
        self.assertEqual((run.status, run.code), (1, "not_a_pickle"))
        self.assertIn("HTML page", run.report["fault"]["message"])


class TestUpload(PredictTestCase):
    """--post_url and --post_data: a presigned S3 POST."""

    def post(self, *answers: Answer) -> tuple[Any, list[list[Message]]]:
        with serving() as server:
            url = server.queue("/bucket", *answers)
            fields = "key=predictions.csv&policy=abc%3D&x-amz-security-token="
            run = self.predict(LEGACY_MODEL, "--post_url", f"{url}?{SECRET}", "--post_data", fields)
        return run, [parts_of(request.headers["Content-Type"], request.body) for request in server.requests]

    def test_predictions_are_posted_as_fields_and_then_the_file(self) -> None:
        run, [parts] = self.post(Answer(204))
        self.assertEqual(run.status, 0, run.stderr)
        *fields, file = parts
        sent = {str(part.get_param("name", header="Content-Disposition")): part.get_payload() for part in fields}
        self.assertEqual(sent, {"key": "predictions.csv", "policy": "abc=", "x-amz-security-token": ""})
        self.assertEqual(file.get_param("name", header="Content-Disposition"), "file")
        self.assertEqual((file.get_content_type(), file.get_filename()), ("text/csv", run.csvs[0].name))
        self.assertEqual(file.get_payload(decode=True), run.csvs[0].read_bytes())
        self.assertNotIn("5ec2e7", run.stderr + json.dumps(run.report))

    def test_every_try_sends_the_whole_body(self) -> None:
        run, tries = self.post(Answer(500), Answer(429), Answer(200))
        self.assertEqual(run.status, 0, run.stderr)
        self.assertEqual([parts[-1].get_payload(decode=True) for parts in tries], [run.csvs[0].read_bytes()] * 3)

    def test_refused_upload_is_an_error_and_keeps_the_csv(self) -> None:
        run, tries = self.post(Answer(403, S3_DENIED))
        self.assertEqual((run.status, run.code, len(tries), len(run.csvs)), (3, "upload_failed", 1, 1))
        self.assertIn("AccessDenied", run.report["fault"]["message"])
        self.assertEqual(run.report["delivery"]["path"], str(run.csvs[0]))


def parts_of(content_type: str, body: bytes) -> list[Message]:
    """The parts of a multipart body."""
    whole = email.message_from_bytes(f"Content-Type: {content_type}\r\n\r\n".encode() + body)
    parts = whole.get_payload()
    assert isinstance(parts, list)
    return [part for part in parts if isinstance(part, Message)]


if __name__ == "__main__":
    unittest.main()
