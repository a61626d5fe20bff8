"""Faces of rooms that import what is asked for, and no more: of most rooms, neither process of a run needs all."""

import importlib
import sys
from collections.abc import Callable, Mapping
from typing import Any


def on_demand(room: str, modules: Mapping[str, str]) -> Callable[[str], Any]:
    """The `__getattr__` of a room (https://peps.python.org/pep-0562/) whose modules have the names that follow
    them, with spaces between.
    """
    homes = {name: module for module, names in modules.items() for name in names.split()}

    def get(name: str) -> Any:
        if name not in homes:
            raise AttributeError(f"module {room!r} has no attribute {name!r}")
        value = getattr(importlib.import_module(f"{room}.{homes[name]}"), name)
        # A module may have the name of a function in it, and would be found in its place from now on.
        setattr(sys.modules[room], name, value)
        return value

    return get
