"""bytecode.py: which Python compiled a function and what it imports, from the arguments of its code object."""

import json
import os
import pickle
import random
import shutil
import subprocess
import sys
import unittest
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import cache, wraps
from pathlib import Path
from typing import Any

from numerai_predict.inspection.bytecode import VERSIONS, CodeArguments, Import, imports, writers
from numerai_predict.inspection.model_signature import describe_model
from numerai_predict.inspection.stub_unpickler import Function
from tests.harness import ROOT

# Compiles the sources that it gets and some modules of its own library, and sends what makes their code objects.
PROGRAM = """
import os, pickle, sys, types

def arguments(code):
    constants = tuple(item if type(item) in (int, str) else None for item in code.co_consts)
    before = [code.co_argcount, code.co_posonlyargcount, code.co_kwonlyargcount, code.co_nlocals, code.co_stacksize]
    before += [code.co_flags, code.co_code, constants, code.co_names, code.co_varnames, "file.py", code.co_name]
    if sys.version_info < (3, 11):
        lines = code.co_linetable if sys.version_info >= (3, 10) else code.co_lnotab
        rest = [code.co_firstlineno, lines]
    else:
        rest = [code.co_qualname, code.co_firstlineno, code.co_linetable, code.co_exceptiontable]
    return (*before, *rest, code.co_freevars, code.co_cellvars)

def within(code):
    for item in code.co_consts:
        if isinstance(item, types.CodeType):
            yield arguments(item)
            yield from within(item)

def compiled(source):
    try:
        return list(within(compile(source, "file.py", "exec")))
    except SyntaxError:
        return None

sources, modules = pickle.load(sys.stdin.buffer)
library = []
for module in modules:
    with open(os.path.join(os.path.dirname(os.__file__), module + ".py"), "rb") as file:
        library += compiled(file.read())
result = {"cases": {source: compiled(source) for source in sources}, "library": library}
pickle.dump(result, sys.stdout.buffer, protocol=4)
"""
LIBRARY = (
    *("argparse", "asyncio/streams", "asyncio/tasks", "configparser", "contextlib", "csv", "dataclasses", "enum"),
    *("inspect", "pickle", "random", "statistics", "shutil", "tempfile", "typing", "unittest/mock"),
)
# Of a hundred functions in LIBRARY, how many at least only one version can have written.
UNIQUE = {"3.8": 10, "3.9": 25, "3.10": 100, "3.11": 80, "3.12": 90, "3.13": 100, "3.14": 100}

LOOP = """
def f(live_features):
    total = 0
    for name, column in live_features.items():
        if column is not None and total < 10:
            total += column.mean()
    return total
"""
TRY = """
def f(path):
    try:
        with open(path) as file:
            return file.read()
    except (OSError, ValueError) as error:
        print(error)
        raise
    finally:
        print(path)
"""
CLOSURE = """
def f(x):
    def g(y):
        nonlocal x
        x += y
        return lambda: (x, y)
    return g
"""
GENERATOR = """
def f(x):
    y = yield x
    yield from y
    try:
        yield 1
    finally:
        print(x)
"""
COROUTINE = """
async def f(x):
    async with x as y:
        async for z in y:
            await z
    return 7
"""
CLASS = """
class A(B):
    x: int = 1
    def __init__(self):
        super().__init__()
        self.x = __class__
"""
MATCH = """
def f(x):
    match x:
        case {'a': [1, *_], **b}: return b
        case A(c=2) | None: return 3
"""
DEAD_LINES = "def f(x):\n    return x\n    print(x)\n"
LONG_DOCSTRING = 'def f(x):\n    """' + "line\n" * 300 + '"""\n    return x\n'
MANY = range(300)
KINDS = {
    "loop": LOOP,
    "try": TRY,
    "lines behind a return": DEAD_LINES,
    "long docstring": LONG_DOCSTRING,
    "nothing": "def f(): pass",
    "lambda": "f = lambda x: x + 1",
    "closure": CLOSURE,
    "parameter in a cell": "def f(x, *args):\n    return [lambda: (x, i, args) for i in x], {i: x for i in args}",
    "comprehensions": "def f(x):\n    return [a for b in x for a in b if a], {a for a in x}, (x + a for a in x)",
    "generator": GENERATOR,
    "coroutine": COROUTINE,
    "asynchronous generator": "async def f(x):\n    async for y in x:\n        yield [z async for z in y]",
    "class": CLASS,
    "unpacking": "def f(*args, **kw):\n    a, *b = args\n    return g(*b, **kw, a=1), {**kw}, [*a, *b], f'{a!r:>{b}}'",
    "match": MATCH,
    "jumps over more than a byte": "def f(x):\n    while x:\n" + "        x = x.next(x, 1)\n" * 300,
    "more names than a byte": "def f():\n" + "".join(f"    g{i}(1)\n" for i in MANY) + "    return g299.a.b",
    "more constants than a byte": "def f(x):\n" + "".join(f"    x += {i}.5\n" for i in MANY),
    "more variables than a byte": "def f(x):\n" + "".join(f"    v{i} = x\n" for i in MANY) + "    return v299",
    "more cells than a byte": "def f(x):\n"
    + "".join(f"    v{i} = x\n" for i in MANY)
    + f"    return lambda: [{','.join(f'v{i}' for i in MANY)}]",
}

