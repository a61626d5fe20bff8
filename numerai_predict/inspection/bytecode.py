"""Which Python compiled a function, and what the function imports, from the arguments that make its code object.

No code object is made of them, and nothing runs: one Python's bytecode in another ends in a crash or a wrong result.
"""

import json
from bisect import bisect_right
from collections.abc import Iterator
from dataclasses import dataclass, fields
from functools import cache
from itertools import pairwise
from operator import attrgetter
from pathlib import Path
from typing import Any, NamedTuple

VERSIONS = ("3.8", "3.9", "3.10", "3.11", "3.12", "3.13", "3.14")

# What types.CodeType takes, in this order: https://github.com/python/cpython/blob/main/Objects/clinic/codeobject.c.h
_KINDS: dict[str, type] = {
    **dict.fromkeys(("argcount", "posonly", "kwonly", "nlocals", "stacksize", "flags"), int),
    **{"code": bytes, "consts": tuple, "names": tuple, "varnames": tuple, "filename": str, "name": str},
    **{"qualname": str, "firstlineno": int, "linetable": bytes, "exceptiontable": bytes},
    **{"freevars": tuple, "cellvars": tuple},
}
# What an older Python has none of.
_ABSENT = {"posonly": 0, "qualname": "", "exceptiontable": b""}
_PARAMETERS = {
    15: [name for name in _KINDS if name not in _ABSENT],
    16: [name for name in _KINDS if name not in ("qualname", "exceptiontable")],
    18: list(_KINDS),
}
_PYTHONS = {15: frozenset({"3.7"}), 16: frozenset(VERSIONS[:3]), 18: frozenset(VERSIONS[3:])}

# Flags of code objects: https://docs.python.org/3/library/inspect.html#code-objects-bit-flags
_VARARGS, _VARKEYWORDS = 4, 8
_MAX_INT = 2**31 - 1
_NAMES = ("names", "varnames", "freevars", "cellvars")

# A model's function has some thousand bytes; what lies behind so many is not looked at.
_MAX_CODE = 2**18
# An argument has four bytes: https://docs.python.org/3/library/dis.html#opcode-EXTENDED_ARG
_MAX_ARGUMENT = 2**32 - 1
_JUMPS = ("forward", "backward", "absolute")
_PROLOGUE = ("COPY_FREE_VARS", "MAKE_CELL", "RETURN_GENERATOR", "POP_TOP")
# The greatest steps forward and back in a table of lines, as unsigned bytes.
_FAR = (127, 129)
_BLOCKS = ("SETUP_FINALLY", "SETUP_WITH", "SETUP_ASYNC_WITH")


@dataclass(frozen=True, slots=True)
class CodeArguments:
    """The arguments of types.CodeType, of which there were `arity`, as far as they say something about the function.

    Of the constants only small integers are kept; all others are None.
    """

    arity: int
    argcount: int
    posonly: int
    kwonly: int
    flags: int
    code: bytes
    consts: tuple[int | None, ...]
    names: tuple[str, ...]
    varnames: tuple[str, ...]
    name: str
    linetable: bytes
    exceptiontable: bytes
    freevars: tuple[str, ...]
    cellvars: tuple[str, ...]

    @classmethod
    def from_arguments(cls, args: tuple[object, ...]) -> "CodeArguments":
        """The arguments may be anything; raises ValueError unless CPython 3.7 to 3.14 writes such."""
        if len(args) not in _PARAMETERS:
            raise ValueError(f"no Python makes a code object of {len(args)} arguments")
        given: dict[str, Any] = _ABSENT | dict(zip(_PARAMETERS[len(args)], args, strict=True))
        for name, kind in _KINDS.items():
            if type(given[name]) is not kind:
                raise ValueError(f"the {name} of a code object is not of type {kind.__name__}")
        if any(type(text) is not str for name in _NAMES for text in given[name]):
            raise ValueError("a name in a code object is not text")
        if any(not 0 <= given[name] <= _MAX_INT for name in ("argcount", "posonly", "kwonly", "flags")):
            raise ValueError("a code object has impossible counts")
        stars = bool(given["flags"] & _VARARGS) + bool(given["flags"] & _VARKEYWORDS)
        named = len(given["varnames"])
        if given["posonly"] > given["argcount"] or given["argcount"] + given["kwonly"] + stars > named:
            raise ValueError("a code object has more parameters than names for them")
        given["consts"] = tuple(item if type(item) is int and 0 <= item < 256 else None for item in given["consts"])
        return cls(arity=len(args), **{name: given[name] for name in _KEPT})


_KEPT = tuple(field.name for field in fields(CodeArguments) if field.name != "arity")


