"""The pages: their links, the commands in them, and what they repeat of the code."""

import dataclasses
import functools
import os
import re
import shlex
import shutil
import subprocess
import sys
import tempfile
import unittest
from collections.abc import Iterator
from pathlib import Path

from numerai_predict.cli import arguments, presign
from numerai_predict.inspection import bytecode
from numerai_predict.report import RunReport
from numerai_predict.runner import RunRequest
from tests import fault_table
from tests.harness import LEGACY_MODEL, ROOT, TESTS, VERSIONS
from tests.repository.test_makefile import TAGS, TARGETS

README, DOCS = ROOT / "README.md", ROOT / "docs"
PAGES = sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/*.md"), *ROOT.glob("tests/*/README.md")])
# What a path in a page may begin with; others are a user's own.
ROOMS = {path.name for path in ROOT.iterdir() if path.is_dir() and path.name not in (".git", ".venv", "build")}
# What a reader fills in, and the versions that SKILLS.md adds.
NEXT = [int(VERSIONS[-1][2:]) + more for more in (1, 2)]
BLANKS = re.compile(rf"XX|N\b|…|3[._]({NEXT[0]}|{NEXT[1]})")


@functools.cache
def text(page: Path) -> str:
    return page.read_text()


def prose(page: Path) -> str:
    """A page without its blocks of code."""
    return re.sub(r"^ *```.*?^ *```$", "", text(page), flags=re.MULTILINE | re.DOTALL)


def commands(page: Path) -> Iterator[list[str]]:
    """The words of every command in a page: of its sh blocks, and in its text between backticks."""
    blocks = re.findall(r"^ *```sh\n(.*?)^ *```$", text(page), re.MULTILINE | re.DOTALL)
    lines = [line for block in blocks for line in block.replace("\\\n", " ").splitlines()]
    lines += [span.replace("\n", " ") for span in re.findall(r"`([^`]+)`", prose(page))]
    for line in lines:
        try:
            words = shlex.split(line, comments=True)
        except ValueError:
            continue  # No command, but a span of code with half a quote.
        while words and re.match(r"[A-Z_]+=", words[0]):
            del words[0]
        if words:
            yield words


def anchors(page: Path) -> set[str]:
    """The anchors of a page's headings, as GitHub makes them."""
    headings = re.findall(r"^#+ (.+)$", prose(page), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


class LinksTest(unittest.TestCase):
    def test_every_link_leads_to_a_file_or_a_heading(self) -> None:
        for page in PAGES:
            for link in re.findall(r"\]\(([^)\s]+)\)", prose(page)):
                with self.subTest(page=page.name, link=link):
                    name, _, anchor = link.partition("#")
                    if re.match(r"https?://", name):
                        continue
                    target = page.parent / name if name else page
                    self.assertTrue(target.exists())
                    if anchor:
                        self.assertIn(anchor, anchors(target))

    def test_every_file_that_is_named_exists(self) -> None:
        for page in PAGES:
            for name in re.findall(r"`([\w.*-]+(?:/[\w.*-]+)*/?)`", prose(page)):
                if name.split("/")[0] in ROOMS and "/" in name and not BLANKS.search(name):
                    with self.subTest(page=page.name, name=name):
                        self.assertTrue(list(ROOT.glob(name.rstrip("/"))))


class CommandsTest(unittest.TestCase):
    def test_every_target_is_one_of_the_makefile(self) -> None:
        named = set()
        for page in PAGES:
            for words in commands(page):
                if words[0] == "make":
                    targets = [word for word in words[1:] if "=" not in word and not BLANKS.search(word)]
                    named |= {target for target in targets if not target.startswith((".", "-"))}
        self.assertLessEqual(named, TARGETS)
        self.assertIn("demo", named)

    def test_every_run_of_predict_has_flags_that_it_takes(self) -> None:
        found = 0
        for page in PAGES:
            for words in commands(page):
                given = flags_of_predict(words)
                if given is not None:
                    with self.subTest(page=page.name, words=words):
                        found += 1
                        arguments.build_parser("predict.py").parse_args([*("--model", "model.pkl"), *given])
        self.assertGreater(found, 5)

    def test_every_run_of_the_command_has_flags_that_it_takes(self) -> None:
        found = set()
        for page in PAGES:
            for words in commands(page):
                line = " ".join(words).replace("python -m numerai_predict ", "numerai-predict ")
                if match := re.match(r"numerai-predict (run|inspect|presign)\b(.*)", line):
                    with self.subTest(page=page.name, words=words):
                        found.add(match[1])
                        parse(match[1], match[2].split())
        self.assertEqual({"run", "inspect", "presign"}, found)

    def test_every_image_is_one_that_is_built(self) -> None:
        named = {name for page in PAGES for name in re.findall(r"numerai_predict_py_3_\d+", text(page))}
        built = {f"numerai_predict_py_{tag}" for tag in TAGS}
        self.assertLessEqual({name for name in named if not BLANKS.search(name)}, built)


def parse(command: str, given: list[str]) -> None:
    """Parse what numerai-predict's command is given, with what it requires where that is left out. Raises Fault."""
    parser = presign.presign_parser() if command == "presign" else arguments.build_parser("numerai-predict")
    flags = [action for action in parser._actions if action.dest != "help"]
    required = [word for flag in flags if flag.required for word in (flag.option_strings[0], "name")]
    parser.parse_args([*required, *(word for word in given if word != "--help")])


def flags_of_predict(words: list[str]) -> list[str] | None:
    """What a command gives to predict.py, directly or as an image's arguments; None if it runs something else."""
    for place, word in enumerate(words):
        if "--entrypoint" in words or "…" in words:
            return None
        if re.fullmatch(r"(python|\S+/python) predict\.py", " ".join(words[: place + 1])):
            return words[place + 1 :]
        if words[:2] == ["docker", "run"] and re.search(r"numerai_predict_py_\S+$", word):
            return words[place + 1 :]
    return None


def shown(default: object) -> str:
    """A default as the tables of flags and fields show it."""
    special: dict[object, str] = {None: "none", False: "off", True: "off", 4 << 30: "`4GiB`", 600.0: "`600`"}
    return special.get(default, f"`{default}`")


class PythonTest(unittest.TestCase):
    def test_library_examples_run_as_they_stand(self) -> None:
        for page in (README, DOCS / "library.md"):
            (block,) = re.findall(r"^```python\n(.*?)^```$", text(page), re.MULTILINE | re.DOTALL)
            with self.subTest(page.name), tempfile.TemporaryDirectory() as folder:
                shutil.copy(LEGACY_MODEL, f"{folder}/model.pkl")
                shutil.copytree(TESTS / "data", f"{folder}/tests/data")
                Path(folder, "build").mkdir()
                command = [sys.executable, "-c", block]
                environment = {**os.environ, "PYTHONPATH": str(ROOT)}
                done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)
                self.assertTrue(done.stdout.startswith("success "), done.stdout + done.stderr)
                self.assertEqual(1, len(list(Path(folder, "build").glob("*.csv"))))


