"""container.py, and the command that it leads to, with the mounts of real containers."""

import os
import shlex
import tempfile
import unittest
from argparse import Namespace
from pathlib import Path
from typing import Any
from unittest import mock

from numerai_predict import container
from numerai_predict.report import reproduce_command

# Docker on a machine with one filesystem.
ROOT = "86 61 0:39 / / rw,relatime master:2 - overlay overlay rw,lowerdir=/a:/b"
USUAL = """\
87 86 0:42 / /proc rw,nosuid - proc proc rw
88 86 0:43 / /dev rw,nosuid - tmpfs tmpfs rw,size=65536k,mode=755
102 88 0:47 / /dev/shm rw,nosuid - tmpfs shm rw,size=65536k
103 86 254:0 /var/lib/docker/containers/3481b4/resolv.conf /etc/resolv.conf rw,relatime - ext4 /dev/vda rw
104 86 254:0 /var/lib/docker/containers/3481b4/hostname /etc/hostname rw,relatime - ext4 /dev/vda rw
105 86 254:0 /var/lib/docker/containers/3481b4/hosts /etc/hosts rw,relatime - ext4 /dev/vda rw
"""


class ContainerTestCase(unittest.TestCase):
    """A test in a container of its own making."""

    def setUp(self) -> None:
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = Path(folder.name)
        (self.folder / "mark").touch()
        paths = {"MOUNTS": "mountinfo", "CGROUP": "cgroup", "SHM": "none"}
        for name, value in {
            **{f"{container.__name__}.{name}": self.folder / file for name, file in paths.items()},
            f"{container.__name__}.MARKS": (self.folder / "mark",),
        }.items():
            patched = mock.patch(name, value)
            patched.start()
            self.addCleanup(patched.stop)
        environment = mock.patch.dict(os.environ, {"GIT_REF": "abc"})
        environment.start()
        self.addCleanup(environment.stop)

    def mount(self, *lines: str, root: str = ROOT) -> None:
        """Let these be the mounts, besides the usual ones."""
        (self.folder / "mountinfo").write_text("\n".join([root, USUAL.strip(), *lines, ""]))


class MountsTest(ContainerTestCase):
    def sources(self, *lines: str) -> dict[str, str | None]:
        """The sources of the mounts that a user made, by their targets."""
        self.mount(*lines)
        return {mount.target: container.source_of(mount) for mount in container.users_mounts()}

    def test_mounts_of_the_engine_are_not_the_users(self) -> None:
        self.assertEqual({}, self.sources())

    def test_source_on_the_filesystem_of_the_engine_is_known(self) -> None:
        self.assertEqual({"/work": "/home/me/x"}, self.sources("1 86 254:0 /home/me/x /work rw - ext4 /dev/vda rw"))

    def test_source_of_the_same_name_is_known_on_any_filesystem(self) -> None:
        for root in ("/home/me/x", "/me/x", "/@/home/me/x", "/host_mnt/home/me/x"):
            with self.subTest(root):
                self.assertEqual(
                    {"/home/me/x": "/home/me/x"}, self.sources(f"1 86 8:1 {root} /home/me/x rw - ext4 d rw")
                )

    def test_source_of_another_name_on_another_filesystem_is_unknown(self) -> None:
        self.assertEqual({"/work": None}, self.sources("1 86 8:1 /me/x /work rw - ext4 /dev/sda1 rw"))
        self.assertEqual({"/work": None}, self.sources("1 86 8:1 / /work rw - ext4 /dev/sda1 rw"))

    def test_volume_has_its_name(self) -> None:
        line = "1 86 254:0 /var/lib/docker/volumes/models/_data /work rw - ext4 /dev/vda rw"
        self.assertEqual({"/work": "models"}, self.sources(line))

    def test_spaces_and_backslashes_are_decoded(self) -> None:
        line = r"1 86 254:0 /my\040folder\134 /my\040folder\134 rw - ext4 /dev/vda rw"
        self.assertEqual({"/my folder\\": "/my folder\\"}, self.sources(line))

    def test_virtual_machine_made_of_an_image_is_no_container(self) -> None:
        self.mount()
        self.assertTrue(container.is_container())
        self.mount(root="27 1 254:0 / / rw,relatime - ext4 /dev/vda rw")
        self.assertFalse(container.is_container())

    def test_machine_without_marks_is_no_container(self) -> None:
        self.mount()
        with mock.patch.object(container, "MARKS", ()), mock.patch.dict(os.environ, clear=True):
            self.assertFalse(container.is_container())

    def test_folder_outlives_a_container_where_it_is_on_a_mount_that_is_no_tmpfs(self) -> None:
        self.mount("1 86 254:0 /home /kept rw - ext4 /dev/vda rw", "2 86 0:9 / /gone rw - tmpfs tmpfs rw")
        kept = {
            folder: container.outlives_container(folder) for folder in ("/kept/a/b", "/kept", "/keptnot", "/gone", "/")
        }
        self.assertEqual({"/kept/a/b": True, "/kept": True, "/keptnot": False, "/gone": False, "/": False}, kept)
        self.mount(root="27 1 254:0 / / rw,relatime - ext4 /dev/vda rw")
        self.assertTrue(container.outlives_container("/tmp"))

    def test_system_without_mountinfo_is_no_container(self) -> None:
        self.assertFalse(container.is_container())
        self.assertTrue(container.outlives_container("/tmp"))


