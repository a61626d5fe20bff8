"""The folder of a worker: private, gone with it, and removed by the next worker if it was killed."""

import os
import subprocess
import sys
import tempfile
import unittest
from pathlib import Path
from unittest import mock

from numerai_predict.round.private_folder import PREFIX, private_folder

HOLDS_ONE = """
import time
from numerai_predict.round.private_folder import private_folder
with private_folder() as folder:
    (folder / "model.pkl").write_bytes(b"x")
    print(folder, flush=True)
    time.sleep(600)
"""


class PrivateFolderTest(unittest.TestCase):
    def setUp(self) -> None:
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.temporary = Path(folder.name)
        patch = mock.patch.object(tempfile, "tempdir", folder.name)
        patch.start()
        self.addCleanup(patch.stop)

    def holder(self) -> tuple["subprocess.Popen[str]", Path]:
        """Another process, and its folder."""
        environment = {**os.environ, "TMPDIR": str(self.temporary)}
        process = subprocess.Popen(
            [sys.executable, "-c", HOLDS_ONE], stdout=subprocess.PIPE, env=environment, text=True
        )
        self.addCleanup(process.communicate)
        self.addCleanup(process.kill)
        assert process.stdout is not None
        return process, Path(process.stdout.readline().strip())

    def test_folder_is_private_and_goes_with_its_files(self) -> None:
        with private_folder() as folder:
            self.assertEqual(0o711, folder.stat().st_mode & 0o777)
            (folder / "file").write_text("x")
        self.assertEqual([], os.listdir(self.temporary))

    def test_folder_of_a_process_that_lives_is_left_alone(self) -> None:
        _, theirs = self.holder()
        with private_folder() as ours:
            self.assertNotEqual(theirs, ours)
        self.assertEqual(["model.pkl"], os.listdir(theirs))

    def test_folder_of_a_process_that_was_killed_is_removed_by_the_next(self) -> None:
        process, theirs = self.holder()
        process.kill()
        process.wait()
        self.assertTrue(theirs.exists())
        with private_folder():
            self.assertFalse(theirs.exists())

    def test_link_of_that_name_is_not_followed(self) -> None:
        kept = self.temporary / "kept"
        kept.mkdir()
        (kept / "file").write_text("x")
        (self.temporary / f"{PREFIX}link").symlink_to(kept)
        with private_folder():
            self.assertEqual(["file"], os.listdir(kept))

    @unittest.skipUnless(os.getuid() == 0, "only root can give a folder away")
    def test_folder_of_another_user_is_left_alone(self) -> None:
        theirs = self.temporary / f"{PREFIX}theirs"
        theirs.mkdir()
        os.chown(theirs, 12345, 12345)
        with private_folder():
            self.assertTrue(theirs.exists())

    def test_folder_that_is_taken_for_abandoned_before_its_lock_is_made_anew(self) -> None:
        made = tempfile.mkdtemp

        def made_and_removed(prefix: str) -> str:
            folder = made(prefix=prefix)
            if not doomed:
                doomed.append(folder)
                os.rmdir(folder)
            return folder

        doomed: list[str] = []
        with mock.patch.object(tempfile, "mkdtemp", made_and_removed), private_folder() as folder:
            self.assertEqual(1, len(doomed))
            self.assertTrue(folder.is_dir())


if __name__ == "__main__":
    unittest.main()
