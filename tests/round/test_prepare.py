"""Making what a round lacks: real pickles, looked into in real processes; real folders, and S3 by a stand-in."""

import gzip
import json
import shutil
import tempfile
import unittest
from datetime import datetime, timezone
from pathlib import Path
from unittest import mock

from numerai_predict.faults import Code, Fault
from numerai_predict.inspection import IMAGES, THIS_PYTHON
from numerai_predict.report import RunReport
from numerai_predict.round import prepare
from numerai_predict.round.folder_store import FolderStore
from numerai_predict.round.manifest import MANIFEST, Row, Schedule, read_manifest, read_schedule
from numerai_predict.round.model_run import BENCHMARKS as LIVE_BENCHMARKS
from numerai_predict.round.model_run import LIVE
from numerai_predict.round.prepare import (
    Ingredients,
    id_of,
    look_into_all,
    models_in,
    prepare_round,
    python_of,
    write_round,
)
from numerai_predict.round.store import Store
from tests.harness import BENCHMARKS, LEGACY_MODEL, TESTS
from tests.harness import LIVE as LIVE_FILE
from tests.round.worker_stand_in import outcome

OTHER_PYTHON = "3.13" if THIS_PYTHON != "3.13" else "3.12"
OTHER_MODEL = TESTS / f"models/model_{OTHER_PYTHON.replace('.', '_')}_legacy.pkl"


