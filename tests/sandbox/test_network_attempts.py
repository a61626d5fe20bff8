"""network_attempts.py: which exceptions come out of the very call that tried the network, and which beside it."""

import unittest
from collections.abc import Callable
from typing import Any

from numerai_predict.sandbox.network_attempts import MAX_CALLS, NetworkAttempts

LIBRARY = """
def ask(note):
    try:
        send(note)
    except OSError:
        pass
    return {}["data"]
def send(note):
    note("numer.ai")
    raise OSError
def ping(note):
    try:
        send(note)
    except OSError:
        pass
def call(function, *arguments):
    return function(*arguments)
def parse():
    return {}["data"]
def ask_and_parse(note):
    ping(note)
    return parse()
"""
USER = """
def predict(library, note):
    library["ask"](note)
def predict_after_a_ping(library, note):
    library["ping"](note)
    1 / 0
def download(library, note):
    library["ping"](note)
def predict_after_a_download(library, note):
    download(library, note)
    library["parse"]()
def predict_in_a_callback(library, note):
    library["call"](predict_after_a_ping, library, note)
def predict_by_a_helper(library, note):
    library["ask_and_parse"](note)
def predict_twice(library, note):
    for _ in range(2):
        try:
            library["send"](note)
        except OSError as error:
            last = error
    raise last
"""


def module(source: str, file: str) -> dict[str, Any]:
    """The globals of a module with that source, as of a file that is not there."""
    found: dict[str, Any] = {}
    exec(compile(source, file, "exec"), found)
    return found


class NetworkAttemptsTest(unittest.TestCase):
    def setUp(self) -> None:
        self.attempts = NetworkAttempts()

    def behind(self, name: str, user: str = "/home/me/train.py") -> list[str]:
        """The hosts behind the exception of that function of the user's."""
        library = module(LIBRARY, "/venv/lib/python3.11/site-packages/library.py")
        return self.behind_call(module(USER, user)[name], library, self.attempts.note)

    def behind_call(self, call: Callable[..., object], *arguments: object) -> list[str]:
        try:
            call(*arguments)
        except Exception as error:
            return self.attempts.behind(error.__traceback__)
        raise AssertionError("nothing was raised")

    def test_exception_of_the_library_that_swallowed_the_failure_has_its_host_behind(self) -> None:
        self.assertEqual(self.behind("predict"), ["numer.ai"])

    def test_exception_of_a_helper_of_that_library_has_its_host_behind(self) -> None:
        self.assertEqual(self.behind("predict_by_a_helper"), ["numer.ai"])

    def test_exception_of_the_user_beside_the_call_has_nothing_behind(self) -> None:
        for name in ("predict_after_a_ping", "predict_after_a_download"):
            with self.subTest(name):
                self.assertEqual(self.behind(name), [])
        self.assertEqual(self.attempts.hosts, ["numer.ai"])

    def test_library_that_called_the_user_who_swallowed_the_failure_does_not_count(self) -> None:
        self.assertEqual(self.behind("predict_in_a_callback"), [])

    def test_exception_that_is_caught_and_raised_later_has_its_host_behind(self) -> None:
        self.assertEqual(self.behind("predict_twice"), ["numer.ai"])
        self.assertEqual(self.attempts.hosts, ["numer.ai"])

    def test_model_that_is_a_function_of_a_library_has_its_host_behind(self) -> None:
        library = module(LIBRARY, "/usr/lib/python3/dist-packages/library.py")
        self.assertEqual(self.behind_call(library["ask"], self.attempts.note), ["numer.ai"])

    def test_attempts_without_end_are_not_all_kept(self) -> None:
        library = module("\n".join(f"def f{n}(note): note('a')" for n in range(MAX_CALLS * 2)), "/site-packages/y.py")
        for name in [name for name in library if name.startswith("f")]:
            library[name](self.attempts.note)
        self.assertLess(len(self.attempts._calls), MAX_CALLS + 200)


if __name__ == "__main__":
    unittest.main()
