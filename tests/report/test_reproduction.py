"""The command that reproduces a run, as a shell reads it."""

import csv
import os
import shlex
import shutil
import subprocess
import sys
import tempfile
import unittest
from argparse import Namespace
from pathlib import Path
from typing import Any
from unittest import mock

from numerai_predict.report import reproduction
from numerai_predict.report.reproduction import image_name, reproduce_command

IMAGE = f"numerai_predict_py_{sys.version_info.major}_{sys.version_info.minor}"

CONTAINER = "numerai_predict.container"
ROUTES = "numerai_predict.report.reproduction"


class ReproduceCommandTest(unittest.TestCase):
    def setUp(self) -> None:
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = Path(folder.name).resolve()
        self.addCleanup(os.chdir, Path.cwd())
        os.chdir(self.folder)
        environment = mock.patch.dict(os.environ)
        environment.start()
        self.addCleanup(environment.stop)
        os.environ.pop("GIT_REF", None)
        # Whoever runs the tests, and wherever.
        for name, value in {"os.getuid": 0, f"{CONTAINER}.is_container": False, f"{ROUTES}.has_route": True}.items():
            patched = mock.patch(name, return_value=value)
            patched.start()
            self.addCleanup(patched.stop)

    def command(self, **changes: Any) -> str:
        given = {
            "model": "model.pkl",
            "dataset": "v5.3/live.parquet",
            "benchmarks": "v5.3/live_benchmark_models.parquet",
        }
        rest = {
            "strict": False,
            "inspect": False,
            "output_dir": "/tmp",
            "post_url": None,
            "post_data": None,
            "report": None,
            "debug": False,
        }
        return reproduce_command(
            Namespace(**{**given, **rest, "time_limit": 600.0, "memory_limit": 4 << 30, **changes})
        )

    def parts(self, **changes: Any) -> tuple[list[str], dict[str, str]]:
        """The folders that the command mounts, and its flags with their values, as a shell in the folder reads them."""
        script = f"docker() {{ printf '%s\\0' \"$@\"; }}\n{self.command(**changes)}"
        done = subprocess.run(["sh", "-c", script], capture_output=True, check=True, text=True, cwd=self.folder)
        words = done.stdout.split("\0")[:-1]
        self.assertEqual(words[:3], ["run", "-i", "--rm"])
        image = next(place for place, word in enumerate(words) if word.startswith(IMAGE))
        mounts, flags = words[3:image], words[image + 1 :]
        self.assertEqual(mounts[::2], ["-v"] * (len(mounts) // 2))
        self.assertEqual(len(mounts), 2 * len(set(mounts[1::2])), "none twice")
        self.assertEqual(flags[0], "--debug")
        for mount in mounts[1::2]:
            source, _, target = mount.partition(":")
            self.assertEqual(source, target)
            self.assertTrue(os.path.exists(source), "Docker would make a folder of that name")
        valued = [flag for flag in flags[1:] if flag != "--strict"]
        return [mount.partition(":")[0] for mount in mounts[1::2]], dict(zip(valued[::2], valued[1::2], strict=True))

    def test_command_for_default_datasets_names_only_the_model(self) -> None:
        mounts, flags = self.parts()
        self.assertEqual(mounts, [str(self.folder)])
        self.assertEqual(flags, {"--model": str(self.folder / "model.pkl")})

    def test_command_for_local_datasets_names_and_mounts_them(self) -> None:
        with tempfile.TemporaryDirectory() as name:
            live = Path(name).resolve() / "live.parquet"
            live.touch()
            benchmarks = self.folder / "data/benchmarks.parquet"
            benchmarks.parent.mkdir()
            benchmarks.touch()
            mounts, flags = self.parts(dataset=str(live), benchmarks="data/benchmarks.parquet")
            self.assertEqual(mounts, [str(self.folder), str(live.parent)], "none inside another")
        self.assertEqual((flags["--dataset"], flags["--benchmarks"]), (str(live), str(benchmarks)))

    def test_command_for_what_does_not_exist_mounts_nothing_for_it(self) -> None:
        for model in ("/model.pkl", "/no/such/model.pkl", "no/such/model.pkl"):
            mounts, flags = self.parts(model=model, dataset="/no/live.parquet", report=Path("/none/report.json"))
            self.assertEqual(mounts, [])
            self.assertEqual(flags["--model"], os.path.abspath(model))
            self.assertEqual((flags["--dataset"], flags["--report"]), ("/no/live.parquet", "/none/report.json"))

    def test_command_for_a_file_beside_the_images_own_mounts_the_file_alone(self) -> None:
        with mock.patch.object(reproduction, "OF_THE_IMAGE", {str(self.folder)}):
            (self.folder / "model.pkl").touch()
            mounts, _ = self.parts()
            self.assertEqual(mounts, [str(self.folder / "model.pkl")])
        self.assertEqual([], self.parts(report=Path("/dev/stderr"), model="/model.pkl")[0])

    def test_command_for_a_link_mounts_what_it_leads_to(self) -> None:
        with tempfile.TemporaryDirectory() as name:
            real = Path(name).resolve() / "real.pkl"
            real.touch()
            (self.folder / "model.pkl").symlink_to(real)
            mounts, flags = self.parts()
            self.assertEqual(mounts, [str(self.folder), str(real.parent)])
        self.assertEqual(flags["--model"], str(self.folder / "model.pkl"))

    def test_command_for_an_output_folder_and_a_report_names_and_mounts_them(self) -> None:
        for name in ("out", "reports"):
            (self.folder / name).mkdir()
        (self.folder / "models").mkdir()
        mounts, flags = self.parts(model="models/m.pkl", output_dir="out", report=Path("reports/report.json"))
        self.assertEqual(mounts, [str(self.folder / name) for name in ("models", "out", "reports")])
        self.assertEqual(flags["--output_dir"], str(self.folder / "out"))
        self.assertEqual(flags["--report"], str(self.folder / "reports/report.json"))
        self.assertNotIn("--output_dir", self.parts()[1])

    def test_command_for_an_ordinary_user_names_that_one(self) -> None:
        self.assertNotIn("--user", self.command())
        with mock.patch("os.getuid", return_value=1234), mock.patch("os.getgid", return_value=56):
            self.assertIn(" --user 1234:56 ", self.command())

    def test_command_for_a_machine_without_a_network_has_none(self) -> None:
        self.assertNotIn("--network", self.command())
        with mock.patch(f"{ROUTES}.has_route", return_value=False):
            self.assertIn(" --network none ", self.command())

    @unittest.skipUnless(shutil.which("bash"), "needs bash")
    def test_command_for_a_folder_with_a_colon_mounts_it_all_the_same(self) -> None:
        folder = self.folder / 'a:b, "c"'
        folder.mkdir()
        words = shlex.split(self.command(model=folder / "model.pkl"))
        mount = words[words.index("--mount") + 1]
        (fields,) = csv.reader([mount])
        self.assertEqual(["type=bind", f"source={folder}", f"target={folder}"], fields)

    def test_command_for_another_numerai_dataset_names_it(self) -> None:
        _, flags = self.parts(dataset="v5.0/live.parquet")
        self.assertEqual(flags.get("--dataset"), "v5.0/live.parquet")

    def test_command_for_other_limits_names_them(self) -> None:
        _, flags = self.parts(time_limit=5.0, memory_limit=100 << 20)
        self.assertLessEqual({"--time_limit", "--memory_limit"}, set(flags))

    def test_command_for_a_model_elsewhere_mounts_its_folder(self) -> None:
        with tempfile.TemporaryDirectory() as name:
            folder = str(Path(name).resolve())
            mounts, flags = self.parts(model=f"{folder}/model.pkl")
        self.assertEqual((mounts, flags["--model"]), ([folder], f"{folder}/model.pkl"))

    def test_command_for_a_model_below_mounts_its_folder(self) -> None:
        (self.folder / "sub").mkdir()
        mounts, flags = self.parts(model="sub/model.pkl")
        self.assertEqual((mounts, flags["--model"]), ([str(self.folder / "sub")], str(self.folder / "sub/model.pkl")))

    def test_command_for_a_model_beside_the_current_folder_names_it_without_dots(self) -> None:
        with tempfile.TemporaryDirectory(dir=self.folder.parent) as name:
            folder = Path(name).resolve()
            mounts, flags = self.parts(model=f"../{folder.name}/model.pkl")
        self.assertEqual((mounts, flags["--model"]), ([str(folder)], str(folder / "model.pkl")))

    def test_command_for_names_with_spaces_and_quotes_survives_a_shell(self) -> None:
        name = "my folder/it's; $HOME `x` *.pkl"
        (self.folder / "my folder").mkdir()
        mounts, flags = self.parts(model=name)
        self.assertEqual((mounts, flags["--model"]), ([str(self.folder / "my folder")], str(self.folder / name)))
        _, flags = self.parts(model="https://host/my%20model%3B$HOME.pkl")
        self.assertEqual(flags["--model"], str(self.folder / "my model;$HOME.pkl"))

    @unittest.skipUnless(shutil.which("bash"), "needs bash")
    def test_command_for_names_that_do_not_print_survives_bash(self) -> None:
        name = "a\x1b[2J\n\x9b\u202f\u202e'\\x41 b\udcff.pkl"
        command = self.command(model=name)
        self.assertTrue(command.isprintable())
        script = f"docker() {{ printf '%s\\0' \"$@\"; }}\n{command}"
        done = subprocess.run(["bash", "-c", script], capture_output=True, check=True, cwd=self.folder)
        self.assertIn(os.fsencode(self.folder / name), done.stdout.split(b"\0"))

    def test_command_for_a_model_from_a_url_names_its_file_without_query(self) -> None:
        for url, name in {
            "https://b.s3.amazonaws.com/a/model.pkl?X-Amz-Signature=secret#secret": "model.pkl",
            "https://user:secret@host/other.pkl": "other.pkl",
            "https://host/?secret": "model.pkl",
        }.items():
            with self.subTest(url=url):
                mounts, flags = self.parts(model=url)
                self.assertEqual((mounts, flags["--model"]), ([str(self.folder)], str(self.folder / name)))
                self.assertNotIn("secret", self.command(model=url))

    def test_command_holds_no_upload(self) -> None:
        said = self.command(post_url="https://host/?secret", post_data={"policy": "secret"})
        self.assertNotIn("secret", said)

    def test_command_for_a_strict_run_or_an_inspection_says_so(self) -> None:
        for flag in ("strict", "inspect"):
            with self.subTest(flag):
                self.assertIn(f"--{flag}", shlex.split(self.command(**{flag: True})))
                self.assertNotIn(f"--{flag}", shlex.split(self.command()))

    def test_command_names_the_image_by_its_commit_where_known(self) -> None:
        self.assertIn(f"{IMAGE}:latest", shlex.split(self.command()))
        os.environ["GIT_REF"] = "abc123"
        self.assertIn(f"{IMAGE}:abc123", shlex.split(self.command()))

    def test_image_name_is_that_of_the_command(self) -> None:
        self.assertEqual(image_name(), f"{IMAGE}:latest")
        os.environ["GIT_REF"] = "abc123"
        self.assertEqual(image_name(), f"{IMAGE}:abc123")


if __name__ == "__main__":
    unittest.main()
