"""user_name.py: the names of this process's user and group, whether the system has them or not."""

import getpass
import grp
import os
import pwd
import unittest
from collections.abc import Callable
from typing import Any
from unittest import mock

from numerai_predict.sandbox.user_name import name_of, name_user

# Nobody has it: it is beyond those of the models.
NOBODYS = 60_123
FUNCTIONS = ((pwd, ("getpwuid", "getpwnam", "getpwall")), (grp, ("getgrgid", "getgrnam", "getgrall")))


class UserNameTest(unittest.TestCase):
    def setUp(self) -> None:
        for module, names in FUNCTIONS:
            for name in names:
                self.patch(mock.patch.object(module, name, getattr(module, name)))

    def patch(self, patch: Any) -> None:
        patch.start()
        self.addCleanup(patch.stop)

    def name_user(self, user: int, group: int, name: str) -> None:
        """Do so in a process with those numbers, whose environment has that name."""
        environment = {"USER": name, "LOGNAME": name, "HOME": "/private"}
        self.patch(mock.patch.dict(os.environ, environment))
        self.patch(mock.patch("os.getuid", return_value=user))
        self.patch(mock.patch("os.getgid", return_value=group))
        name_user()

    def test_user_without_an_entry_is_found_by_number_and_by_name(self) -> None:
        self.name_user(NOBODYS, NOBODYS, name_of(NOBODYS))
        entry = pwd.getpwuid(NOBODYS)
        self.assertEqual(("model", NOBODYS, NOBODYS, "/private"), (entry[0], *entry[2:4], entry.pw_dir))
        self.assertEqual(entry, pwd.getpwnam("model"))
        self.assertEqual("model", getpass.getuser())
        self.assertEqual("/private/cache", os.path.expanduser("~model/cache"))
        group = grp.getgrgid(NOBODYS)
        self.assertEqual(("model", NOBODYS, []), (group.gr_name, group.gr_gid, group.gr_mem))
        self.assertEqual(group, grp.getgrnam("model"))
        self.assertIn(entry, pwd.getpwall())
        self.assertIn(group, grp.getgrall())

    def test_others_are_found_as_before_or_not_at_all(self) -> None:
        root = pwd.getpwuid(0), grp.getgrgid(0)
        self.name_user(NOBODYS, NOBODYS, "model")
        self.assertEqual(root, (pwd.getpwuid(0), grp.getgrgid(0)))
        lookups: tuple[tuple[Callable[[Any], object], object], ...] = (
            *((pwd.getpwuid, NOBODYS + 1), (pwd.getpwnam, "someone"), (grp.getgrgid, NOBODYS + 1)),
            *((grp.getgrnam, "someone"), (pwd.getpwuid, -1)),
        )
        for look_up, key in lookups:
            with self.subTest(key), self.assertRaises(KeyError):
                look_up(key)
        with self.assertRaises(TypeError):
            pwd.getpwuid("model")  # type: ignore[arg-type]

    def test_user_with_an_entry_keeps_it_and_its_group_gets_one(self) -> None:
        root, everybody = pwd.getpwuid(0), pwd.getpwall()
        self.name_user(0, NOBODYS, name_of(0))
        self.assertEqual((root, root, everybody), (pwd.getpwuid(0), pwd.getpwnam(root.pw_name), pwd.getpwall()))
        self.assertEqual(root.pw_name, getpass.getuser())
        self.assertEqual(root.pw_name, grp.getgrgid(NOBODYS).gr_name)


if __name__ == "__main__":
    unittest.main()
