"""Print this interpreter's line of numerai_predict/inspection/opcodes.json.

Usage: python3.12 .ci/opcode_table.py
Runs under CPython 3.8 and later. A new version's line goes into the file, and its number into VERSIONS of bytecode.py.
"""

from __future__ import annotations

import json
import opcode
import sys
from typing import Any

# Opcodes that the interpreter writes into running code, or keeps to itself: no compiler's output has them.
INTERNAL = ("CACHE", "RESERVED", "ENTER_EXECUTOR", "INTERPRETER_EXIT", "EXIT_INIT_CHECK")
# Where the argument holds flags below the index into co_names, how many bits they take, and since when:
# https://docs.python.org/3/library/dis.html
FLAG_BITS = {"LOAD_GLOBAL": (1, (3, 11)), "LOAD_ATTR": (1, (3, 12)), "LOAD_SUPER_ATTR": (2, (3, 12))}


def operations(opcodes: Any, version: str) -> dict[str, list[Any]]:
    """Each opcode that a compiler writes: its number, how many cache entries follow it, what its argument points to,
    and the bits of flags below that; what is 0 or empty at the end of a list is left out.
    """
    return {
        name: _without_tail([number, _caches(opcodes, name), _target(opcodes, name), _flag_bits(name, version)])
        for name, number in sorted(opcodes.opmap.items(), key=lambda item: item[1])
        if number < 256 and name not in INTERNAL and not name.startswith("INSTRUMENTED_")
    }


def _without_tail(entry: list[Any]) -> list[Any]:
    while not entry[-1]:
        entry.pop()
    return entry


def _caches(opcodes: Any, name: str) -> int:
    entries = getattr(opcodes, "_inline_cache_entries", {})  # By number up to 3.12; none before 3.11.
    return int(entries.get(name, 0) if isinstance(entries, dict) else entries[opcodes.opmap[name]])


def _target(opcodes: Any, name: str) -> str:
    number = opcodes.opmap[name]
    if number in opcodes.hasjabs:
        return "absolute"
    if number in opcodes.hasjrel:
        # END_ASYNC_FOR has a target from 3.14 on, behind it: Lib/dis.py, _is_backward_jump.
        return "backward" if "BACKWARD" in name or name == "END_ASYNC_FOR" else "forward"
    if name.count("_FAST") == 2:
        return ""  # Two indexes in one argument.
    kinds = {"const": opcodes.hasconst, "name": opcodes.hasname, "local": opcodes.haslocal, "free": opcodes.hasfree}
    return next((kind for kind, numbers in kinds.items() if number in numbers), "")


def _flag_bits(name: str, version: str) -> int:
    bits, since = FLAG_BITS.get(name, (0, (3, 0)))
    major, minor = version.split(".")
    return bits if (int(major), int(minor)) >= since else 0


if __name__ == "__main__":
    running = f"{sys.version_info.major}.{sys.version_info.minor}"
    print(json.dumps(running) + ": " + json.dumps(operations(opcode, running), separators=(",", ":")))
