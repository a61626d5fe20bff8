"""Pickles made of random opcodes that are valid where they stand: a rough model of the unpickler keeps account."""

import struct
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

# As module:attribute.
HOSTILE_NAMES = (
    *("builtins:exec", "builtins:eval", "builtins:getattr", "builtins:__import__", "builtins:type", "builtins:list"),
    *("builtins:frozenset", "__builtin__:bytes", "os:system", "posix:mkdir", "subprocess:Popen", "__main__:Model"),
    *("cloudpickle.cloudpickle:_builtin_type", "cloudpickle.cloudpickle:_make_function", "types:CodeType"),
    *("cloudpickle.cloudpickle:_function_setstate", "cloudpickle.cloudpickle_fast:_class_setstate"),
    *("cloudpickle.cloudpickle:subimport", "cloudpickle.cloudpickle:_make_skeleton_class", "types:MethodType"),
    *("dill._dill:_create_function", "functools:partial", "_codecs:encode", "copyreg:add_extension"),
    *("copy_reg:_reconstructor", "copyreg:__newobj_ex__", "numpy._core.multiarray:_reconstruct", "numpy:dtype"),
    *("pandas.core.frame:DataFrame", "torch._utils:_rebuild_tensor_v2", "sklearn.linear_model._base:Ridge"),
    *("lightgbm.basic:Booster", "xgboost.core:Booster", "catboost.core:CatBoost", "wave:open", "xmlrpc.client:Fault"),
    *("this:s", "a.b:c.d"),
)
# What can be loaded, called and given any state without an effect on anything else.
HARMLESS_NAMES = (
    *("builtins:list", "builtins:dict", "builtins:set", "builtins:frozenset", "builtins:bytearray", "builtins:complex"),
    *("builtins:range", "__builtin__:object", "copy_reg:_reconstructor", "collections:OrderedDict"),
    *("collections:deque", "functools:partial", "decimal:Decimal", "fractions:Fraction", "datetime:date"),
    *("operator:itemgetter",),
)
HOSTILE_STRINGS = (
    *("CodeType", "json", "os", "__class__", "__wrapped__", "__call__", "_sklearn_version", "handle", "latin1"),
    "\udc80",
)
HARMLESS_STRINGS = ("a", "prediction", "1/2", "")
ATOMS = [b"N", b"\x88", b"I01\n", b"I12\n", b"L5L\n", b"F1.5\n", b"K\x07", b"M\xff\xff", b"J\xff\xff\xff\xff"]
ATOMS += [b"\x8a\x02\xff\x7f", b"\x8b\x01\0\0\0\x7f", b"G?\xf0" + bytes(6), b"C\x03abc", b"B\x01\0\0\0x"]
HASHABLE = {"atom", "callable"}


@dataclass(frozen=True)
class Move:
    """An opcode with its argument: how much of the stack it takes, and the kind of what it pushes, if anything.

    `index` is the place in the memo that it writes to.
    """

    code: bytes
    takes: int = 0
    gives: str = ""
    index: int | None = None