PLAIN_IMPORTS = """
def f():
    import polars
    import numpy.linalg as la, os
    from a.b import c, d as e
"""
RELATIVE_IMPORTS = "def f():\n    from . import a\n    from ..b import c\n    import d\n    from .e import f as g"
TAKING_IMPORTS = """
def f():
    from google.cloud import bigquery, storage as files
    from . import own
    import google.cloud as cloud
    import a.b.c as d
    import numpy as np
    from x import y
"""
GUARDED_IMPORTS = """
def f():
    import ahead
    try:
        import tried
        for x in y:
            if x:
                import deep
    except ImportError:
        import fallback
    with suppress(ImportError):
        import suppressed
    try:
        try:
            import x
        except A:
            import outer
    finally:
        print()
    import behind
"""
GENERATOR_IMPORTS = """
def f():
    yield 1
    import plain
    try:
        import tried
    except ImportError:
        yield 2
    yield 3
"""
MANY_IMPORTS = "def f():\n" + "".join(f"    g{i}\n" for i in MANY) + "    from far import away\n    from .x import y"

PARAMETERS = {
    "def f(): pass": [],
    "def f(live_features, live_benchmark_models=None): pass": ["live_features", "live_benchmark_models"],
    "def f(a, b, /, c): pass": ["a", "b", "/", "c"],
    "def f(a, /): b = 1": ["a", "/"],
    "def f(a, *, b, c=1): d = 1": ["a", "*", "b", "c"],
    "def f(*args, **options): pass": ["*args", "**options"],
    "def f(a, b, /, c, *args, flag, **options): x = 1": ["a", "b", "/", "c", "*args", "flag", "**options"],
    "def f(*, a, **options): pass": ["*", "a", "**options"],
}
SOURCES = (
    *KINDS.values(),
    *(PLAIN_IMPORTS, TAKING_IMPORTS, RELATIVE_IMPORTS, GUARDED_IMPORTS, GENERATOR_IMPORTS, MANY_IMPORTS),
    *PARAMETERS,
)
TABLES = json.loads((ROOT / "numerai_predict/inspection/opcodes.json").read_text())
RUNNING = f"{sys.version_info.major}.{sys.version_info.minor}"
FOUR = ("3.11", "3.12", "3.13", "3.14")


def interpreters(version: str) -> Iterator[str]:
    """Where there may be one of the version: this one, pyenv's, and on the PATH."""
    if version == RUNNING:
        yield sys.executable
    pyenv = Path(os.environ.get("PYENV_ROOT", Path.home() / ".pyenv"))
    yield from map(str, pyenv.glob(f"versions/{version}.*/bin/python"))
    on_path = shutil.which(f"python{version}")
    if on_path:
        yield on_path


