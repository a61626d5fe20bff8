"""The name of the model's user: a number that nobody has an entry for is what most containers give it."""

import functools
import grp
import os
import pwd
from collections.abc import Callable
from typing import Any

NAME = "model"
SHELL = "/usr/sbin/nologin"


def name_of(user: int) -> str:
    """The name of the user as the system knows it, or the one that `name_user` gives it."""
    try:
        return pwd.getpwuid(user).pw_name
    except KeyError:
        return NAME


def name_user() -> None:
    """Let Python's own look-ups find this process's user and group where the system has no entry for them: by the name
    and with the home that the environment has for them.

    Programs and native code, which ask the system, find none; nor do interpreters that are started anew.
    """
    name, home = os.environ["USER"], os.environ["HOME"]
    user, group = os.getuid(), os.getgid()
    user_entry = pwd.struct_passwd((name, "x", user, group, "", home, SHELL))
    group_entry = grp.struct_group((name, "x", group, []))
    _complete(pwd, "getpwuid", "getpwnam", "getpwall", user, name, user_entry)
    _complete(grp, "getgrgid", "getgrnam", "getgrall", group, name, group_entry)


def _complete(module: Any, by_number: str, by_name: str, all_of_them: str, number: int, name: str, entry: Any) -> None:
    """Let the functions of pwd or grp know the entry too, unless they have one of that number."""
    try:
        getattr(module, by_number)(number)
    except KeyError:
        setattr(module, by_number, _knowing(getattr(module, by_number), number, entry))
        setattr(module, by_name, _knowing(getattr(module, by_name), name, entry))
        list_all = getattr(module, all_of_them)
        setattr(module, all_of_them, functools.wraps(list_all)(lambda: [*list_all(), entry]))


def _knowing(look_up: Callable[[Any], Any], key: int | str, entry: Any) -> Callable[[Any], Any]:
    """The same, but that it finds the entry by the key where the system has none."""

    @functools.wraps(look_up)
    def find(asked: Any) -> Any:
        try:
            return look_up(asked)
        except KeyError:
            if asked == key:
                return entry
            raise

    return find
