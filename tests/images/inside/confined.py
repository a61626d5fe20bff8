"""Runs test_packages.py in the image, confined as a model is, for every package has to work there.

Confined is all but the tests that talk to a server of their own on loopback, which no model can; those run after it.
"""

import os
import sys
import unittest
from collections.abc import Iterator
from pathlib import Path
from typing import NoReturn

sys.path.append("/")

from numerai_predict.sandbox import ChildChannel, ExecLauncher, Limits, Outcome, Supervisor, Task, confine, fork_program

# The child's environment is the model's, which has nothing of the tests.
CHILD_MODE = "--child"
TIME_LIMIT_S = 900
# wandb has a server too, in another process, which it finds over TCP.
ON_LOOPBACK = {"test_tornado_request_is_answered", "test_wandb_offline_run_is_recorded"}


def run_confined() -> Outcome:
    argv = [sys.executable, __file__, CHILD_MODE, os.environ["WITH_TORCH"]]
    limits = Limits(wall_s=TIME_LIMIT_S, memory_bytes=4 << 30)
    return Supervisor(ExecLauncher(argv), limits, Task(), stdout=sys.stdout.buffer, stderr=sys.stderr.buffer).run()


def child() -> NoReturn:
    reaper = fork_program(int(sys.argv[3]), int(sys.argv[4]) if sys.argv[4] else None)
    os.environ["WITH_TORCH"] = sys.argv[2]
    channel = ChildChannel.from_stdin()
    terms, _ = channel.terms()
    broken = confine(terms, reaper)
    if broken:
        print("This is no confinement:", broken, file=sys.stderr)
        os._exit(2)
    sys.exit(0 if run_tests(on_loopback=False) else 1)


def run_tests(on_loopback: bool) -> bool:
    found = unittest.defaultTestLoader.discover(str(Path(__file__).parent), "test_packages.py")
    suite = unittest.TestSuite(test for test in single(found) if needs_loopback(test) == on_loopback)
    return unittest.TextTestRunner().run(suite).wasSuccessful()


def needs_loopback(test: unittest.TestCase) -> bool:
    return any(base.__name__ == "ServedTestCase" for base in type(test).__mro__) or test._testMethodName in ON_LOOPBACK


def single(suite: unittest.TestSuite) -> Iterator[unittest.TestCase]:
    for test in suite:
        if isinstance(test, unittest.TestSuite):
            yield from single(test)
        elif test is not None:
            yield test


if __name__ == "__main__":
    if sys.argv[1:2] == [CHILD_MODE]:
        child()
    outcome = run_confined()
    if outcome.status != 0 or outcome.stopped:
        sys.exit(f"Confined, the tests ended with status {outcome.status} ({outcome.stopped}).\n{outcome.trace}")
    sys.exit(0 if run_tests(on_loopback=True) else 1)
