"""Every sin in broken_models/, committed in a real run: what a user is told, and that nothing is delivered.

A file there holds `predict`, or `MODEL` for an object that is no such function, or `write` for a file that is no
pickle of ours. Each has a row in one of the tables of outcomes.py.
"""

import contextlib
import os
import re
import secrets
import time
import unittest
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from numerai_predict.faults import Code
from numerai_predict.visible import visible
from tests import fault_examples
from tests.harness import ROOT, TESTS, PredictTestCase, Run, by_value, command_lines, load_source
from tests.listeners import listening
from tests.outcomes import (
    CONFINED,
    CONTAINED,
    DELIVERED,
    FAULTS,
    NO_PICKLES,
    PLATFORM,
    ROWS,
    TERMINAL,
    WARNINGS,
    Delivered,
    Fault,
    Warned,
)
from tests.servers import Answer, serving

FOLDER = TESTS / "broken_models"
PROMISES = {"network", "secrets", "parent", "files", "terminal", "user", "memory", "processes"}
# What reads_secrets.py looks for: one of our own, as other runs of the tests on this machine may show theirs. The
# pattern does not match itself, for the model finds it in its own memory.
SECRET = f"S3CR3T-{secrets.token_hex(4)}"
PATTERN = re.compile("".join(f"[{character}]" for character in SECRET).encode())
SECRETS = {"AWS_SECRET_ACCESS_KEY": f"{SECRET}-aws", "NUMERAI_SECRET_KEY": f"{SECRET}-numerai"}
LONGEST_LOG = 12_000_000
PATIENCE_S = 2
OURS = re.compile(rf'File "{re.escape(str(ROOT))}/+(predict|numerai_predict/[^"]+)\.py", line')
# A process that dies or hangs shows its own log in place of an exception's traceback.
LOG_AS_TRACE = (Code.MODEL_CRASHED, Code.TIMEOUT)


@dataclass(frozen=True)
class Result:
    """A finished run, and what it left behind: CSVs, as text, temporary files and processes."""

    run: Run
    csvs: list[str]
    files: list[str]
    processes: list[str]


def commit(name: str, flags: tuple[str, ...] = (), file: str = "model.pkl", **settings: object) -> Result:
    """Run the model `name` as a user would, in a folder of its own; `settings` become globals of the model."""
    case = PredictTestCase()
    case.setUp()
    try:
        path = case.folder / file
        temporary = case.folder / "temporary"
        temporary.mkdir()
        make(FOLDER / f"{name}.py", path, **settings)
        run = case.predict(path, *flags, env={"TMPDIR": str(temporary), **SECRETS})
        files = [str(path.relative_to(temporary)) for path in temporary.rglob("*")]
        return Result(run, [csv.read_text() for csv in run.csvs], files, processes_of(case.folder))
    finally:
        case.doCleanups()


@cache
def result_of(name: str, strict: bool = False) -> Result:
    """The one run that all tests of a model look at, with the flags and the file name of its row."""
    row = {**FAULTS, **NO_PICKLES, **WARNINGS, **DELIVERED, **CONFINED}[name]
    if isinstance(row, Fault):
        return commit(name, row.flags, row.file)
    if isinstance(row, Delivered):
        return commit(name, row.flags)
    return commit(name, ("--strict",) if strict else ())


def make(source: Path, path: Path, **settings: object) -> None:
    """Write the model that `source` describes to `path`."""
    module = load_source(source)
    vars(module).update({"SECRET": PATTERN, **settings})
    if hasattr(module, "write"):
        module.write(path)
    else:
        path.write_bytes(by_value(module.MODEL if hasattr(module, "MODEL") else module.predict))


def processes_of(folder: Path) -> list[str]:
    """Who has the folder in its environment or works in it; one that has just been killed gets a moment to go."""
    deadline = time.monotonic() + PATIENCE_S
    while (found := list(living_in(folder))) and time.monotonic() < deadline:
        time.sleep(0.05)
    return found


def living_in(folder: Path) -> Iterator[str]:
    for process in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):  # It may have ended meanwhile.
            at_home = os.readlink(process / "cwd").startswith(str(folder))
            if at_home or str(folder).encode() in (process / "environ").read_bytes():
                yield (process / "cmdline").read_text(errors="replace").replace("\0", " ")


