"""What a fork renews that it has from the process that it was forked from."""

import functools
import sys
import unittest
from collections.abc import Callable
from types import ModuleType
from unittest import mock

from numerai_predict.child.template import REMEMBERED_FOLDERS, begin_anew


def remembering(function: Callable[[], str]) -> Callable[[], str]:
    """As matplotlib 3.10 decorates its functions: what it remembers cannot be cleared."""
    found: list[str] = []

    @functools.wraps(function)
    def look_up() -> str:
        if not found:
            found.append(function())
        return found[0]

    return look_up


class BeginAnewTest(unittest.TestCase):
    def test_folders_are_looked_up_again_however_matplotlib_remembers_them(self) -> None:
        for decorate in (remembering, functools.cache, lambda function: function):
            with self.subTest(decorate):
                self.check_forgotten(decorate)

    def check_forgotten(self, decorate: Callable[[Callable[[], str]], Callable[[], str]]) -> None:
        folders = ["the template's", "the fork's"]
        names = [name for _, name in REMEMBERED_FOLDERS]
        matplotlib = ModuleType("matplotlib")
        vars(matplotlib).update({name: decorate(lambda: folders[0]) for name in names})
        with mock.patch.dict(sys.modules, {"matplotlib": matplotlib}):
            self.assertEqual({"the template's"}, {getattr(matplotlib, name)() for name in names})
            begin_anew()
            del folders[0]
            self.assertEqual({"the fork's"}, {getattr(matplotlib, name)() for name in names})


if __name__ == "__main__":
    unittest.main()