@cache
def compilers() -> dict[str, tuple[str, dict[str, Any]]]:
    """An interpreter of each version at hand, with what it made of SOURCES and LIBRARY."""
    request = pickle.dumps((SOURCES, LIBRARY), protocol=4)
    found = {}
    for version in VERSIONS:
        for python in interpreters(version):
            process = subprocess.run([python, "-c", PROGRAM], input=request, capture_output=True)
            if process.returncode != 127:  # Of what pyenv puts on the PATH for a version that is not the chosen one.
                process.check_returncode()
                found[version] = (python, pickle.loads(process.stdout))
                break
    return found


def compiled(version: str, source: str) -> list[CodeArguments]:
    """All code objects in the source but that of the module; none where the version does not know the syntax."""
    return [CodeArguments.from_arguments(args) for args in compilers()[version][1]["cases"][source] or ()]


def function(version: str, source: str) -> CodeArguments:
    return compiled(version, source)[0]


def parameters(code: CodeArguments) -> list[str] | None:
    return describe_model(Function(code, {})).parameters


def library(version: str) -> list[CodeArguments]:
    return [CodeArguments.from_arguments(args) for args in compilers()[version][1]["library"]]


def made(version: str, *instructions: tuple[str, int], **changes: Any) -> CodeArguments:
    """A function of the instructions, each with its caches."""
    table = TABLES[version]
    code = b""
    for name, argument in instructions:
        entry = table[name]
        code += bytes([entry[0], argument]) + bytes(2 * entry[1] if len(entry) > 1 else 0)
    arity = 18 if version in FOUR else 16
    plain = CodeArguments(arity, 0, 0, 0, 0, code, (None, None), ("a", "b"), ("x", "y"), "f", b"", b"", (), ())
    return replace(plain, **changes)


def under(*versions: str) -> Callable[[Callable[[Any, str], None]], Callable[[Any], None]]:
    """Give a test each of the versions that are at hand, in a subtest."""

    def decorated(test: Callable[[Any, str], None]) -> Callable[[Any], None]:
        @wraps(test)
        def run(self: Any) -> None:
            for version in (version for version in compilers() if version in versions):
                with self.subTest(version=version):
                    test(self, version)

        return run

    return decorated