class BrokenModels(unittest.TestCase):
    """What must be so after a run. A model runs when the first test asks for it, so that one can be tried alone."""

    def check_fault(self, result: Result, expected: Fault) -> None:
        code, run = expected.code, result.run
        self.assertEqual((code.label, code.blame.exit_status), (run.code, run.status), run.stderr)
        self.assertEqual(code.blame.status, run.report["status"])
        self.assertEqual([], result.csvs)
        self.check_nothing_left(result)
        fault = run.report["fault"]
        self.assertRegex(fault["message"], re.compile(expected.says, re.DOTALL))
        self.assertRegex(fault["hint"], expected.hint)
        self.assertRegex(run.stderr, expected.log)
        self.check_last_words(run)
        self.assertNotRegex(fault["trace"], OURS)
        if code not in LOG_AS_TRACE:
            self.assertNotIn("Traceback", run.stderr)

    def check_nothing_left(self, result: Result) -> None:
        """No process, no temporary file, and a log that a person can still read."""
        self.assertEqual(([], []), (result.processes, result.files))
        self.assertLess(len(result.run.stdout) + len(result.run.stderr), LONGEST_LOG)

    def check_last_words(self, run: Run) -> None:
        """Code, cause, hint and the command are the last thing that the user reads."""
        fault = run.report["fault"]
        message, hint = visible(fault["message"]), visible(fault["hint"])
        said = f"{run.report['status']}: {fault['code']}\n  {message}\n  Hint: {hint}\n"
        _, words, after = run.stderr.rpartition(said)
        self.assertTrue(words, run.stderr)
        self.assertRegex(after, r"\A  Reproduce it with: docker run -i --rm .* --debug --model \S+[^\n]*\n\Z")

    def check_example(self, name: str, run: Run) -> None:
        """What docs/faults.md shows of the model, if it does, is what the run says."""
        if example := fault_examples.expected_of(name):
            said = fault_examples.masked(fault_examples.said_of(run))
            self.assertEqual(fault_examples.masked(example), said, "make fault_examples writes it")

    def check_warned(self, result: Result, expected: Warned) -> None:
        run = result.run
        self.assertEqual((0, "success", 1), (run.status, run.report.get("status"), len(result.csvs)), run.stderr)
        warnings = {warning["code"]: warning for warning in run.report["predictions"]["warnings"]}
        self.assertIn(expected.code.label, warnings)
        self.assertRegex(warnings[expected.code.label]["message"], expected.says)
        for said in ("message", "hint"):
            self.assertIn(warnings[expected.code.label][said], run.stderr)

    def check_delivered(self, result: Result, expected: Delivered) -> None:
        run = result.run
        self.assertEqual(
            (0, "success", 1), (run.status, run.report.get("status"), len(result.csvs)), run.stderr[-2000:]
        )
        lines = result.csvs[0].splitlines()
        self.assertEqual("id,prediction", lines[0])
        self.assertIn(len(lines) - 1, (ROWS, ROWS + 1))
        self.assertEqual([], run.report["predictions"]["warnings"])
        self.check_nothing_left(result)
        self.assertRegex(run.stderr, expected.log)


class FaultyModels(BrokenModels):
    """A test for each row of FAULTS."""

    def test_timeout_shows_the_line_of_the_model(self) -> None:
        self.assertRegex(result_of("sleeps_forever").run.report["fault"]["trace"], r"sleeps_forever\.py")


class OtherFiles(BrokenModels):
    """A test for each row of NO_PICKLES."""


class DoubtfulModels(BrokenModels):
    """Two tests for each row of WARNINGS."""


class StrangeModels(BrokenModels):
    """A test for each row of DELIVERED."""


