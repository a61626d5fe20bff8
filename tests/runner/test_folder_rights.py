"""folder_rights.py: rights that a model of our user took are given back, and what fails without them is its fault."""

import tempfile
import unittest
from pathlib import Path

from numerai_predict.faults import Code, Fault
from numerai_predict.runner.folder_rights import FolderRights


class FolderRightsTest(unittest.TestCase):
    def setUp(self) -> None:
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.outer = Path(folder.name).resolve()
        self.inner = self.outer / "a/b"
        self.inner.mkdir(parents=True)
        self.file = self.inner / "live.parquet"
        self.file.touch(0o640)
        self.rights = FolderRights([self.file, self.outer / "not/there"])

    def mode(self, path: Path) -> int:
        return path.stat().st_mode & 0o7777

    def test_rights_of_a_file_and_of_the_folders_above_are_given_back(self) -> None:
        before = [self.mode(path) for path in (self.file, self.inner, self.inner.parent)]
        for path in (self.file, self.inner, self.inner.parent):
            path.chmod(0)
        self.rights.restore()
        self.rights.restore()
        self.assertEqual(before, [self.mode(path) for path in (self.file, self.inner, self.inner.parent)])
        self.assertEqual([str(path) for path in (self.inner.parent, self.inner, self.file)], self.rights.changed)

    def test_rights_that_nobody_took_are_left_alone(self) -> None:
        self.rights.restore()
        self.assertEqual([], self.rights.changed)

    def test_failure_after_rights_were_taken_is_the_models_fault(self) -> None:
        for error in (PermissionError(13, "Permission denied"), Fault(Code.DATASET_NOT_FOUND, "It cannot be read.")):
            with self.subTest(error), self.assertRaises(Fault) as raised, self.rights.blaming():
                self.inner.chmod(0)
                raise error
            self.assertIs(raised.exception.code, Code.BAD_HANDOVER)
            self.assertRegex(raised.exception.message, f"changed the rights of {self.inner}.*(denied|cannot be read)")
            self.assertNotEqual(0, self.mode(self.inner))

    def test_failure_without_is_what_it_was_and_so_is_one_of_the_model(self) -> None:
        for error in (PermissionError(), Fault(Code.DATASET_NOT_FOUND, "x")):
            with self.assertRaises(type(error)) as raised, self.rights.blaming():
                raise error
            self.assertIs(raised.exception, error)
        with self.assertRaises(Fault) as of_model, self.rights.blaming():
            self.inner.chmod(0)
            raise Fault(Code.EMPTY_FILE, "x")
        self.assertIs(of_model.exception.code, Code.EMPTY_FILE)

    def test_rights_that_were_taken_of_a_run_that_went_well_are_warned_of(self) -> None:
        with self.assertLogs("numerai_predict.runner.folder_rights") as logs, self.rights.blaming():
            self.inner.chmod(0)
        self.assertIn(str(self.inner), logs.output[0])


if __name__ == "__main__":
    unittest.main()