class WritersTestCase(unittest.TestCase):
    def test_this_interpreter_is_at_hand(self) -> None:
        self.assertIn(RUNNING, compilers())

    @under(*VERSIONS)
    def test_functions_of_the_library_have_their_writer_among_the_candidates(self, version: str) -> None:
        for code in library(version):
            self.assertIn(version, writers(code), code.name)

    @under(*VERSIONS)
    def test_functions_of_the_library_are_mostly_told_from_other_versions(self, version: str) -> None:
        answers = Counter(writers(code) for code in library(version))
        self.assertGreater(answers.total(), 500)
        self.assertGreaterEqual(100 * answers[frozenset({version})] / answers.total(), UNIQUE[version])

    @under(*VERSIONS)
    def test_only_neighbours_are_ever_confused(self, version: str) -> None:
        neighbours = next((pair for pair in ({"3.8", "3.9"}, {"3.11", "3.12"}) if version in pair), {version})
        for code in library(version):
            self.assertLessEqual(writers(code), neighbours, code.name)

    @under(*VERSIONS)
    def test_every_kind_of_function_has_its_writer_among_the_candidates(self, version: str) -> None:
        for kind, source in KINDS.items():
            for code in compiled(version, source):
                found = writers(code)
                self.assertIn(version, found, (kind, code.name))
                self.assertLessEqual(len(found), 2, (kind, code.name))

    @under("3.11", "3.12")
    def test_function_of_311_with_a_loop_is_told_from_312(self, version: str) -> None:
        self.assertEqual(writers(function(version, LOOP)), {version})

    @under("3.8", "3.9")
    def test_function_of_38_with_a_finally_is_told_from_39(self, version: str) -> None:
        self.assertEqual(writers(function(version, TRY)), {version})

    @under("3.8", "3.9")
    def test_lines_behind_a_return_in_39_are_not_taken_for_310(self, version: str) -> None:
        self.assertEqual(writers(function(version, DEAD_LINES)), {"3.8", "3.9"})

    @under("3.10")
    def test_long_docstring_in_310_is_not_taken_for_39(self, version: str) -> None:
        self.assertEqual(writers(function(version, LONG_DOCSTRING)), {"3.10"})

    def test_functions_of_314_are_told_by_their_resume(self) -> None:
        returns = (("LOAD_FAST_BORROW", 0), ("RETURN_VALUE", 0))
        prologues: tuple[list[tuple[str, int]], ...] = (
            [],
            [("COPY_FREE_VARS", 1), ("MAKE_CELL", 0)],
            [("EXTENDED_ARG", 1), ("MAKE_CELL", 4)],
            [("RETURN_GENERATOR", 0), ("POP_TOP", 0)],
        )
        for prologue in prologues:
            code = made("3.14", *prologue, ("RESUME", 0), *returns)
            self.assertIn(bytes([128, 0]), code.code)
            self.assertEqual(writers(code), {"3.14"}, prologue)

    def test_resume_of_another_place_does_not_count(self) -> None:
        for version in FOUR:
            self.assertEqual(writers(made(version, ("RESUME", 1), ("RETURN_VALUE", 0))), frozenset(FOUR))
            self.assertEqual(writers(made(version, ("NOP", 0), ("RESUME", 0), ("RETURN_VALUE", 0))), frozenset(FOUR))

    def test_copied_free_variables_of_311_are_not_taken_for_the_resume_of_313(self) -> None:
        code = made("3.12", ("COPY_FREE_VARS", 1), ("RESUME", 0), ("RETURN_CONST", 0), freevars=("z",))
        self.assertEqual(writers(code), {"3.12"})

    def test_fifteen_arguments_are_of_37_or_earlier(self) -> None:
        code = CodeArguments.from_arguments(
            (1, 0, 1, 1, 67, b"|\0S\0", (None,), (), ("x",), "file.py", "f", 1, b"", (), ())
        )
        self.assertEqual((writers(code), parameters(code)), ({"3.7"}, ["x"]))

    def test_one_fault_makes_it_no_compilers_code(self) -> None:
        good = made("3.12", ("RESUME", 0), ("LOAD_GLOBAL", 3), ("LOAD_FAST", 1), ("POP_JUMP_IF_NONE", 1))
        good = replace(good, code=good.code + made("3.12", ("POP_TOP", 0), ("RETURN_CONST", 1)).code)
        self.assertEqual(writers(good), {"3.12"})
        start = TABLES["3.12"]["LOAD_GLOBAL"][0]
        faults = {
            "names": replace(good, names=("a",)),
            "variables": replace(good, varnames=("x",)),
            "constants": replace(good, consts=(None,)),
            "cache": replace(good, code=good.code[:4] + b"\1" + good.code[5:]),
            "opcode": replace(good, code=good.code[:-2] + b"\xff\0"),
            "an interpreter's own opcode": replace(good, code=good.code[:-2] + b"\0\0"),
            "jump": replace(good, code=good.code.replace(b"\x81\1", b"\x81\7")),
            "odd length": replace(good, code=good.code + b"\0"),
            "caches behind the end": replace(good, code=good.code + bytes([start, 0, 0, 0])),
            "unfinished argument": replace(good, code=good.code + bytes([TABLES["3.12"]["EXTENDED_ARG"][0], 0])),
        }
        for fault, code in faults.items():
            self.assertEqual(writers(code), frozenset(FOUR), fault)

    def test_jump_into_the_caches_of_an_instruction_is_no_compilers(self) -> None:
        for distance, expected in ((0, {"3.12"}), (5, {"3.12"}), (2, frozenset(FOUR))):
            body = (("POP_JUMP_IF_NONE", distance), ("LOAD_GLOBAL", 0), ("RETURN_CONST", 0))
            self.assertEqual(writers(made("3.12", ("RESUME", 0), ("LOAD_FAST", 0), *body)), expected, distance)

    def test_jump_of_312_begins_behind_the_caches(self) -> None:
        ends = (("END_FOR", 0), ("RETURN_CONST", 0))
        body = (("LOAD_FAST", 0), ("GET_ITER", 0), ("FOR_ITER", 2), ("POP_TOP", 0), ("JUMP_BACKWARD", 4), *ends)
        self.assertEqual(writers(made("3.12", ("RESUME", 0), *body)), {"3.12"})

    def test_variables_of_311_share_their_indexes(self) -> None:
        body = (("RESUME", 0), ("LOAD_DEREF", 0), ("LOAD_DEREF", 2), ("LOAD_DEREF", 3), ("RETURN_CONST", 0))
        cells = ("MAKE_CELL", 0), ("MAKE_CELL", 2)
        self.assertEqual(writers(made("3.12", *cells, *body, cellvars=("x", "z"), freevars=("free",))), {"3.12"})
        self.assertEqual(writers(made("3.12", *cells, *body, cellvars=("x", "z"))), frozenset(FOUR))

    def test_obfuscated_code_of_39_may_be_of_any_with_as_many_arguments(self) -> None:
        self.assertEqual(writers(made("3.9", ("LOAD_CONST", 9), ("RETURN_VALUE", 0))), {"3.8", "3.9", "3.10"})

    def test_bytes_at_random_have_some_writer(self) -> None:
        chance = random.Random(7)
        for _ in range(3000):
            arity = chance.choice((15, 16, 18))
            head = made(chance.choice(FOUR), ("RESUME", 0)).code if chance.random() < 0.7 else b""
            code = head + chance.randbytes(chance.randrange(40))
            table, lines = chance.randbytes(chance.randrange(20)), chance.randbytes(chance.randrange(8))
            any_code = made("3.12", arity=arity, code=code, exceptiontable=table, linetable=lines)
            self.assertLessEqual(writers(any_code), {"3.7", *VERSIONS})
            self.assertTrue(writers(any_code))
            for version in ("3.7", *VERSIONS):
                self.assertIsInstance(imports(any_code, version), list)

    def test_only_the_first_part_of_huge_code_is_looked_at(self) -> None:
        head = made("3.12", ("RESUME", 0), ("RETURN_CONST", 0), ("LOAD_GLOBAL", 0)).code
        nothing = made("3.12", ("NOP", 0)).code
        self.assertEqual(writers(made("3.12", code=head + nothing * 2**18 + b"\xff\xff" * 2**18)), {"3.12"})
        self.assertEqual(writers(made("3.12", code=head + nothing * 2**10 + b"\xff\xff" * 2**18)), frozenset(FOUR))
        for distance, expected in ((1, frozenset(FOUR)), (6, {"3.12"})):
            jump = made("3.12", ("RESUME", 0), ("JUMP_FORWARD", distance), ("LOAD_GLOBAL", 0)).code
            self.assertEqual(writers(made("3.12", code=jump + nothing * 2**18)), expected)

    def test_argument_has_four_bytes(self) -> None:
        more = (("EXTENDED_ARG", 1), *[("EXTENDED_ARG", 0)] * 2)
        rest = (("LOAD_GLOBAL", 0), ("RETURN_CONST", 0))
        self.assertEqual(writers(made("3.12", ("RESUME", 0), *more, *rest)), frozenset(FOUR))
        self.assertEqual(writers(made("3.12", ("RESUME", 0), *more, ("EXTENDED_ARG", 0), *rest)), {"3.12"})


