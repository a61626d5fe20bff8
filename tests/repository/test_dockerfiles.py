"""What all Dockerfiles promise, told from their text; tests/images tells the rest from the images."""

import re
import unittest
from pathlib import Path

from tests.harness import ROOT

DOCKERFILES = sorted(ROOT.glob("py3.*/Dockerfile"))


def version_of(dockerfile: Path) -> str:
    """The Python version that a folder is named after."""
    return dockerfile.parent.name.removeprefix("py")


class DockerfilesTest(unittest.TestCase):
    def test_every_version_has_one(self) -> None:
        self.assertEqual(sorted(ROOT.glob("py3.*")), [dockerfile.parent for dockerfile in DOCKERFILES])

    def test_they_are_alike_but_for_the_version_in_their_first_line(self) -> None:
        first, *others = DOCKERFILES
        for dockerfile in others:
            with self.subTest(dockerfile.parent.name):
                self.assertEqual(first.read_text().splitlines()[1:], dockerfile.read_text().splitlines()[1:])
        for dockerfile in DOCKERFILES:
            with self.subTest(dockerfile.parent.name):
                self.assertEqual(f"ARG PYTHON={version_of(dockerfile)}", dockerfile.read_text().splitlines()[0])

    def test_they_pull_nothing_but_the_base_image(self) -> None:
        for dockerfile in [*DOCKERFILES, ROOT / "shell/Dockerfile"]:
            with self.subTest(dockerfile.parent.name):
                text = dockerfile.read_text()
                images = set(re.findall(r"^FROM (\S+)", text, re.MULTILINE))
                self.assertLessEqual(images, {"python:${PYTHON}-slim", "scratch"})
                # The first lines can name a frontend, which would be pulled too.
                self.assertNotRegex(text, r"(?i)^#\s*syntax\s*=")

    def test_nothing_is_built_after_the_commit_is_known(self) -> None:
        lines = DOCKERFILES[0].read_text().split("ARG GIT_REF", maxsplit=1)[1].splitlines()[1:]
        self.assertEqual({"ENV", "LABEL"}, {line.split()[0] for line in lines})


class BuildContextTest(unittest.TestCase):
    def let_in(self) -> set[str]:
        """What .dockerignore lets in: files, and folders that no later line empties again."""
        lines = (ROOT / ".dockerignore").read_text().splitlines()
        return {line[1:] for line in lines if line.startswith("!") and f"{line[1:]}/*" not in lines}

    def test_it_holds_exactly_what_is_copied(self) -> None:
        copied = set()
        for dockerfile in [DOCKERFILES[0], ROOT / "shell/Dockerfile"]:
            for words in re.findall(r"^COPY (?!--from)(.*) \S+$", dockerfile.read_text(), re.MULTILINE):
                copied |= {word.replace("py${PYTHON}", "py3.*") for word in words.split()}
        self.assertEqual(copied, self.let_in())

    def test_package_is_let_in_whole_but_for_what_python_writes(self) -> None:
        # Older engines do not look into a folder of which only a wildcard lets something in.
        lines = (ROOT / ".dockerignore").read_text().splitlines()
        self.assertEqual(["!numerai_predict"], [line for line in lines if "numerai_predict" in line])
        self.assertIn("**/__pycache__", lines)
        suffixes = {path.suffix for path in (ROOT / "numerai_predict").rglob("*") if path.is_file()}
        self.assertLessEqual(suffixes, {".py", ".css", ".json", ".typed", ".pyc"})
