"""The workflows: what can be told from their text, and what their commands do here with programs that take notes.

actionlint, zizmor and the schemas look at the rest in `make lint`.
"""

import json
import os
import re
import shutil
import subprocess
import tempfile
import unittest
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any, TypeAlias

import yaml

from tests.harness import ROOT, VERSIONS
from tests.repository.test_makefile import TAGS, TARGETS

GITHUB = ROOT / ".github"
FILES = sorted(GITHUB.glob("workflows/*")) + sorted(GITHUB.glob("actions/*/action.yaml"))
EVENT = {
    "github.token": "TOKEN",
    "github.actor": "somebody",
    "github.repository": "Numerai/Predict",
    "github.repository_owner": "Numerai",
    "github.server_url": "https://github.com",
    "needs.versions.outputs.versions": json.dumps(VERSIONS),
    "needs.versions.outputs.tags": json.dumps(TAGS),
}
# Notes its words. As docker it tells of an image that was pushed to two repositories; as make it knows the versions.
PROGRAM = """#!/bin/sh
echo "$(basename "$0") $*" >>"$CALLS"
case "$*" in
  versions) exec {make} --no-print-directory versions ;;
  image*) printf 'old/name@sha256:0\\nghcr.io/numerai/%s@sha256:1\\n' "$IMAGE" ;;
esac
"""

Yaml: TypeAlias = dict[str, Any]


@cache
def load(path: Path) -> Yaml:
    """A workflow or an action. YAML 1.1 takes its key `on` for true."""
    return {"on" if key is True else key: value for key, value in yaml.safe_load(path.read_text()).items()}


def workflow(name: str) -> Yaml:
    return load(next(GITHUB.glob(f"workflows/{name}.*")))


def jobs() -> Iterator[tuple[str, Yaml]]:
    """Every job of every workflow, by a name for messages."""
    for path in GITHUB.glob("workflows/*"):
        for name, job in load(path)["jobs"].items():
            yield f"{path.name}: {name}", job


def uses(path: Path) -> list[str]:
    """What a file uses, with the comment behind it."""
    return re.findall(r"\buses: (.+)", path.read_text())


def filled(text: str, context: dict[str, str]) -> str:
    """The text with the values of its expressions; those that compute something stay. KeyError for an unknown one."""
    return re.sub(r"\$\{\{ ([^\s}]+) \}\}", lambda found: context[found[1]], text)


def matrix_of(job: Yaml) -> list[dict[str, str]]:
    """The values of each of the jobs that a matrix makes of one."""
    if "strategy" not in job:
        return [{}]
    ((name, values),) = job["strategy"]["matrix"].items()
    listed = re.sub(r"fromJSON\((\S+)\)", r"\1", values)
    return [{f"matrix.{name}": value} for value in json.loads(filled(listed, EVENT))]


def inputs_of(step: Yaml, context: dict[str, str]) -> dict[str, str]:
    return {f"inputs.{name}": filled(str(value), context) for name, value in step.get("with", {}).items()}


def commands(job: Yaml, inputs: dict[str, str] | None = None) -> Iterator[tuple[str, dict[str, str]]]:
    """Every command of a job with its environment: of all jobs of its matrix, and of the workflow that it calls."""
    for values in matrix_of(job):
        context = {**EVENT, **(inputs or {}), **values}
        if "uses" in job:
            for called in load(ROOT / job["uses"])["jobs"].values():
                yield from commands(called, inputs_of(job, context))
        else:
            yield from commands_of_steps(job["steps"], context)


def commands_of_steps(steps: list[Yaml], context: dict[str, str]) -> Iterator[tuple[str, dict[str, str]]]:
    for step in steps:
        if step.get("uses", "").startswith("./"):
            action = load(ROOT / step["uses"] / "action.yaml")
            known = {**EVENT, **inputs_of(step, context), "steps.buildx.outputs.name": "a-builder"}
            yield from commands_of_steps(action["runs"]["steps"], known)
        elif "run" in step:
            yield step["run"], {name: filled(value, context) for name, value in step.get("env", {}).items()}