def assemble(choices: Sequence[int], names: Sequence[str], strings: Sequence[str], protocol: int = 4) -> bytes:
    """A whole pickle, of moves that are valid where they stand: each number chooses one."""
    stack: list[str] = []
    memo: dict[int, str] = {}
    literals = list(literal_moves(names, strings))
    stream = [b"\x80" + bytes([protocol])] if protocol >= 2 else []
    for choice in choices:
        moves = [literals, list(folding_moves(stack)), list(marked_moves(stack)), list(memo_moves(stack, memo))]
        groups = [group for group in moves if group]
        group = groups[choice % len(groups)]
        stream.append(apply(group[choice // len(groups) % len(group)], stack, memo))
    while len(stack) != 1 or stack == ["mark"]:
        stream.append(apply(closing_move(stack), stack, memo))
    return b"".join((*stream, b"."))


def apply(move: Move, stack: list[str], memo: dict[int, str]) -> bytes:
    if move.index is not None:
        memo[move.index] = stack[-1]
    del stack[len(stack) - move.takes :]
    stack += [move.gives] if move.gives else []
    return move.code


def closing_move(stack: list[str]) -> Move:
    if not stack:
        return Move(b"N", 0, "atom")
    if "mark" in stack:
        return Move(b"t", len(above_mark(stack)) + 1, "tuple")
    return Move(b"\x86", 2, "tuple")


def literal_moves(names: Sequence[str], strings: Sequence[str]) -> Iterator[Move]:
    for kind, code in {"mark": b"(", "list": b"]", "dict": b"}", "tuple": b")", "set": b"\x8f"}.items():
        yield Move(code, 0, kind)
    yield from (Move(code, 0, "atom") for code in ATOMS)
    for text in strings:
        encoded = text.encode("utf-8", "surrogatepass")
        yield Move(b"\x8c" + bytes([len(encoded)]) + encoded, 0, "atom")
        yield Move(b"X" + struct.pack("<I", len(encoded)) + encoded, 0, "atom")
    for name in names:
        module, _, attribute = name.partition(":")
        yield Move(f"c{module}\n{attribute}\n".encode(), 0, "callable")
        yield Move(f"(i{module}\n{attribute}\n".encode(), 0, "callable")
        texts = (b"\x8c" + bytes([len(text)]) + text.encode() for text in (module, attribute))
        yield Move(b"".join(texts) + b"\x93", 0, "callable")


def folding_moves(stack: list[str]) -> Iterator[Move]:
    """Those that take a fixed number of values from the stack."""
    top = above_mark(stack)
    for count in range(1, min(3, len(top)) + 1):
        yield Move(bytes([0x84 + count]), count, "tuple")
    if top:
        yield Move(b"0", 1)
        yield Move(b"2", 0, top[-1])
    match top:
        case [*_, "callable" | "list", _]:
            yield Move(b"a", 1)
    match top:
        case [*_, "callable" | "dict", key, _] if key in HASHABLE:
            yield Move(b"s", 2)
    match top:
        case [*_, "callable", "tuple"]:
            yield from (Move(code, 2, "callable") for code in (b"R", b"\x81"))
        case [*_, "callable", "tuple", "dict"]:
            yield Move(b"\x92", 3, "callable")
    match top:
        case [*_, "callable", _]:
            yield Move(b"b", 1)


def marked_moves(stack: list[str]) -> Iterator[Move]:
    """Those that take all down to the last mark, and a container below it."""
    if "mark" not in stack:
        return
    items = above_mark(stack)
    count = len(items) + 1
    below = stack[-count - 1] if len(stack) > count else ""
    pairs = len(items) % 2 == 0 and HASHABLE.issuperset(items[::2])
    yield from (Move(code, count, kind) for code, kind in ((b"t", "tuple"), (b"l", "list"), (b"1", "")))
    if pairs:
        yield Move(b"d", count, "dict")
    if HASHABLE.issuperset(items):
        yield Move(b"\x91", count, "atom")
    if below in {"list", "callable"}:
        yield Move(b"e", count)
    if below in {"dict", "callable"} and pairs:
        yield Move(b"u", count)
    if below in {"set", "callable"} and HASHABLE.issuperset(items):
        yield Move(b"\x90", count)
    if items and items[0] == "callable":
        yield Move(b"o", count, "callable")


def memo_moves(stack: list[str], memo: dict[int, str]) -> Iterator[Move]:
    if above_mark(stack):
        place = len(memo) * 37 % 256
        yield Move(b"\x94", index=len(memo))
        yield Move(b"q" + bytes([place]), index=place)
        yield Move(b"p%d\n" % place, index=place)
        yield Move(b"r" + struct.pack("<I", place + 300), index=place + 300)
    for place, kind in list(memo.items())[-4:]:
        yield Move(b"g%d\n" % place, 0, kind)
        yield Move(b"j" + struct.pack("<I", place), 0, kind)


def above_mark(stack: list[str]) -> list[str]:
    return stack[len(stack) - stack[::-1].index("mark") :] if "mark" in stack else stack
