"""environment.py: no secret reaches the model, and libraries start as many threads as there are CPUs."""

import tempfile
import unittest
from pathlib import Path
from unittest import mock

from numerai_predict.sandbox.environment import THREAD_VARIABLES, available_cpus, model_environment

SECRETS = (
    *("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN", "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI"),
    *("NUMERAI_PUBLIC_ID", "NUMERAI_SECRET_KEY", "NUMERAI_API_KEY", "GIT_REF", "GITHUB_TOKEN", "HF_TOKEN"),
    *("DATABASE_URL", "MY_SECRET", "PASSWORD", "HTTPS_PROXY", "SSH_AUTH_SOCK", "path", "HOMEX", "XOMP_NUM_THREADS"),
)


FOLDER = Path("/private")


class ModelEnvironmentTest(unittest.TestCase):
    def test_environment_with_secrets_lets_none_through(self) -> None:
        kept = model_environment(dict.fromkeys(SECRETS, "secret"), 1, FOLDER, "somebody")
        self.assertEqual([name for name in kept if name in SECRETS], [])
        self.assertNotIn("secret", kept.values())

    def test_environment_with_python_settings_that_change_imports_drops_them(self) -> None:
        names = ("PYTHONPATH", "PYTHONHOME", "PYTHONSTARTUP", "PYTHONINSPECT", "PYTHONUSERBASE")
        self.assertFalse(set(names) & set(model_environment(dict.fromkeys(names, "/x"), 1, FOLDER, "somebody")))

    def test_environment_with_harmless_names_keeps_them(self) -> None:
        given = {"PATH": "/bin", "LANG": "C.UTF-8", "LC_ALL": "C", "TZ": "UTC"}
        kept = model_environment(given, 1, FOLDER, "somebody")
        self.assertEqual({name: kept.get(name) for name in given}, given)

    def test_environment_without_thread_counts_sets_all_to_the_cpus(self) -> None:
        kept = model_environment({}, 3, FOLDER, "somebody")
        self.assertEqual({name: kept.get(name) for name in THREAD_VARIABLES}, dict.fromkeys(THREAD_VARIABLES, "3"))
        promised = {"OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS", "NUMEXPR_NUM_THREADS"}
        self.assertLessEqual(promised | {"POLARS_MAX_THREADS"}, set(THREAD_VARIABLES))

    def test_environment_with_a_thread_count_keeps_it(self) -> None:
        for name in THREAD_VARIABLES:
            with self.subTest(name=name):
                self.assertEqual(model_environment({name: "7"}, 3, FOLDER, "somebody")[name], "7")

    def test_environment_points_all_that_libraries_write_to_the_folder(self) -> None:
        names = ("HOME", "TMPDIR", "MPLCONFIGDIR", "NUMBA_CACHE_DIR")
        kept = model_environment(dict.fromkeys((*names, "USER"), "/of/the/parent"), 1, FOLDER, "somebody")
        self.assertEqual({name: kept.get(name) for name in names}, dict.fromkeys(names, "/private"))
        self.assertEqual((kept.get("USER"), kept.get("LOGNAME")), ("somebody", "somebody"))

    def test_environment_keeps_libraries_from_trying_the_network(self) -> None:
        kept = model_environment({}, 1, FOLDER, "somebody")
        names = ("HF_HUB_OFFLINE", "TRANSFORMERS_OFFLINE", "HF_HUB_DISABLE_TELEMETRY", "DO_NOT_TRACK")
        self.assertEqual({kept.get(name) for name in names}, {"1"})

    def test_environment_keeps_clients_of_clouds_from_asking_for_credentials(self) -> None:
        kept = model_environment({}, 1, FOLDER, "somebody")
        self.assertEqual((kept.get("AWS_EC2_METADATA_DISABLED"), kept.get("NO_GCE_CHECK")), ("true", "true"))

    def test_environment_without_a_compiler_keeps_torch_from_compiling(self) -> None:
        name = "TORCH_COMPILE_OVERRIDE_BACKENDS"
        for compiler, expected in ((None, ">=0:eager"), ("/usr/bin/g++", None)):
            with self.subTest(compiler=compiler), mock.patch("shutil.which", return_value=compiler):
                self.assertEqual(model_environment({}, 1, FOLDER, "somebody").get(name), expected)
        with mock.patch("shutil.which", return_value=None):
            kept = model_environment({name: ">=0:aot_eager"}, 1, FOLDER, "somebody")
        self.assertEqual(kept[name], ">=0:aot_eager")

    def test_environment_shows_output_and_crashes_at_once(self) -> None:
        kept = model_environment({}, 1, FOLDER, "somebody")
        self.assertEqual((kept.get("PYTHONUNBUFFERED"), kept.get("PYTHONFAULTHANDLER")), ("1", "1"))


class AvailableCpusTest(unittest.TestCase):
    """The affinity of the machine that tests is unknown, so it is set to 8 CPUs."""

    def setUp(self) -> None:
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.cgroup = Path(folder.name)
        affinity = mock.patch("os.sched_getaffinity", return_value=set(range(8)), create=True)
        affinity.start()
        self.addCleanup(affinity.stop)

    def cpus(self, **files: str) -> int:
        for name, content in files.items():
            path = (
                self.cgroup
                / {"v2": "cpu.max", "quota": "cpu/cpu.cfs_quota_us", "period": "cpu/cpu.cfs_period_us"}[name]
            )
            path.parent.mkdir(exist_ok=True)
            path.write_text(content)
        return available_cpus(self.cgroup)

    def test_available_cpus_under_a_quota_of_v2_are_the_quota(self) -> None:
        for text, expected in {"100000 100000\n": 1, "400000 100000\n": 4, "50000 25000\n": 2}.items():
            with self.subTest(text=text):
                self.assertEqual(self.cpus(v2=text), expected)

    def test_available_cpus_under_a_broken_quota_are_rounded_up(self) -> None:
        for text, expected in {"150000 100000\n": 2, "20000 100000\n": 1, "310000 100000\n": 4}.items():
            with self.subTest(text=text):
                self.assertEqual(self.cpus(v2=text), expected)

    def test_available_cpus_under_a_quota_of_v1_are_the_quota(self) -> None:
        self.assertEqual(self.cpus(quota="250000\n", period="100000\n"), 3)

    def test_available_cpus_without_quota_are_the_affinity(self) -> None:
        self.assertEqual(self.cpus(), 8)
        self.assertEqual(self.cpus(quota="-1\n", period="100000\n"), 8)
        self.assertEqual(self.cpus(v2="max 100000\n"), 8)

    def test_available_cpus_under_a_quota_above_the_affinity_are_the_affinity(self) -> None:
        self.assertEqual(self.cpus(v2="1600000 100000\n"), 8)

    def test_available_cpus_with_unreadable_quota_are_the_affinity(self) -> None:
        for text in ("", "garbage", "one two"):
            with self.subTest(text=text):
                self.assertEqual(self.cpus(v2=text), 8)

    def test_available_cpus_under_a_tiny_quota_are_one(self) -> None:
        self.assertEqual(self.cpus(v2="0 100000\n"), 1)
