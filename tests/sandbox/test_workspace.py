"""workspace.py: the folder of a model goes, whatever is in it, and as root it belongs to a user of its own."""

import os
import subprocess
import sys
import tempfile
import unittest
from pathlib import Path
from unittest import mock

from numerai_predict.sandbox import workspace
from numerai_predict.sandbox.folders import remove_tree
from numerai_predict.sandbox.users import USER_IDS
from numerai_predict.sandbox.workspace import Workspace

# Numbered so that nobody needs to go there: every level is made in the one above.
DEEP = "import os\nfor _ in range(3000):\n    os.mkdir('deeper')\n    os.chdir('deeper')"


class WorkspaceTest(unittest.TestCase):
    def setUp(self) -> None:
        self.workspace = Workspace()
        self.folder = self.workspace.folder
        self.addCleanup(self.workspace.remove, lambda: False)

    def test_folder_is_private(self) -> None:
        self.assertEqual(self.folder.stat().st_mode & 0o777, 0o700)

    def test_folder_with_traps_is_removed_and_nothing_outside(self) -> None:
        with tempfile.TemporaryDirectory() as name:
            kept = Path(name) / "kept"
            kept.write_text("kept")
            (self.folder / "link").symlink_to(kept)
            (self.folder / "folder link").symlink_to(name)
            os.mkfifo(self.folder / "fifo")
            closed = self.folder / "closed"
            closed.mkdir()
            (closed / "file").write_text("x")
            closed.chmod(0)
            subprocess.run([sys.executable, "-c", DEEP], cwd=self.folder, check=True)
            self.workspace.remove(lambda: False)
            self.assertFalse(self.folder.exists())
            self.assertEqual(kept.read_text(), "kept")

    def test_folder_that_cannot_be_made_is_told_with_the_reason(self) -> None:
        with (
            mock.patch("tempfile.tempdir", str(self.folder / "nowhere")),
            self.assertRaisesRegex(workspace.NoWorkspaceError, "No such file or directory"),
        ):
            Workspace()

    def test_folder_that_is_gone_already_is_no_error(self) -> None:
        self.folder.rmdir()
        self.workspace.remove(lambda: False)

    def test_removal_that_takes_too_long_is_given_up_with_a_warning_that_names_the_folder(self) -> None:
        for number in range(100):
            (self.folder / f"{number}/below").mkdir(parents=True)
        with self.assertLogs("numerai_predict.sandbox.workspace", "WARNING") as logs:
            self.workspace.remove(lambda: len(os.listdir(self.folder)) <= 50)
        self.assertIn(str(self.folder), logs.output[0])
        self.assertEqual(50, len(os.listdir(self.folder)))

    def test_folder_that_is_closed_or_cannot_be_changed_is_removed(self) -> None:
        for mode in (0o000, 0o300, 0o400, 0o500, 0o600):
            with self.subTest(oct(mode)):
                inner = self.folder / "a/b"
                inner.mkdir(parents=True)
                (inner / "file").touch()
                inner.chmod(mode)
                (self.folder / "a").chmod(mode)
                self.folder.chmod(mode)
                self.assertTrue(remove_tree(str(self.folder), lambda: False))
                self.folder.mkdir()

    def test_files_of_its_user_in_shared_memory_are_removed_and_no_others(self) -> None:
        with tempfile.TemporaryDirectory() as name:
            shared = Path(name)
            (shared / "file").touch()
            (shared / "folder/below").mkdir(parents=True)
            with mock.patch.object(workspace, "SHARED_MEMORY", shared):
                left = workspace.remove_files(str(self.folder), os.getuid() + 1, lambda: False)
                self.assertEqual(([], ["file", "folder"]), (left, sorted(os.listdir(shared))))
                left = workspace.remove_files(str(self.folder), os.getuid(), lambda: False)
                self.assertEqual(([], []), (left, os.listdir(shared)))


class UserTest(unittest.TestCase):
    """Whether there is another user to be had depends on who runs the tests; what is said must agree with it."""

    def test_root_gets_a_user_or_a_reason_and_others_neither(self) -> None:
        found = Workspace()
        self.addCleanup(found.remove, lambda: False)
        owner = found.folder.stat().st_uid
        if os.getuid() != 0:
            self.assertEqual((found.user, found.why_no_user, owner), (None, "", os.getuid()))
        elif found.user is None:
            self.assertTrue(found.why_no_user)
            self.assertEqual(owner, 0)
        else:
            self.assertIn(found.user, USER_IDS)
            self.assertEqual((found.why_no_user, owner), ("", found.user))

    def test_closed_folder_on_the_way_is_named(self) -> None:
        with tempfile.TemporaryDirectory() as name:
            inner = Path(name) / "inner"
            inner.mkdir()
            Path(name).chmod(0o700)
            self.assertEqual(list(workspace._closed_folders(inner)), [Path(name)])
            Path(name).chmod(0o711)
            self.assertEqual(list(workspace._closed_folders(inner)), [])


if __name__ == "__main__":
    unittest.main()
