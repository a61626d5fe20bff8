"""The Makefile, as far as it goes without building anything."""

import json
import re
import subprocess
import unittest

from tests.harness import ROOT, VERSIONS

TAGS = [version.replace(".", "_") for version in VERSIONS]
TARGETS = {
    *("help", "versions", "lint", "types", "format", "check", "demo", "bench", "bench_images", "build", "build_shell"),
    *(
        "bench_in_image",
        "bench_large",
        "bench_pull",
        "delivery",
        "demo_round",
        "demo_tournament",
        "fault_examples",
        "fuzz",
        "bench_round",
        "prove_round",
        "prove_warm",
        "prove_slurm",
        "test",
        "test_fast",
        "test_unit",
        "test_once",
        "test_predict",
        "simulate_round",
        "push_latest",
        "push_stable",
        "push_shell",
        "promote",
    ),
    *(
        f"{verb}_{tag}"
        for verb in ("build", "test", "test_round", "push_latest", "push_stable", "promote")
        for tag in TAGS
    ),
}


def make(*words: str) -> subprocess.CompletedProcess[str]:
    """One finished make, which prints no folder names when a make runs this test."""
    command = ["make", "--no-print-directory", *words]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=60, check=False)


class MakefileTest(unittest.TestCase):
    def test_help_is_the_default_and_lists_every_target_by_name(self) -> None:
        listed = [line.split()[0] for line in make().stdout.splitlines()]
        self.assertEqual(sorted(TARGETS), sorted(listed))

    def test_versions_are_the_folders_as_json(self) -> None:
        self.assertEqual(VERSIONS, json.loads(make("versions").stdout))

    def test_every_target_exists(self) -> None:
        done = make("--dry-run", *sorted(TARGETS))
        self.assertEqual(0, done.returncode, done.stderr)

    def test_target_without_a_docker_engine_says_so_in_one_line(self) -> None:
        for target in ("build", "test", "test_predict", "push_latest"):
            with self.subTest(target):
                done = make("DOCKER=false", target)
                self.assertNotEqual(0, done.returncode)
                said, failed = done.stderr.splitlines()
                self.assertTrue(said.startswith("No Docker engine answers"), said)
                self.assertRegex(failed, r"^make(\[\d\])?: \*\*\* .* Error 1$")

    def test_build_passes_flags_and_platform_on(self) -> None:
        done = make("--dry-run", "build_3_11", "PLATFORM=linux/arm64", "DOCKER_BUILD_FLAGS=--no-cache")
        self.assertRegex(done.stdout, r"docker build --platform=linux/arm64 --no-cache ")
        self.assertIn("--platform=linux/amd64", make("--dry-run", "build_3_11").stdout)

    def test_push_names_registry_image_and_both_tags(self) -> None:
        done = make("--dry-run", "push_latest_3_11", "REGISTRY=127.0.0.1:5000")
        pushed = re.findall(r"push 127\.0\.0\.1:5000/numerai_predict_py_3_11:(\S+)", done.stdout)
        self.assertEqual(2, len(pushed))
        self.assertEqual("latest", pushed[0])
        stable = make("--dry-run", "push_stable_3_11").stdout
        self.assertIn("push ghcr.io/numerai/numerai_predict_py_3_11:stable\n", stable)

    def test_promote_copies_what_was_pushed_for_this_commit_and_builds_nothing(self) -> None:
        pushed = make("--dry-run", "push_latest_3_11").stdout.split()[-1]
        done = make("--dry-run", "promote_3_11")
        self.assertEqual(
            [f"docker://{pushed}", "docker://ghcr.io/numerai/numerai_predict_py_3_11:stable"], done.stdout.split()[-2:]
        )
        self.assertNotIn("build", done.stdout)