class ReadmeTest(unittest.TestCase):
    def test_it_has_120_to_170_lines(self) -> None:
        self.assertIn(len(text(README).splitlines()), range(120, 171))

    def test_every_page_of_docs_is_in_its_map(self) -> None:
        for page in sorted(DOCS.glob("*.md")):
            self.assertIn(f"| [docs/{page.name}](docs/{page.name}) |", text(README))

    def test_images_are_named_from_the_oldest_to_the_newest(self) -> None:
        self.assertIn(f"`ghcr.io/numerai/numerai_predict_py_{TAGS[0]}` to `…_{TAGS[-1]}`", text(README))

    def test_every_example_is_listed(self) -> None:
        examples = sorted(path.relative_to(ROOT) for path in ROOT.glob("examples/*.py"))
        self.assertTrue(examples)
        for example in examples:
            self.assertIn(f"| `{example}` |", text(README))


class DocsTest(unittest.TestCase):
    def test_table_of_faults_is_that_of_the_code(self) -> None:
        page = text(fault_table.PAGE)
        self.assertEqual(fault_table.with_table(page), page, "make format writes it")

    def test_table_of_flags_has_all_of_them_with_their_defaults(self) -> None:
        rows = re.findall(r"^\| (`--.+?) \| (.+?) \|", text(DOCS / "command-line.md"), re.MULTILINE)
        listed = {flag: default for flags, default in rows for flag in re.findall(r"--\w+", flags)}
        expected = {
            f"--{action.dest}": "required" if action.required else shown(action.default)
            for action in arguments.build_parser("predict.py")._actions
            if action.dest != "help"
        }
        self.assertEqual(expected, listed)

    def test_table_of_the_request_has_all_its_fields_with_their_defaults(self) -> None:
        rows = re.findall(r"^\| `(\w+)` \| (.+?) \|", text(DOCS / "library.md"), re.MULTILINE)
        expected = {
            field.name: "required" if field.default is dataclasses.MISSING else shown(field.default)
            for field in dataclasses.fields(RunRequest)
        }
        self.assertEqual(expected, dict(rows))

    def test_every_section_of_the_run_report_is_in_its_table(self) -> None:
        rows = re.findall(r"^\| `(\w+)` \|", text(DOCS / "command-line.md"), re.MULTILINE)
        self.assertEqual(list(RunReport().as_json()), rows)

    def test_table_of_presign_has_all_its_flags_with_their_defaults(self) -> None:
        rows = re.findall(r"^\| `--(\w+)` \| (.+?) \|", text(DOCS / "presigned-urls.md"), re.MULTILINE)
        defaults = {None: "boto3's", 64 << 20: "`64MiB`", 3600: "`3600`"}
        expected = {
            action.dest: "required" if action.required else defaults[action.default]
            for action in presign.presign_parser()._actions
            if action.dest != "help"
        }
        self.assertEqual(expected, dict(rows))

    def test_inspection_names_the_oldest_and_the_newest_python_that_it_knows(self) -> None:
        named = re.findall(r"(3\.\d+) to (3\.\d+)", text(DOCS / "inspection.md"))
        self.assertEqual([(bytecode.VERSIONS[0], bytecode.VERSIONS[-1])], named)

    def test_every_schedule_is_listed(self) -> None:
        schedules = sorted(path.name for path in ROOT.glob("examples/schedules/*"))
        self.assertTrue(schedules)
        rows = "".join(re.findall(r"^\| `.+?\|", text(DOCS / "schedules.md"), re.MULTILINE))
        for name in schedules:
            self.assertIn(f"`{name}`", rows)

    def test_architecture_has_every_room(self) -> None:
        rooms = {path.parent.name for path in ROOT.glob("numerai_predict/*/__init__.py")}
        self.assertLess({"cli", "sandbox"}, rooms)
        listed = re.findall(r"^\| `(\w+)` \|", text(DOCS / "architecture.md"), re.MULTILINE)
        self.assertCountEqual(rooms, listed)