class ImportsTestCase(unittest.TestCase):
    @under(*VERSIONS)
    def test_modules_are_named_in_full_and_in_order(self, version: str) -> None:
        names = [found.name for found in imports(function(version, PLAIN_IMPORTS), version)]
        self.assertEqual(names, ["polars", "numpy.linalg", "os", "a.b"])

    @under(*VERSIONS)
    def test_what_is_taken_from_a_module_is_named(self, version: str) -> None:
        found = [(each.name, each.names) for each in imports(function(version, TAKING_IMPORTS), version)]
        of_cloud = ("google.cloud", ("bigquery", "storage"))
        self.assertEqual(found, [of_cloud, ("google.cloud", ()), ("a.b.c", ()), ("numpy", ()), ("x", ("y",))])

    @under(*VERSIONS)
    def test_relative_imports_are_left_out(self, version: str) -> None:
        found = imports(function(version, RELATIVE_IMPORTS), version)
        self.assertEqual(found, [Import("d", guarded=False)])

    @under(*VERSIONS)
    def test_import_in_a_try_or_with_is_guarded(self, version: str) -> None:
        found = imports(function(version, GUARDED_IMPORTS), version)
        guarded = {"tried", "deep", "suppressed", "x", "outer"}
        self.assertEqual({item.name for item in found if item.guarded}, guarded)
        self.assertEqual({item.name for item in found if not item.guarded}, {"ahead", "fallback", "behind"})

    @under(*VERSIONS)
    def test_body_of_a_generator_is_no_guard(self, version: str) -> None:
        found = imports(function(version, GENERATOR_IMPORTS), version)
        self.assertEqual(found, [Import("plain", guarded=False), Import("tried", guarded=True)])

    @under(*VERSIONS)
    def test_index_of_more_than_a_byte_is_read(self, version: str) -> None:
        found = imports(function(version, MANY_IMPORTS), version)
        self.assertEqual(found, [Import("far", guarded=False, names=("away",))])

    def test_level_of_314_is_in_the_instruction(self) -> None:
        for level, expected in ((0, [Import("b", guarded=False)]), (1, [])):
            load = (("LOAD_SMALL_INT", level), ("LOAD_CONST", 0), ("IMPORT_NAME", 1), ("POP_TOP", 0))
            self.assertEqual(imports(made("3.14", ("RESUME", 0), *load), "3.14"), expected)

    def test_name_out_of_range_is_passed_over(self) -> None:
        self.assertEqual(imports(made("3.13", ("IMPORT_NAME", 2), ("IMPORT_NAME", 1)), "3.13"), [Import("b", False)])

    def test_code_of_an_unknown_version_imports_nothing(self) -> None:
        code = made("3.13", ("IMPORT_NAME", 0))
        self.assertEqual(len(imports(code, "3.13")), 1)
        for version in ("3.7", "3.15", ""):
            self.assertEqual(imports(code, version), [])

    def test_unreadable_table_of_exceptions_guards(self) -> None:
        code = made("3.13", ("IMPORT_NAME", 0))
        unordered = bytes([0x80 + 5, 1, 9, 0, 0x80, 1, 9, 0])
        for table in (b"\x80", b"\x80\1\1", unordered, b"\xff" * 9 + b"\0"):
            self.assertEqual(imports(replace(code, exceptiontable=table), "3.13"), [Import("a", guarded=True)])

    def test_handlers_in_a_circle_guard(self) -> None:
        code = made("3.13", ("IMPORT_NAME", 0), ("NOP", 0), ("NOP", 0))
        circle = bytes([0x80, 1, 1, 0, 0x81, 1, 2, 0, 0x82, 1, 1, 0])
        self.assertEqual(imports(replace(code, exceptiontable=circle), "3.13"), [Import("a", guarded=True)])

    def test_only_the_first_part_of_a_huge_table_of_exceptions_is_looked_at(self) -> None:
        table = bytes([0x80, 0, 9, 0]) * 2**18 + bytes([0x85, 1, 9, 0, 0x80, 1, 9, 0])
        code = made("3.13", ("IMPORT_NAME", 0), exceptiontable=table)
        self.assertEqual(imports(code, "3.13"), [Import("a", guarded=False)])

    def test_handler_behind_the_end_does_not_guard(self) -> None:
        code = made("3.13", ("IMPORT_NAME", 0), exceptiontable=bytes([0x80, 1, 9, 0]))
        self.assertEqual(imports(code, "3.13"), [Import("a", guarded=False)])