class LimitsTest(ContainerTestCase):
    def limits(self, **files: str) -> dict[str, str]:
        for name, content in files.items():
            path = self.folder / "cgroup" / name.replace("__", "/").replace("_dot_", ".")
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(content)
        return container.limits()

    def test_limits_of_version_2_are_read(self) -> None:
        found = self.limits(memory_dot_max="629145600\n", pids_dot_max="77\n", cpu_dot_max="150000 100000\n")
        self.assertEqual({"--memory": "629145600", "--pids-limit": "77", "--cpus": "1.5"}, found)

    def test_limits_of_version_1_are_read(self) -> None:
        found = self.limits(
            memory__memory_dot_limit_in_bytes="629145600\n",
            pids__pids_dot_max="77\n",
            cpu__cpu_dot_cfs_quota_us="50000\n",
            cpu__cpu_dot_cfs_period_us="100000\n",
        )
        self.assertEqual({"--memory": "629145600", "--pids-limit": "77", "--cpus": "0.5"}, found)

    def test_no_limits_are_none(self) -> None:
        self.assertEqual({}, self.limits())
        self.assertEqual({}, self.limits(memory_dot_max="max\n", pids_dot_max="max\n", cpu_dot_max="max 100000\n"))
        unlimited = {"memory__memory_dot_limit_in_bytes": "9223372036854771712", "cpu__cpu_dot_cfs_quota_us": "-1"}
        self.assertEqual({}, self.limits(**unlimited))


class ReproduceInContainerTest(ContainerTestCase):
    def command(self, *lines: str, root: str = ROOT, **changes: Any) -> list[str]:
        """The words between `docker run` and the image, and those after it."""
        self.mount(*lines, root=root)
        given = {"model": "/somewhere/model.pkl", "dataset": "v5.3/live.parquet", "output_dir": "/tmp", "report": None}
        run = {
            **given,
            "benchmarks": "v5.3/live_benchmark_models.parquet",
            "strict": False,
            "inspect": False,
            **changes,
        }
        with mock.patch("os.getuid", return_value=0):
            words = reproduce_command(Namespace(**run, time_limit=600.0, memory_limit=4 << 30))
        return [word for word in shlex.split(words)[4:] if not word.startswith("numerai_predict_py")]

    def test_mounts_are_kept_as_they_were(self) -> None:
        given = (
            "1 86 254:0 /home/me/x /work ro,relatime - ext4 /dev/vda rw",
            "2 86 254:0 /home/me/one.parquet /data/live.parquet rw - ext4 /dev/vda rw",
            "3 86 0:9 / /tmp rw - tmpfs tmpfs rw",
        )
        expected = ["-v", "/home/me/x:/work:ro", "-v", "/home/me/one.parquet:/data/live.parquet", "--tmpfs", "/tmp"]
        self.assertEqual([*expected, "--debug", "--model", "/somewhere/model.pkl"], self.command(*given))

    def test_mount_inside_another_is_kept_only_where_it_shows_something_else(self) -> None:
        outer = "1 86 254:0 /home/me /home/me rw - ext4 /dev/vda rw"
        same = "2 86 254:0 /home/me/x /home/me/x rw - ext4 /dev/vda rw"
        other = "2 86 254:0 /data /home/me/x rw - ext4 /dev/vda rw"
        self.assertEqual(["-v", "/home/me:/home/me"], self.command(outer, same)[:2])
        self.assertEqual("--debug", self.command(outer, same)[2])
        self.assertEqual(["-v", "/data:/home/me/x"], self.command(outer, other)[2:4])

    def test_path_in_the_container_alone_is_not_mounted(self) -> None:
        self.assertEqual(["--debug", "--model", os.path.abspath("model.pkl")], self.command(model="model.pkl"))

    def test_folder_of_unknown_name_is_taken_for_the_current_one(self) -> None:
        self.assertEqual(["-v", "$PWD:/work"], self.command("1 86 8:1 /me/x /work rw - ext4 /dev/sda1 rw")[:2])

    def test_model_from_a_url_is_expected_in_the_current_folder_which_is_mounted_where_nothing_else_is(self) -> None:
        mounted = "1 86 254:0 /home/me/x /home/me/x rw - ext4 /dev/vda rw"
        words = self.command(mounted, model="https://host/m.pkl?secret")
        expected = ["-v", "/home/me/x:/home/me/x", "-v", "$PWD:/downloaded", "--debug", "--model", "/downloaded/m.pkl"]
        self.assertEqual(expected, words)

    def test_limits_and_a_read_only_root_are_kept(self) -> None:
        (self.folder / "cgroup").mkdir()
        (self.folder / "cgroup/memory.max").write_text("629145600")
        words = self.command(root=ROOT.replace("rw,relatime", "ro,relatime"))
        self.assertEqual(["--memory", "629145600", "--read-only", "--debug"], words[:4])


if __name__ == "__main__":
    unittest.main()