@dataclass(frozen=True, slots=True)
class Import:
    """A module as an import statement names it, and what it takes from it (`from a import b`); `guarded` where an
    exception of the import may be caught.
    """

    name: str
    guarded: bool
    names: tuple[str, ...] = ()


def writers(code: CodeArguments) -> frozenset[str]:
    """The versions of Python that may have compiled the code, never none: all that make code objects of so many
    arguments, where it is no compiler's. "3.7" means that version and everything older.

    Two versions are left where the function is the same in both, as most are in 3.8 and 3.9, and few small ones in 3.11
    and 3.12. Rules: https://docs.python.org/3/library/dis.html
    """
    possible = _PYTHONS[code.arity]
    likely = [version for version in possible if _begins_like(code, version)]
    if len(likely) > 1:
        likely = [version for version in likely if _is_valid(code, version)]
    return frozenset(likely) or possible


def imports(code: CodeArguments, version: str) -> list[Import]:
    """The modules that the code itself, not the functions within, imports by their full name, in order, if `version`
    compiled it; none for a version that is not among VERSIONS.

    A try counts as a guard whatever it catches (up to 3.10 its else and finally do, too), a with as well, and so does a
    table of exceptions that is unreadable.
    """
    if version not in VERSIONS:
        return []
    table = _table(version)
    found: list[tuple[int, str, list[str]]] = []
    taken: list[str] = []  # From the module that was imported last.
    level = fromlist = None  # What the two instructions ahead put on the stack.
    for start, operation, argument, _ in _instructions(code.code, table):
        name = code.names[argument] if argument < len(code.names) else ""
        if operation.name == "IMPORT_NAME":
            taken = []
            if not level and name:
                found.append((start, name, taken))
        elif operation.name == "IMPORT_FROM":
            taken.append(name)
        level, fromlist = fromlist, _loaded(code, operation, argument)
    if not found:
        return []
    guards = _handled(code, table) if code.arity == 18 else _blocks(code, table, version)
    return [Import(name, _find(guards, offset) is not None, _taken(name, names)) for offset, name, names in found]


def _taken(module: str, names: list[str]) -> tuple[str, ...]:
    """For `import a.b.c as d`, the compiler takes b from a, and c from that."""
    return () if names[:1] == module.split(".")[1:2] else tuple(names)


class _Operation(NamedTuple):
    """An opcode: how many cache entries follow it, what its argument points to, and the flags' bits below that."""

    name: str
    number: int
    caches: int = 0
    target: str = ""
    flag_bits: int = 0


_UNKNOWN = _Operation("", -1)


@cache
def _tables() -> dict[str, dict[str, list[Any]]]:
    tables: dict[str, dict[str, list[Any]]] = json.loads(Path(__file__).with_name("opcodes.json").read_bytes())
    return tables


@cache
def _table(version: str) -> list[_Operation]:
    """The version's opcodes, by their number."""
    table = [_UNKNOWN] * 256
    for name, entry in _tables()[version].items():
        operation = _Operation(name, *entry)
        table[operation.number] = operation
    return table


def _instructions(code: bytes, table: list[_Operation]) -> Iterator[tuple[int, _Operation, int, int]]:
    """Each instruction's offset, operation, argument, and the offset behind its cache entries, which may be behind the
    end of the code.
    """
    start = end = argument = 0
    last = min(len(code), _MAX_CODE) - 2
    while end <= last:
        operation = table[code[end]]
        argument = (argument << 8 | code[end + 1]) & _MAX_ARGUMENT
        end += 2 + 2 * operation.caches
        if operation.name != "EXTENDED_ARG":
            yield start, operation, argument, end
            start, argument = end, 0


def _begins_like(code: CodeArguments, version: str) -> bool:
    """What is quick to see: the table of lines in 3.10, the opcode RESUME 0 ahead of the function's body from 3.11."""
    if code.arity == 15:
        return True
    if code.arity == 16:
        return _has_lines_of_310(code) == (version == "3.10")
    for _, operation, argument, _ in _instructions(code.code, _table(version)):
        if operation.name not in _PROLOGUE:
            return operation.name == "RESUME" and argument == 0
    return False


def _has_lines_of_310(code: CodeArguments) -> bool:
    """Whether the line table covers all of the code, with no empty ranges but for steps over many lines:
    https://github.com/python/cpython/blob/3.10/Objects/lnotab_notes.txt

    Before, it got to where the last line begins (which is the end where unreachable lines follow), from an empty range.
    """
    sizes, steps = code.linetable[::2], code.linetable[1::2]
    if len(sizes) != len(steps) or sum(sizes) != len(code.code):
        return False
    return all(size or step in _FAR for size, step in zip(sizes, steps, strict=True))


