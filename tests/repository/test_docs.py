"""The pages: their links, the commands in them, and what they repeat of the code."""

import functools
import re
import shlex
import unittest
from collections.abc import Iterator
from pathlib import Path

from numerai_predict.cli import arguments, presign
from numerai_predict.inspection import bytecode
from tests import fault_table
from tests.harness import ROOT, VERSIONS
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
                        arguments.build_parser().parse_args([*("--model", "model.pkl"), *given])
        self.assertGreater(found, 5)

    def test_every_image_is_one_that_is_built(self) -> None:
        named = {name for page in PAGES for name in re.findall(r"numerai_predict_py_3_\d+", text(page))}
        built = {f"numerai_predict_py_{tag}" for tag in TAGS}
        self.assertLessEqual({name for name in named if not BLANKS.search(name)}, built)


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
        shown = {None: "none", False: "off", True: "off", 4 << 30: "`4GiB`", 600.0: "`600`"}
        expected = {}
        for action in arguments.build_parser()._actions:
            if action.dest != "help":
                default = shown.get(action.default, f"`{action.default}`")
                expected[f"--{action.dest}"] = "required" if action.required else default
        self.assertEqual(expected, listed)

    def test_table_of_presign_has_all_its_flags_with_their_defaults(self) -> None:
        rows = re.findall(r"^\| `--(\w+)` \| (.+?) \|", text(DOCS / "presigned-urls.md"), re.MULTILINE)
        shown = {None: "boto3's", 64 << 20: "`64MiB`", 3600: "`3600`"}
        expected = {
            action.dest: "required" if action.required else shown[action.default]
            for action in presign.build_parser()._actions
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