def rehearsed(job: Yaml) -> tuple[list[str], dict[str, str]]:
    """What a job's commands call here, beside programs that only take notes, and what they put out."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for program in ("make", "docker"):
            (folder / program).write_text(PROGRAM.format(make=shutil.which("make")))
            (folder / program).chmod(0o755)
        calls, output = folder / "calls", folder / "output"
        output.touch()
        for command, given in commands(job):
            env = {**given, "CALLS": str(calls), "GITHUB_OUTPUT": str(output), "PATH": f"{name}:{os.environ['PATH']}"}
            subprocess.run(["bash", "-e", "-o", "pipefail", "-c", command], cwd=ROOT, env=env, timeout=60, check=True)
        return calls.read_text().splitlines(), dict(line.split("=", 1) for line in output.read_text().splitlines())


class TextTest(unittest.TestCase):
    def test_the_four_workflows_have_the_names_that_are_promised(self) -> None:
        names = {path.name for path in GITHUB.glob("workflows/*")}
        self.assertLessEqual({"test-all.yaml", "deploy-images.yml", "deploy-stable.yaml", "deploy-shell.yaml"}, names)

    def test_no_python_version_stands_in_any_of_them(self) -> None:
        for path in FILES:
            with self.subTest(path.name):
                self.assertNotRegex(path.read_text(), r"\b3[._]\d\d\b")

    def test_every_action_is_pinned_by_a_commit_with_its_version_beside_it(self) -> None:
        pins: dict[str, str] = {}
        for path in FILES:
            for used in uses(path):
                if not used.startswith("./"):
                    with self.subTest(path.name):
                        self.assertRegex(used, r"^[\w./-]+@[0-9a-f]{40} # v\d+\.\d+\.\d+$")
                    name, _, pin = used.partition("@")
                    self.assertEqual(pins.setdefault(name, pin), pin, f"two pins of {name}")
        self.assertIn("actions/checkout", pins)

    def test_what_they_use_of_this_repository_exists_and_gets_the_inputs_that_it_asks_for(self) -> None:
        steps = [step for _, job in jobs() for step in [job, *job.get("steps", ())]]
        ours = [step for step in steps if step.get("uses", "").startswith("./")]
        self.assertTrue(ours)
        for step in ours:
            with self.subTest(step["uses"]):
                path = ROOT / step["uses"]
                called = load(path / "action.yaml") if path.is_dir() else load(path)["on"]["workflow_call"]
                self.assertEqual(set(called.get("inputs", {})), set(step.get("with", {})))

    def test_workflows_have_no_permission_and_each_job_says_what_it_needs(self) -> None:
        for path in GITHUB.glob("workflows/*"):
            self.assertEqual({}, load(path)["permissions"], path.name)
        for name, job in jobs():
            with self.subTest(name):
                self.assertEqual("read", job["permissions"]["contents"])

    def test_only_jobs_that_push_may_write(self) -> None:
        for name, job in jobs():
            writes = {scope for scope, access in job["permissions"].items() if access == "write"}
            allowed = {"publish": {"packages", "id-token", "attestations"}, "promote": {"packages"}}
            with self.subTest(name):
                self.assertEqual(allowed.get(name.split(": ")[1], set()), writes)

    def test_jobs_end_in_time_and_runs_do_not_pile_up(self) -> None:
        for name, job in jobs():
            with self.subTest(name):
                self.assertTrue("uses" in job or 0 < job["timeout-minutes"] <= 90)
        for path in GITHUB.glob("workflows/*"):
            with self.subTest(path.name):
                self.assertTrue("concurrency" in load(path) or set(load(path)["on"]) == {"workflow_call"})

    def test_images_are_deployed_from_master_by_hand_and_every_week(self) -> None:
        for name in ("deploy-images", "deploy-shell"):
            with self.subTest(name):
                triggers = workflow(name)["on"]
                self.assertEqual({"push", "workflow_dispatch", "schedule"}, set(triggers))
                self.assertEqual(["master"], triggers["push"]["branches"])
                self.assertRegex(triggers["schedule"][0]["cron"], r"^\d+ \d+ \* \* [0-6]$")

    def test_tests_run_on_every_push_and_pull_request(self) -> None:
        self.assertEqual({"push": None, "pull_request": None}, workflow("test-all")["on"])

    def test_shell_image_is_deployed_when_anything_that_it_copies_changes(self) -> None:
        paths = workflow("deploy-shell")["on"]["push"]["paths"]
        copied = re.findall(r"^COPY (.+) \S+$", (ROOT / "shell/Dockerfile").read_text(), re.MULTILINE)
        files = [name.replace("${PYTHON}", VERSIONS[0]) for words in copied for name in words.split()]
        for name in [*files, "shell/Dockerfile"]:
            self.assertTrue(any(Path(name).match(pattern) for pattern in paths), name)

    def test_pushed_image_gets_a_signed_sbom_and_provenance_under_its_digest(self) -> None:
        steps = workflow("publish")["jobs"]["publish"]["steps"]
        attested = [step["with"] for step in steps if step.get("uses", "").startswith("actions/attest@")]
        self.assertEqual([True, False], ["sbom-path" in given for given in attested])
        for given in attested:
            self.assertEqual("${{ steps.push.outputs.digest }}", given["subject-digest"])
            self.assertIs(True, given["push-to-registry"])


class RehearsalTest(unittest.TestCase):
    def made(self, name: str, job: str) -> list[str]:
        """What a job has made, each of which the Makefile can make."""
        calls, _ = rehearsed(workflow(name)["jobs"][job])
        made = [call.removeprefix("make ") for call in calls if call.startswith("make ")]
        targets = {re.split(r" [A-Z_]+=", words)[0] for words in made}
        self.assertLessEqual({word for words in targets for word in words.split()}, TARGETS)
        return made

    def test_versions_are_put_out_with_a_dot_and_with_an_underscore(self) -> None:
        _, outputs = rehearsed(workflow("versions")["jobs"]["versions"])
        self.assertEqual({"versions": json.dumps(VERSIONS), "tags": json.dumps(TAGS)}, outputs)

    def test_every_version_is_checked_and_its_image_tested(self) -> None:
        self.assertEqual(["types test_unit PYTHON=python"] * len(TAGS), self.made("test-all", "unit"))
        self.assertEqual(["lint test_once PYTHON=python"], self.made("test-all", "once"))
        tested = [words.split()[0] for words in self.made("test-all", "image")]
        self.assertEqual([f"test_{tag}" for tag in TAGS], tested)

    def test_every_image_is_tested_then_pushed_and_never_built_in_between(self) -> None:
        made = iter(self.made("deploy-images", "publish"))
        for tag in TAGS:
            self.assertRegex(next(made), rf"^test_{tag} DOCKER_BUILD_FLAGS=--load .*scope=numerai_predict_py_{tag}\s")
            self.assertEqual(f"push_latest_{tag} REGISTRY=ghcr.io/numerai", next(made))
        self.assertEqual([], list(made))

    def test_build_names_the_repository_that_it_comes_from(self) -> None:
        label = "--label org.opencontainers.image.source=https://github.com/Numerai/Predict "
        self.assertIn(label, self.made("test-all", "image")[0])

    def test_digest_that_is_attested_is_that_of_the_pushed_repository(self) -> None:
        _, outputs = rehearsed(workflow("deploy-images")["jobs"]["publish"])
        self.assertEqual({"name": f"ghcr.io/numerai/numerai_predict_py_{TAGS[-1]}", "digest": "sha256:1"}, outputs)

    def test_shell_image_is_tested_and_pushed(self) -> None:
        tested, pushed = self.made("deploy-shell", "publish")
        self.assertEqual(["test_predict", "push_shell"], [tested.split()[0], pushed.split()[0]])

    def test_stable_is_a_tag_for_every_image_and_builds_none(self) -> None:
        expected = [f"promote_{tag} REGISTRY=ghcr.io/numerai" for tag in TAGS]
        self.assertEqual(expected, self.made("deploy-stable", "promote"))
