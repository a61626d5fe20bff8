"""model_log.py: what the logging of a model shows, in processes whose logging is set up as a model's is."""

import logging
import re
import subprocess
import sys
import textwrap
import unittest

from tests.harness import ROOT

PROLOGUE = f"""
import io, logging, os, sys, types
sys.path.insert(0, {str(ROOT)!r})
from numerai_predict.child.model_log import show_log
show_log(int(sys.argv[1]))
mine = logging.getLogger("mine")
"""
TIME = re.compile(r"(?m)^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d,\d{3} ")
ON_ROOT = "logging.getLogger().addHandler"


def shown(program: str, level: int = logging.INFO) -> list[str]:
    """What the program prints, `time ` for the time of a line."""
    command = [sys.executable, "-c", PROLOGUE + textwrap.dedent(program), str(level)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    return TIME.sub("time ", done.stdout + done.stderr).splitlines()


class ShowLogTest(unittest.TestCase):
    def check(self, expected: list[str], program: str, level: int = logging.INFO) -> None:
        with self.subTest(program):
            self.assertEqual(expected, shown(program, level))

    def test_records_of_all_loggers_are_shown_from_the_level_on(self) -> None:
        said = "logging.debug('a'); logging.info('b'); mine.debug('c'); mine.info('d'); mine.getChild('x').error('e')"
        lines = ["time DEBUG root: a", "time INFO root: b", "time DEBUG mine: c", "time INFO mine: d"]
        self.check([*lines[1::2], "time ERROR mine.x: e"], said)
        self.check([*lines, "time ERROR mine.x: e"], said, logging.DEBUG)

    def test_record_with_an_exception_shows_it(self) -> None:
        lines = shown("try: 1 / 0\nexcept ZeroDivisionError: logging.exception('failed')")
        self.assertEqual(("time ERROR root: failed", "ZeroDivisionError: division by zero"), (lines[0], lines[-1]))

    def test_basic_config_has_its_format_and_level_and_shows_each_record_once(self) -> None:
        for options, expected in (
            ("level=logging.WARNING", ["WARNING:mine:b"]),
            ("format='%(message)s!'", ["a!", "b!"]),
            ("force=True, level=logging.DEBUG", ["INFO:mine:a", "WARNING:mine:b", "DEBUG:root:c"]),
            ("stream=sys.stdout, format='%(message)s'", ["a", "b"]),
            ("handlers=[logging.StreamHandler(sys.stdout)], format='%(message)s'", ["a", "b"]),
        ):
            self.check(
                expected, f"logging.basicConfig({options}); mine.info('a'); mine.warning('b'); logging.debug('c')"
            )
        once_more = "logging.basicConfig(format='1 %(message)s'); logging.basicConfig(format='2 %(message)s')"
        self.check(["1 a"], f"{once_more}; mine.info('a')")

    def test_basic_config_that_fails_is_passed_over_with_a_warning_unless_it_is_forced(self) -> None:
        nowhere = "filename='/no/such/folder/log'"
        failed, said = shown(f"logging.basicConfig({nowhere}); mine.info('a')")
        self.assertIn("WARNING root: logging.basicConfig failed; on the platform it does nothing: FileNotFound", failed)
        self.assertEqual("time INFO mine: a", said)
        forced = f"try: logging.basicConfig({nowhere}, force=True)\nexcept OSError: print('raised')"
        self.check(["raised", "time INFO mine: a"], f"{forced}\nmine.info('a')")

    def test_record_that_a_handler_of_the_models_prints_is_shown_once(self) -> None:
        for add in (
            "mine.addHandler(logging.StreamHandler())",
            "mine.addHandler(logging.StreamHandler(sys.stdout))",
            "mine.addHandler(logging.FileHandler('/dev/stderr'))",
            "mine.addHandler(logging.FileHandler('/dev/stdout', delay=True))",
            "mine.parent.addHandler(logging.StreamHandler())",
            f"{ON_ROOT}(logging.StreamHandler())",
            "printer = logging.Handler(); printer.emit = lambda record: print(record.msg); "
            "printer.console = types.SimpleNamespace(file=sys.stdout); mine.addHandler(printer)",
        ):
            self.check(["a"], f"{add}; mine.info('a')")

    def test_record_that_goes_elsewhere_or_nowhere_is_shown(self) -> None:
        for add in (
            "mine.addHandler(logging.NullHandler())",
            "mine.addHandler(logging.FileHandler(os.devnull))",
            "mine.addHandler(logging.StreamHandler(io.StringIO()))",
            f"{ON_ROOT}(logging.NullHandler())",
            f"{ON_ROOT}(logging.FileHandler(os.devnull))",
            "logging.basicConfig(filename=os.devnull)",
            "quiet = logging.StreamHandler(); quiet.setLevel(logging.ERROR); mine.addHandler(quiet)",
            "sys.stderr = io.StringIO()",
            "from logging import config; config.dictConfig(dict(version=1, disable_existing_loggers=False))",
            "logging.root.handlers[0].setLevel(logging.INFO)",
            "os.fork() and os.wait() and os._exit(0)",
        ):
            self.check(["time INFO mine: a"], f"{add}; mine.info('a')")

    def test_record_that_the_model_wants_nobody_to_see_is_not_shown(self) -> None:
        for silence in (
            "logging.disable(logging.CRITICAL)",
            "mine.propagate = False",
            "mine.setLevel(logging.ERROR)",
            "logging.getLogger().setLevel(logging.ERROR)",
            "logging.getLogger().handlers.clear()",
        ):
            self.check([], f"{silence}; mine.info('a')")

    def test_what_libraries_log_as_debug_is_not_shown_unless_the_model_prints_it(self) -> None:
        said = "logging.getLogger('numba.core').debug('a'); logging.getLogger('numba').info('b')"
        self.check(["time INFO numba: b"], said, logging.DEBUG)
        self.check(["a", "b"], f"logging.basicConfig(format='%(message)s'); {said}", logging.DEBUG)


if __name__ == "__main__":
    unittest.main()