class ConfinedModels(BrokenModels):
    """A test for each row of CONFINED."""

    def test_crash_shows_no_frames_of_ours(self) -> None:
        trace = result_of("segfaults").run.report["fault"]["trace"]
        self.assertRegex(trace, r"(?m)^Current thread ")
        self.assertNotRegex(trace, OURS)

    def test_crash_shows_the_line_of_the_model(self) -> None:
        self.assertRegex(result_of("segfaults").run.report["fault"]["trace"], r"segfaults\.py\", line 9 in predict")

    def test_grandchild_and_daemons_do_not_outlive_the_run(self) -> None:
        for name in ("leaves_a_grandchild", "leaves_a_daemon", "leaves_a_daemon_and_hangs", "kills_all_processes"):
            result_of(name)
        sleeping = [words for words in command_lines() if words[:1] == ["sleep"] and words[1].startswith("9876")]
        self.assertEqual([], sleeping)

    def test_report_says_which_promises_hold_here(self) -> None:
        confinement = result_of("dials_out").run.report["runtime"]["confinement"]
        broken = {entry["promise"] for entry in confinement["broken"]}
        self.assertEqual(PROMISES, {*confinement["kept"], *broken})
        # On a machine with other programs the model is the same user as they are, and can read their environment. Root
        # has nobody else to give it to where the interpreter is out of reach for others, as pyenv's is.
        self.assertLessEqual(broken, {"secrets", "user"})
        self.assertTrue(all(entry["reason"] for entry in confinement["broken"]))

    def test_listeners_on_loopback_hear_nothing_of_a_model_that_dials_out(self) -> None:
        with listening() as listeners:
            result = commit("dials_out", PORTS=listeners.ports)
        self.check_delivered(result, Delivered())
        self.assertEqual([], listeners.heard)

    def test_secrets_in_the_arguments_are_not_found_and_used_all_the_same(self) -> None:
        case = PredictTestCase()
        case.setUp()
        self.addCleanup(case.doCleanups)
        make(FOLDER / "reads_secrets.py", case.folder / "model.pkl")
        with serving() as server:
            url = server.queue("/model.pkl", Answer(body=(case.folder / "model.pkl").read_bytes()))
            upload = server.queue("/upload", Answer(204))
            post = ("--post_url", f"{upload}?signature={SECRET}-upload", "--post_data", f"policy={SECRET}-field")
            run = case.predict(f"{url}?signature={SECRET}-model", *post, env=SECRETS)
        self.assertEqual(0, run.status, run.stderr)
        self.assertEqual(
            [f"signature={SECRET}-model", f"signature={SECRET}-upload"], [r.query for r in server.requests]
        )
        self.assertIn(f"{SECRET}-field".encode(), server.requests[-1].body)


class Table(unittest.TestCase):
    def test_every_file_is_in_one_table(self) -> None:
        rows = sorted([*FAULTS, *NO_PICKLES, *WARNINGS, *DELIVERED, *CONFINED, *CONTAINED, *TERMINAL, *PLATFORM])
        self.assertEqual(sorted(path.stem for path in FOLDER.glob("*.py")), rows)

    def test_every_file_says_what_it_does(self) -> None:
        for path in FOLDER.glob("*.py"):
            with self.subTest(path.stem):
                self.assertRegex(path.read_text(), r'\A"""[^\n]+\."""\n')


Test = Callable[[BrokenModels], None]


def fails(name: str, row: Fault, strict: bool = False) -> Test:
    def test(case: BrokenModels) -> None:
        case.check_fault(result_of(name, strict), row)
        case.check_example(name, result_of(name, strict).run)

    return test


def warns(name: str, row: Warned) -> Test:
    return lambda case: case.check_warned(result_of(name), row)


def fails_if_strict(name: str, row: Warned) -> Test:
    return fails(name, Fault(row.code, row.says), strict=True)


def delivers(name: str, row: Delivered) -> Test:
    return lambda case: case.check_delivered(result_of(name), row)


def tests_of(name: str, row: Fault | Warned | Delivered) -> dict[str, Test]:
    """The tests of a row, by name."""
    if isinstance(row, Fault):
        return {f"test_{name}_fails_with_{row.code.label}": fails(name, row)}
    if isinstance(row, Delivered):
        return {f"test_{name}_delivers_predictions": delivers(name, row)}
    return {
        f"test_{name}_warns_of_{row.code.label}": warns(name, row),
        f"test_{name}_fails_with_{row.code.label}_if_strict": fails_if_strict(name, row),
    }


def add_tests(case: type[BrokenModels], table: Mapping[str, Fault | Warned | Delivered]) -> None:
    """Give the class the tests of all rows."""
    for name, row in table.items():
        for title, test in tests_of(name, row).items():
            setattr(case, title, test)


add_tests(FaultyModels, FAULTS)
add_tests(OtherFiles, NO_PICKLES)
add_tests(DoubtfulModels, WARNINGS)
add_tests(StrangeModels, DELIVERED)
add_tests(ConfinedModels, CONFINED)

if __name__ == "__main__":
    unittest.main()