class Text(str):
    __slots__ = ()


class CodeTestCase(unittest.TestCase):
    def setUp(self) -> None:
        self.good = compilers()[max(compilers(), key=VERSIONS.index)][1]["cases"][LOOP][0]

    @under(*VERSIONS)
    def test_parameters_are_as_in_the_signature(self, version: str) -> None:
        for source, expected in PARAMETERS.items():
            self.assertEqual(parameters(function(version, source)), expected, source)

    @under(*VERSIONS)
    def test_what_makes_a_function_is_kept(self, version: str) -> None:
        code = function(version, LOOP)
        self.assertEqual((code.name, code.argcount, code.varnames[0]), ("f", 1, "live_features"))
        self.assertEqual(code.arity, 18 if version in FOUR else 16)
        self.assertEqual(code.names, ("items", "mean"))
        self.assertEqual(bool(code.exceptiontable), False)
        self.assertTrue(code.linetable)

    def test_only_small_integers_of_the_constants_are_kept(self) -> None:
        code = CodeArguments.from_arguments(
            (*self.good[:7], (1, "text", 2**70, -1, True, 255, 256, None), *self.good[8:])
        )
        self.assertEqual(code.consts, (1, None, None, None, None, 255, None, None))

    def test_other_numbers_of_arguments_are_refused(self) -> None:
        for count in (*range(15), 17, *range(19, 40)):
            with self.assertRaises(ValueError):
                CodeArguments.from_arguments((self.good * 3)[:count])

    def test_argument_of_another_type_is_refused(self) -> None:
        strange: tuple[Any, ...] = (
            None,
            True,
            1.0,
            Text("f"),
            [],
            {},
            object(),
            CodeArguments,
            bytearray(b"ab"),
            ("a", 1),
            -1,
        )
        for at in range(18):
            for value in strange:
                if self.good[at] == value or (value == ("a", 1) and at == 7) or (value == -1 and at in (3, 4, 13)):
                    continue
                with self.subTest(at=at, value=value), self.assertRaises(ValueError):
                    CodeArguments.from_arguments((*self.good[:at], value, *self.good[at + 1 :]))

    def test_arguments_of_another_python_in_this_ones_number_are_refused(self) -> None:
        with self.assertRaises(ValueError):
            CodeArguments.from_arguments(self.good[:16])

    def test_more_parameters_than_names_are_refused(self) -> None:
        names = len(self.good[9])
        for at, value in ((0, names + 1), (2, names), (1, 2), (0, 2**31), (0, 2**70), (5, 2**31), (5, -1)):
            with self.subTest(at=at, value=value), self.assertRaises(ValueError):
                CodeArguments.from_arguments((*self.good[:at], value, *self.good[at + 1 :]))
        for flags in (4, 8):
            with self.subTest(flags=flags), self.assertRaises(ValueError):
                CodeArguments.from_arguments((names, *self.good[1:5], flags, *self.good[6:]))

    def test_names_that_are_no_text_are_refused(self) -> None:
        for at in (8, 9, 16, 17):
            for name in (None, 1, b"a", ("a",), Text("a")):
                with self.subTest(at=at, name=name), self.assertRaises(ValueError):
                    CodeArguments.from_arguments((*self.good[:at], ("a", "b", "c", "d", name), *self.good[at + 1 :]))


class OpcodeTableTestCase(unittest.TestCase):
    @under(*VERSIONS)
    def test_lines_are_what_the_interpreters_print(self, version: str) -> None:
        lines = (ROOT / "numerai_predict/inspection/opcodes.json").read_text().splitlines()
        command = [compilers()[version][0], "-B", str(ROOT / ".ci/opcode_table.py")]
        printed = subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()
        self.assertIn(printed, [line.removesuffix(",") for line in lines])

    def test_every_version_has_a_line(self) -> None:
        self.assertEqual(tuple(TABLES), VERSIONS)

    def test_opcodes_that_no_compiler_writes_are_left_out(self) -> None:
        for version, table in TABLES.items():
            numbers = [entry[0] for entry in table.values()]
            self.assertEqual(len(set(numbers)), len(numbers), version)
            self.assertLess(max(numbers), 180, version)
            self.assertFalse([name for name in table if name.startswith("INSTRUMENTED") or name == "CACHE"], version)
        self.assertEqual(TABLES["3.14"]["RESUME"], [128])
        self.assertNotIn("BINARY_OP_ADD_INT", TABLES["3.13"])


if __name__ == "__main__":
    unittest.main()
