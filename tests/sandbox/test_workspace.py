"""workspace.py: the folder of a model goes, whatever is in it, and as root it belongs to a user of its own."""

import os
import subprocess
import sys
import tempfile
import unittest
from pathlib import Path
from unittest import mock

from numerai_predict.sandbox import workspace
from numerai_predict.sandbox.users import USER_IDS
from numerai_predict.sandbox.workspace import Workspace

# Numbered so that nobody needs to go there: every level is made in the one above.
DEEP = "import os\nfor _ in range(3000):\n    os.mkdir('deeper')\n    os.chdir('deeper')"


class WorkspaceTest(unittest.TestCase):
    def setUp(self) -> None:
        self.workspace = Workspace()
        self.folder = self.workspace.folder
        self.addCleanup(self.workspace.remove)

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
            self.workspace.remove()
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
        self.workspace.remove()

    def test_used_bytes_are_those_on_the_disk(self) -> None:
        before = self.workspace.used_bytes()
        (self.folder / "a").mkdir()
        (self.folder / "a/file").write_bytes(b"x" * 3_000_000)
        with (self.folder / "sparse").open("wb") as file:
            file.truncate(1 << 40)
        os.symlink("/", self.folder / "root")
        used = self.workspace.used_bytes() - before
        self.assertGreaterEqual(used, 3_000_000)
        self.assertLess(used, 4_000_000)

    def test_used_bytes_of_countless_files_stops_counting(self) -> None:
        with mock.patch.object(workspace, "MAX_FILES_COUNTED", 3):
            for number in range(10):
                (self.folder / str(number)).write_bytes(b"x" * 4096)
            self.assertEqual(self.workspace.used_bytes(), 3 * 4096)


class UserTest(unittest.TestCase):
    """Whether there is another user to be had depends on who runs the tests; what is said must agree with it."""

    def test_root_gets_a_user_or_a_reason_and_others_neither(self) -> None:
        found = Workspace()
        self.addCleanup(found.remove)
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