def _is_valid(code: CodeArguments, version: str) -> bool:
    """Whether every instruction is one of this version's, with arguments in range, and jumps lead to instructions."""
    sizes = _sizes(code)
    starts, targets = set(), set()
    end = 0
    for start, operation, argument, end in _instructions(code.code, _table(version)):
        if operation is _UNKNOWN or argument >> operation.flag_bits >= sizes[operation.target]:
            return False
        if operation.caches and any(code.code[end - 2 * operation.caches : end]):
            return False
        starts.add(start)
        if operation.target in _JUMPS:
            targets.add(_jump(operation, argument, end, version))
    if end >= _MAX_CODE:
        return all(target in starts for target in targets if target < _MAX_CODE)
    return end == len(code.code) and targets <= starts


def _jump(operation: _Operation, argument: int, end: int, version: str) -> int:
    """Where the instruction jumps to."""
    distance = argument if version in ("3.8", "3.9") else 2 * argument
    if operation.target == "absolute":
        return distance
    return end + distance if operation.target == "forward" else end - distance


def _sizes(code: CodeArguments) -> dict[str, int]:
    """How many there are of what arguments point to."""
    local, free = len(code.varnames), len(code.cellvars) + len(code.freevars)
    if code.arity == 18:
        # All kinds of variables share one array from 3.11 on; a parameter in a cell is there but once.
        local = free = local + len(set(code.cellvars) - set(code.varnames)) + len(code.freevars)
    sizes = {"const": len(code.consts), "name": len(code.names), "local": local, "free": free}
    return sizes | dict.fromkeys(("", *_JUMPS), _MAX_ARGUMENT + 1)


def _loaded(code: CodeArguments, operation: _Operation, argument: int) -> int | None:
    """The small integer that the instruction puts on the stack, if it does."""
    if operation.name == "LOAD_SMALL_INT":
        return argument
    if operation.name == "LOAD_CONST" and argument < len(code.consts):
        return code.consts[argument]
    return None


def _blocks(code: CodeArguments, table: list[_Operation], version: str) -> list[range]:
    """The ranges of code, in order, from which exceptions get to an except or finally, or to the exit of a with: up to
    3.10, what is between the instruction that sets up a block and the handler. A nested one here ends as its outer.
    """
    blocks = [range(0)]
    for _, operation, argument, end in _instructions(code.code, table):
        if operation.name in _BLOCKS:
            blocks.append(range(end, max(_jump(operation, argument, end, version), blocks[-1].stop)))
    return blocks


def _handled(code: CodeArguments, table: list[_Operation]) -> list[range]:
    """The same from 3.11 on, where a table says what handles exceptions, and these handlers begin with PUSH_EXC_INFO.

    Others the compiler adds of its own, as around the body of a generator, to raise the exception once more; that gets
    to what is around the handler.
    """
    try:
        ranges, handlers = _exception_table(code.exceptiontable)
    except ValueError:
        return [range(len(code.code))]
    firsts = [table[code.code[handler]].name if handler < len(code.code) else "" for handler in handlers]
    catching = {index: True for index, first in enumerate(firsts) if first == "PUSH_EXC_INFO"}
    for index in range(len(ranges)):
        passed: list[int] = []
        outer: int | None = index
        while outer is not None and outer not in catching:
            catching[outer] = True  # Only a handler around itself, which no compiler writes, is met again as such.
            passed.append(outer)
            outer = _find(ranges, handlers[outer])
        catching.update(dict.fromkeys(passed, outer is not None and catching[outer]))
    return [covered for index, covered in enumerate(ranges) if catching[index]]


def _exception_table(data: bytes) -> tuple[list[range], list[int]]:
    """The ranges of code, in order, and for each the offset of its handler; raises ValueError if it is no such table:
    https://github.com/python/cpython/blob/3.11/Objects/exception_handling_notes.txt
    """
    numbers = list(_varints(data[:_MAX_CODE]))
    entries = zip(numbers[::4], numbers[1::4], numbers[2::4], numbers[3::4], strict=True)
    units = [(start, start + length, handler) for start, length, handler, _ in entries]
    if any(end > start for (_, end, _), (start, _, _) in pairwise(units)):
        raise ValueError("the table of exceptions is not in order")
    return [range(2 * start, 2 * end) for start, end, _ in units], [2 * handler for _, _, handler in units]


def _varints(data: bytes) -> Iterator[int]:
    """Numbers of 6 bits a byte, the first byte highest; bit 6 says that more bytes follow."""
    value = 0
    for byte in data:
        value = (value << 6 | byte & 63) & _MAX_ARGUMENT
        if not byte & 64:
            yield value
            value = 0


def _find(ranges: list[range], offset: int) -> int | None:
    """The index of the last range that begins at or ahead of the offset, if that has it."""
    index = bisect_right(ranges, offset, key=attrgetter("start")) - 1
    return index if index >= 0 and offset in ranges[index] else None