class StoreInS3(FolderStore):
    """A folder that says it is in S3."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self.address = "s3://bucket/round"


class PrepareTestCase(unittest.TestCase):
    def setUp(self) -> None:
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = Path(folder.name)
        self.models = self.folder / "models"
        self.round = self.folder / "round"
        for made in (self.models, self.round):
            made.mkdir()
        self.store: Store = FolderStore(self.round)

    def prepare(self, models: Path | None = None, last: Store | None = None) -> dict[str, Row]:
        ingredients = Ingredients(models, LIVE_FILE, BENCHMARKS, last)
        return {row.id: row for row in prepare_round(self.store, ingredients)}

    def add(self, *names: str, model: Path = LEGACY_MODEL) -> None:
        for name in names:
            shutil.copy(model, self.models / name)

    def usage_error(self, models: Path | None = None) -> str:
        with self.assertRaises(Fault) as raised:
            self.prepare(models)
        self.assertIs(Code.USAGE, raised.exception.code)
        return raised.exception.message


class PrepareTest(PrepareTestCase):
    def test_round_is_made_of_a_folder_of_models_and_data(self) -> None:
        self.add("a.pkl")
        self.add("b.pkl", model=OTHER_MODEL)
        (self.models / "broken.pkl").write_bytes(b"<html>")
        (self.models / "notes.txt").write_text("none")
        rows = self.prepare(self.models)
        self.assertEqual({"a": THIS_PYTHON, "b": OTHER_PYTHON, "broken": None}, {i: r.python for i, r in rows.items()})
        self.assertEqual(str(self.models / "a.pkl"), rows["a"].model)
        self.assertEqual(list(rows.values()), read_manifest(self.store))
        self.assertEqual(LIVE_FILE.read_bytes(), (self.round / LIVE).read_bytes())
        self.assertEqual(BENCHMARKS.read_bytes(), (self.round / LIVE_BENCHMARKS).read_bytes())

    def test_python_is_this_one_if_it_may_have_written_the_pickle_or_else_the_newest_with_an_image(self) -> None:
        for candidates, python in (
            (["3.10", "3.11", "3.12", "3.13"], THIS_PYTHON),
            (sorted({*IMAGES} - {THIS_PYTHON}), max({*IMAGES} - {THIS_PYTHON}, key=IMAGES.index)),
            (["3.8", "3.9"], None),
            ([], None),
        ):
            with self.subTest(candidates):
                report = RunReport()
                report.model.inspection = mock.Mock(python=candidates)
                self.assertEqual(python, python_of(report))

    def test_schedule_says_when_the_round_was_made_and_no_deadline(self) -> None:
        self.add("a.pkl")
        self.prepare(self.models)
        self.assertEqual({"number", "opening", "deadline"}, set(json.loads((self.round / "round.json").read_bytes())))
        schedule = read_schedule(self.store)
        assert schedule.opening
        self.assertLess(abs((datetime.now(schedule.opening.tzinfo) - schedule.opening).total_seconds()), 300)
        self.assertEqual((None, None), (schedule.number, schedule.deadline))

    def test_compressed_pickle_is_a_model_too(self) -> None:
        (self.models / "a.pkl.gz").write_bytes(gzip.compress(LEGACY_MODEL.read_bytes()))
        self.assertEqual(THIS_PYTHON, self.prepare(self.models)["a"].python)

    def test_what_is_there_already_is_not_replaced(self) -> None:
        self.add("a.pkl")
        self.prepare(self.models)
        self.store.write(LIVE, b"of the round")
        self.store.write("round.json", b'{"number": 1}')
        before = {path: path.read_bytes() for path in self.round.rglob("*") if path.is_file()}
        for models in (None, self.models):
            self.assertEqual(["a"], list(self.prepare(models)))
        self.assertEqual(before, {path: path.read_bytes() for path in self.round.rglob("*") if path.is_file()})

    def test_data_that_a_round_with_a_manifest_lacks_is_added(self) -> None:
        self.add("a.pkl")
        self.prepare(self.models)
        (self.round / LIVE_BENCHMARKS).unlink()
        self.prepare()
        self.assertEqual(BENCHMARKS.read_bytes(), (self.round / LIVE_BENCHMARKS).read_bytes())

    def test_other_models_than_those_of_the_manifest_are_a_wrong_command_line(self) -> None:
        self.add("a.pkl", "b.pkl")
        self.prepare(self.models)
        before = (self.round / MANIFEST).read_bytes()
        self.add("c.pkl")
        (self.models / "a.pkl").unlink()
        said = self.usage_error(self.models)
        self.assertIn("lists other models than this folder has (a, c)", said)
        self.assertIn("name another ROUND to make a new one", said)
        self.assertEqual(before, (self.round / MANIFEST).read_bytes())

    def test_models_of_the_same_names_in_another_folder_are_other_models(self) -> None:
        self.add("a.pkl")
        self.prepare(self.models)
        others = self.folder / "others"
        shutil.copytree(self.models, others)
        self.assertIn("lists other models", self.usage_error(others))

    def test_round_without_models_is_a_wrong_command_line_and_nothing_is_made(self) -> None:
        self.assertIn("has no manifest.jsonl yet, so a folder of models is needed", self.usage_error())
        self.assertIn("there is no *.pkl in", self.usage_error(self.models))
        self.assertIn("cannot be read: No such file", self.usage_error(self.folder / "nowhere"))
        self.assertEqual([], list(self.round.iterdir()))

    def test_manifest_is_made_last_so_that_one_that_is_there_is_complete(self) -> None:
        self.add("a.pkl")
        with (
            mock.patch.object(prepare, "inspect_model", side_effect=KeyboardInterrupt),
            self.assertRaises(KeyboardInterrupt),
        ):
            self.prepare(self.models)
        self.assertFalse((self.round / MANIFEST).exists())
        self.assertEqual(["a"], list(self.prepare(self.models)))

    def test_data_that_is_not_there_is_the_fault_of_a_single_run(self) -> None:
        self.add("a.pkl")
        with self.assertRaises(Fault) as raised:
            prepare_round(self.store, Ingredients(self.models, self.folder / "none.parquet", BENCHMARKS))
        self.assertIs(Code.DATASET_NOT_FOUND, raised.exception.code)
        self.assertEqual(set(), self.store.names("data"))

    def test_cpu_seconds_of_the_last_round_are_those_of_its_outcomes(self) -> None:
        last = self.folder / "last"
        last.mkdir()
        FolderStore(last).create("outcomes/a.json", outcome("a"))
        self.add("a.pkl", "new.pkl")
        rows = self.prepare(self.models, FolderStore(last))
        self.assertEqual({"a": 0.25, "new": None}, {row.id: row.cpu_s for row in rows.values()})

    def test_model_of_a_round_in_s3_is_uploaded_with_what_its_name_says_of_its_compression(self) -> None:
        self.store = StoreInS3(self.round)
        self.add("a b.pkl")
        (self.models / "c.pkl.gz").write_bytes(gzip.compress(LEGACY_MODEL.read_bytes()))
        rows = self.prepare(self.models)
        self.assertEqual({"a_b": "models/a_b.pkl", "c": "models/c.pkl.gz"}, {i: row.model for i, row in rows.items()})
        self.assertEqual(LEGACY_MODEL.read_bytes(), (self.round / "models/a_b.pkl").read_bytes())
        self.assertEqual(rows, self.prepare(self.models))


class WriteRoundTest(PrepareTestCase):
    ROWS = (Row("b", "/m/b.pkl", strict=True), Row("a", "/m/a.pkl"))
    SCHEDULE = Schedule(1342, datetime(2026, 11, 27, 12, tzinfo=timezone.utc))

    def test_round_has_its_models_its_data_and_its_schedule(self) -> None:
        write_round(self.store, self.ROWS, LIVE_FILE, BENCHMARKS, self.SCHEDULE)
        self.assertEqual(list(self.ROWS), read_manifest(self.store))
        self.assertEqual(self.SCHEDULE, read_schedule(self.store))
        self.assertEqual(LIVE_FILE.read_bytes(), (self.round / LIVE).read_bytes())
        self.assertEqual(BENCHMARKS.read_bytes(), (self.round / LIVE_BENCHMARKS).read_bytes())

    def test_round_that_is_there_gets_another_schedule_and_no_other_models_or_data(self) -> None:
        write_round(self.store, self.ROWS, LIVE_FILE, BENCHMARKS, self.SCHEDULE)
        write_round(self.store, self.ROWS[:1], BENCHMARKS, LIVE_FILE, Schedule(7))
        self.assertEqual(list(self.ROWS), read_manifest(self.store))
        self.assertEqual(LIVE_FILE.read_bytes(), (self.round / LIVE).read_bytes())
        self.assertEqual(Schedule(7), read_schedule(self.store))

    def test_round_whose_data_is_not_there_is_not_made(self) -> None:
        with self.assertRaises(FileNotFoundError):
            write_round(self.store, self.ROWS, LIVE_FILE, self.folder / "none", self.SCHEDULE)
        self.assertFalse((self.round / MANIFEST).exists())

    def test_reports_of_looks_come_in_the_order_of_the_pickles(self) -> None:
        (self.models / "a.pkl").write_bytes(b"<html>")
        self.add("b.pkl", model=OTHER_MODEL)
        self.add("c.pkl")
        found = list(look_into_all(self.models / name for name in ("c.pkl", "a.pkl", "b.pkl")))
        self.assertEqual([THIS_PYTHON, None, OTHER_PYTHON], [python_of(report) for report in found])
        self.assertEqual("not_a_pickle", found[1].fault.code if found[1].fault else "")


class NamesTest(PrepareTestCase):
    def test_id_of_a_name_that_is_no_usual_one_is_made_of_all_of_it(self) -> None:
        for name, model_id in (("a.pkl.gz", "a"), ("a b.pickle", "a_b.pickle"), (".pkl", "pkl"), ("..", "model")):
            with self.subTest(name):
                self.assertEqual(model_id, id_of(name))

    def ids(self, *names: str) -> dict[str, str]:
        for name in names:
            (self.models / name).touch()
        found = models_in(self.models)
        return {path.name: model_id for model_id, path in found.items()}

    def test_id_is_the_name_without_what_it_ends_in(self) -> None:
        names = {"m.v2.pkl": "m.v2", "A.PKL": "A", "b.pkl.xz": "b", "c.pkl.tar.gz": "c", "d.pkl.zst": "d"}
        self.assertEqual(names, self.ids(*names))

    def test_what_no_name_of_a_file_or_key_may_have_is_replaced(self) -> None:
        names = {
            "a b.pkl": "a_b",
            "ä.pkl": "_",
            "..hidden.pkl": "hidden",
            "x" * 150 + ".pkl": "x" * 100,
        }
        self.assertEqual(names, self.ids(*names))

    def test_ids_of_names_that_differ_in_nothing_else_are_numbered(self) -> None:
        names = {"a b.pkl": "a_b", "a+b.pkl": "a_b-2", "a_b.pkl": "a_b-3", "x" * 120 + ".pkl": "x" * 100}
        names["x" * 121 + ".pkl"] = "x" * 98 + "-2"
        self.assertEqual(names, self.ids(*names))

    def test_ids_are_such_as_a_manifest_takes(self) -> None:
        self.add("..a.pkl", "-b.pkl", "_.pkl", "x" * 150 + ".pkl", "x" * 151 + ".pkl")
        self.assertEqual(5, len(self.prepare(self.models)))

    def test_other_files_and_folders_are_no_models(self) -> None:
        (self.models / "folder.pkl").mkdir()
        self.assertEqual({"a.pkl": "a"}, self.ids("a.pkl", "a.pickle", "a.pkl.txt", ".pkl"))

    def test_name_that_no_manifest_can_have_is_a_wrong_command_line(self) -> None:
        (self.models / "a\nb.pkl").touch()
        self.assertIn(r"a manifest cannot name 'a\nb.pkl'", self.usage_error(self.models))


if __name__ == "__main__":
    unittest.main()
