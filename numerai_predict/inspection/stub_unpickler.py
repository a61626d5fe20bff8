"""Reads a pickle with inert stand-ins for everything that it names, and keeps what it asked of them.

Nothing of the pickle is imported, called or built: its opcodes run in the C unpickler, which is fast, but whatever it
looks up is a stand-in that takes any call and any state, and keeps what says something about the writer.
"""

import _compat_pickle
import contextlib
import copyreg
import io
import pickle
import re
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from itertools import islice
from typing import Any, BinaryIO, TypeAlias, cast

from numerai_predict.inspection import fingerprints
from numerai_predict.inspection.bytecode import CodeArguments
from numerai_predict.inspection.fingerprints import Mark
from numerai_predict.inspection.harmless import is_harmless

DEADLINE_S = 10.0
BUFFER_BYTES = 1 << 17
# Of larger blocks, arrays mostly, only the two ends are read: the rest never comes into memory.
LARGE_BLOCK_BYTES = 1 << 20
END_BYTES = 1 << 16
STEP_BYTES = 1 << 24
MAX_STANDINS = 10_000
MAX_CODES = 10_000
MAX_MARKS = 1_000
# Of a module and what is named of it together; no expression sees a longer one.
MAX_NAME = 1_000
# Containers are rebuilt up to this length: repeated often enough, a small pickle could fill any memory with them.
MAX_REBUILT = 10_000
# The attributes of an instance that decide what a call of it takes.
OF_A_CALL = {"__wrapped__", "__signature__", "forward"}
# cloudpickle itself, and the copies of it that joblib, ray and others carry.
CLOUDPICKLE = re.compile(r"(.*\.)?cloudpickle(\.cloudpickle(_fast)?)?")
DILL = re.compile(r"dill(\._dill)?")
# Bytes in a pickle that begin as pickles do are read as well: so many of them, so deep inside each other and inside
# containers, and so many items of each container.
MAX_NESTED = 1_000
MAX_NESTING = 2
MAX_DEPTH = 4
MAX_ITEMS = 100
_MAY_HOLD_PICKLES = frozenset({bytes, bytearray, dict, list, tuple})
PICKLE_STARTS = (b"\x80\x02", b"\x80\x03", b"\x80\x04", b"\x80\x05")
# What torch.save writes begins so: the fixed part of a zip entry that is not compressed, the length of its name and of
# what follows it, and the name; then comes the pickle.
TORCH_ARCHIVE = re.compile(rb"PK\x03\x04.{4}\0\0.{16}(?P<name>..)(?P<extra>..)[^\0]{1,200}/data\.pkl", re.DOTALL)


@dataclass
class Traces:
    """What a pickle asked for: the globals it names, the modules that cloudpickle is to import for it, the code it
    carries, what its objects reveal of the versions of libraries, and a stand-in for what it holds. If it could not be
    read to its end, `error` says why (None: it takes too long), and all of it is what came before.

    `late` are the globals and modules (without a name) that were first asked for when code had run that may have made
    them, `types` those that annotate something, `carried` the modules of functions and classes that the pickle holds by
    value, and `nested_names` the names of `__main__` that pickles inside the pickle ask for.
    """

    protocol: int | None = None
    globals: set[tuple[str, str]] = field(default_factory=set)
    subimports: set[str] = field(default_factory=set)
    late: set[tuple[str, str]] = field(default_factory=set)
    types: set[tuple[str, str]] = field(default_factory=set)
    carried: set[str] = field(default_factory=set)
    nested_names: set[str] = field(default_factory=set)
    codes: list[CodeArguments] = field(default_factory=list)
    marks: set[Mark] = field(default_factory=set)
    top: object = None
    complete: bool = False
    error: Exception | None = None


def trace(file: BinaryIO, deadline_s: float = DEADLINE_S) -> Traces:
    """Read the pickle in `file`, which must be able to seek, for at most about `deadline_s` seconds; never raises
    because of what is in it.
    """
    traces = Traces()
    ends_at = time.monotonic() + deadline_s
    # The cache holds real objects, which the unpickler would take without asking us.
    copyreg.clear_extension_cache()
    try:
        traces.top = _Unpickler(_Source(file, ends_at), traces, ends_at).load()
        traces.complete = True
    except _EnoughError:
        pass
    except Exception as error:
        traces.error = error.with_traceback(None)  # Its frames hold all that has been read.
    finally:
        copyreg.clear_extension_cache()
    return traces


class _EnoughError(Exception):
    """The pickle takes longer to read, or names more, than any model has reason to."""


def _check_time(ends_at: float) -> None:
    if time.monotonic() > ends_at:
        raise _EnoughError


class _Paced(io.RawIOBase):
    """The file, until the time is up."""

    def __init__(self, file: BinaryIO, ends_at: float) -> None:
        self._file = file
        self._ends_at = ends_at

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        _check_time(self._ends_at)
        return cast(io.BufferedIOBase, self._file).readinto(buffer)

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        """In steps: what is compressed has to be unpacked on the way."""
        while whence == io.SEEK_CUR and offset > STEP_BYTES:
            _check_time(self._ends_at)
            self._file.seek(STEP_BYTES, io.SEEK_CUR)
            offset -= STEP_BYTES
        return self._file.seek(offset, whence)

    def tell(self) -> int:
        return self._file.tell()


class _Source(io.BufferedReader):
    """What the unpickler reads from. It reads blocks of bytes into place, and of large ones gets only the ends: memory
    that nobody writes to takes no room.
    """

    def __init__(self, file: BinaryIO, ends_at: float) -> None:
        super().__init__(_Paced(file, ends_at), BUFFER_BYTES)

    def readinto(self, buffer: Any) -> int:
        size = len(buffer)
        if size < LARGE_BLOCK_BYTES:
            return super().readinto(buffer)
        view = memoryview(buffer)
        super().readinto(view[:END_BYTES])
        self.seek(size - 2 * END_BYTES, io.SEEK_CUR)
        return size - END_BYTES + super().readinto(view[-END_BYTES:])


# Stand-ins


class Standin(type):
    """In place of something that the pickle names, of an instance of it, or of what a call of it returns.

    It is a type, as only types pass where the unpickler makes instances. An instance knows whose it is by `of`, and has
    what was last set of OF_A_CALL as `contents`: if it is the model, its own, for a pickle ends with that.
    """

    unpickler: "_Unpickler | None"
    module: str
    name: str
    of: "Standin | None"
    bases: tuple[object, ...]
    contents: dict[Any, Any]
    _instance: "Standin | None"

    @property
    def instance(cls) -> "Standin":
        """The stand-in for all its instances."""
        if cls.of is not None:
            return cls
        if cls._instance is None:
            cls._instance = _stand_in(cls.unpickler, cls.module, cls.name, of=cls)
        return cls._instance

    def __call__(cls, *args: object, **options: object) -> object:
        """As of a function."""
        return cls.unpickler.called(cls, args) if cls.unpickler else cls

    def __setstate__(cls, state: object) -> None:
        if cls.unpickler:
            cls.unpickler.given_state(cls, state)

    def __setitem__(cls, key: object, value: object) -> None:
        """As of a dictionary."""
        cls._run("__setitem__")

    def append(cls, value: object) -> None:
        """As of a list."""

    def extend(cls, values: object) -> None:
        """As of a list."""
        cls._run("extend")
        cls._run("append")  # Of what has no other method, which we have.

    def add(cls, value: object) -> None:
        """As of a set."""
        cls._run("add")

    def _run(cls, method: str) -> None:
        if cls.unpickler:
            cls.unpickler.used(cls, method)


class _Root:
    """Gives stand-ins the constructor that the unpickler calls instead of the class."""

    def __new__(cls, *args: object, **options: object) -> Any:
        standin = cast(Standin, cls)
        return standin.unpickler.made(standin, args) if standin.unpickler else standin


def _stand_in(
    unpickler: "_Unpickler | None", module: str, name: str, of: Standin | None = None, bases: tuple[object, ...] = ()
) -> Standin:
    namespace: dict[str, Any] = {
        "unpickler": unpickler,
        "module": module,
        "name": name,
        "of": of,
        "bases": bases,
        "contents": {},
    }
    return Standin("Standin", (_Root,), {**namespace, "_instance": None, "__slots__": ()})


# What a call of something that the pickle carries returns: only the call itself would show what that is.
UNKNOWN = _stand_in(None, "unknown", "object")
UNKNOWN.of = UNKNOWN


@dataclass(eq=False)
class _Carried:
    """Takes no state, as a pickle could set our own fields with it."""

    unpickler: "_Unpickler | None" = field(default=None, kw_only=True, repr=False)

    def __setstate__(self, state: object) -> None:
        """Nothing comes of it."""

    def __call__(self, *args: object, **options: object) -> Standin:
        if self.unpickler:
            self.unpickler.has_run_code = True
        return UNKNOWN


@dataclass(eq=False)
class CodeObject(_Carried):
    """A code object that the pickle carries."""

    code: CodeArguments


@dataclass(eq=False)
class Function(_Carried):
    """A function that the pickle carries: its code, and what was set on it (`__defaults__`, `__wrapped__`, …)."""

    code: CodeArguments
    attributes: dict[Any, Any]


@dataclass(eq=False)
class Method(_Carried):
    """A method of an instance."""

    function: object


@dataclass(eq=False)
class Partial(_Carried):
    """A functools.partial: what it calls, with how many arguments and which keywords, and what was set on it."""

    function: object
    arguments: int
    keywords: tuple[str, ...] = ()
    attributes: dict[Any, Any] | None = None

    def __setstate__(self, state: object) -> None:
        match state:
            case (function, tuple(arguments), dict(keywords), dict() | None as attributes):
                self.function, self.arguments, self.attributes = function, len(arguments), attributes
                self.keywords = tuple(name for name in keywords if isinstance(name, str))


# The unpickler


class _Unpickler(pickle.Unpickler):
    """Looks nothing up: answers every global with a stand-in, and notes what becomes of it."""

    def __init__(self, source: _Source, traces: Traces, ends_at: float, nesting: int = 0) -> None:
        super().__init__(source, encoding="latin1")
        head = source.peek(2)
        if head[:1] == b"\x80" and len(head) > 1:
            traces.protocol = head[1]
        self._is_of_python_2 = (traces.protocol or 0) < 3
        self._traces = traces
        self._ends_at = ends_at
        self._standins: dict[tuple[str, str], Standin] = {}
        self._made = 0
        self._nesting = nesting
        self._nested = 0
        # Whether code has run of which nobody knows what it does: that of the pickle itself, or what it calls by name.
        self.has_run_code = False

    def find_class(self, module: str, name: str) -> Any:
        if len(module) + len(name) > MAX_NAME:
            raise _EnoughError
        if self._is_of_python_2:
            module, name = _modern_name(module, name)
        standin = self._standins.get((module, name))
        if standin is None:
            standin = self._standins[module, name] = self._stand_in(module, name)
            self._traces.globals.add((module, name))
            if self.has_run_code:
                self._traces.late.add((module, name))
            self._note(fingerprints.of_global(module, name))
        return standin

    def called(self, standin: Standin, args: tuple[object, ...]) -> object:
        """What a call of the stand-in returns, as far as the rest of the pickle needs it."""
        is_known = standin.of is None and not _is_carried(standin) and is_harmless(standin.module, standin.name)
        self.has_run_code = self.has_run_code or not is_known
        return self._result(standin, args)

    def made(self, standin: Standin, args: tuple[object, ...]) -> object:
        """The instance that the stand-in's constructor returns."""
        self.used(standin, "__new__")
        return self._result(standin, args)

    def used(self, standin: Standin, method: str) -> None:
        """Note that loading calls this method, which a class that the pickle carries may have defined."""
        made_of = standin.of or standin
        if _is_carried(made_of) and _defines(made_of, method):
            self.has_run_code = True

    def _result(self, standin: Standin, args: tuple[object, ...]) -> object:
        _check_time(self._ends_at)
        if args:
            self._look_for_pickles(args)
        handle = _handler(standin.module, standin.name) if standin.of is None else None
        if handle is not None:
            result = handle(self, args)
            if result is not None:
                return result
        elif standin.module.partition(".")[0] in fingerprints.LIBRARIES:
            self._note(fingerprints.of_call(standin.module, standin.name, args))
        return standin.instance

    def given_state(self, standin: Standin, state: object) -> None:
        """Look into the state that an object is given."""
        _check_time(self._ends_at)
        if standin.of is not None:
            standin.contents = {name: state[name] for name in OF_A_CALL & state.keys()} if type(state) is dict else {}
        if type(state) in _MAY_HOLD_PICKLES:
            self._look_for_pickles(state)
        self.used(standin, "__setstate__")
        is_known = standin.module.partition(".")[0] in fingerprints.LIBRARIES
        if is_known or (type(state) is dict and "_sklearn_version" in state):
            self._note(fingerprints.of_state(standin.module, standin.name, state))

    def _stand_in(self, module: str, name: str, bases: tuple[object, ...] = ()) -> Standin:
        self._made += 1
        if self._made > MAX_STANDINS:
            raise _EnoughError
        return _stand_in(self, module, name, bases=bases)

    def _look_for_pickles(self, value: object, depth: int = 0) -> None:
        if type(value) in (bytes, bytearray):
            self._look_into(cast(bytes, value))
        elif depth < MAX_DEPTH:
            values = value.values() if isinstance(value, dict) else cast(list[object], value)
            for item in islice(values, MAX_ITEMS):
                if type(item) in _MAY_HOLD_PICKLES:
                    self._look_for_pickles(item, depth + 1)

    def _look_into(self, data: bytes) -> None:
        """Note what the pickle in these bytes, if they are one, names of `__main__`."""
        start = _start_of_pickle(data)
        if start is None or self._nested == MAX_NESTED or self._nesting == MAX_NESTING:
            return
        self._nested += 1
        read = data if len(data) < LARGE_BLOCK_BYTES else data[:END_BYTES]
        source = _Source(io.BytesIO(read[start:]), self._ends_at)
        traces = Traces()
        with contextlib.suppress(Exception):  # What it names comes before what is cut off, or of another format.
            unpickler = _NestedUnpickler(source, traces, self._ends_at, self._nesting + 1)
            unpickler._look_for_pickles([unpickler.load()])
        names = {name for module, name in traces.globals if module == "__main__"}
        self._traces.nested_names |= names | traces.nested_names

    def _note_types(self, value: object, depth: int = 0) -> None:
        """Note the globals that annotate something, also as part of what is like `list[Name]`."""
        if isinstance(value, Standin) and value.of is None:
            self._traces.types.add((value.module, value.name))
        elif depth < MAX_DEPTH and type(value) is tuple:
            for part in value[:MAX_ITEMS]:
                self._note_types(part, depth + 1)

    def _note(self, marks: Any) -> None:
        for mark in marks:
            if len(self._traces.marks) < MAX_MARKS:
                self._traces.marks.add(mark)

    # What is rebuilt, because a name, code, or the model's signature comes of it; None: of no interest after all.

    def builtin_type(self, args: tuple[object, ...]) -> object:
        """cloudpickle and dill name types of the interpreter by their name in the module types."""
        match args:
            case (str(name),):
                return self._stand_in("types", name)
        return None

    def code(self, args: tuple[object, ...]) -> object:
        if args and isinstance(args[0], bytes):
            args = args[1:]  # dill puts the line table of old Pythons in front.
        try:
            code = CodeArguments.from_arguments(args)
        except ValueError:
            return None
        if len(self._traces.codes) >= MAX_CODES:
            raise _EnoughError
        self._traces.codes.append(code)
        return CodeObject(code, unpickler=self)

    def function(self, args: tuple[object, ...]) -> object:
        if not args or not isinstance(args[0], CodeObject):
            return None
        return Function(args[0].code, {"__defaults__": args[3] if len(args) > 3 else None}, unpickler=self)

    def method(self, args: tuple[object, ...]) -> object:
        return Method(args[0], unpickler=self) if len(args) == 2 else None

    def partial(self, args: tuple[object, ...]) -> object:
        return Partial(args[0], len(args) - 1, unpickler=self) if args else None

    def skeleton_class(self, args: tuple[object, ...]) -> object:
        match args:
            case (constructor, str(name), tuple(bases), *_):
                self.has_run_code = self.has_run_code or _is_carried(constructor)
                made = self._stand_in("", name, bases)
                made.contents["__class__"] = constructor
                return made
        return None

    def set_attributes(self, args: tuple[object, ...]) -> object:
        """cloudpickle fills functions and classes after it has made them."""
        match args:
            case (Function(attributes=own) | Standin(module="", contents=own) as whole, (dict(state), *rest)):
                own.update(state)
                if rest and isinstance(rest[0], dict):
                    own.update(rest[0])
                if isinstance(annotations := own.get("__annotations__"), dict):
                    self._note_types(tuple(annotations.values()))
                # functools.wraps gives a function of one module the name of another.
                if isinstance(module := own.get("__module__"), str) and "__wrapped__" not in own:
                    self._traces.carried.add(module[:MAX_NAME])
                return whole
        return None

    def subimport(self, args: tuple[object, ...]) -> None:
        match args:
            case (str(name), *_) if len(name) <= MAX_NAME and len(self._traces.subimports) < MAX_STANDINS:
                self._traces.subimports.add(name)
                if self.has_run_code:
                    self._traces.late.add((name, ""))

    def generic_type(self, args: tuple[object, ...]) -> None:
        """What is like `list[Name]` is an annotation or a base of a class."""
        self._note_types(args)

    def encode(self, args: tuple[object, ...]) -> object:
        """How bytes are written before protocol 3."""
        match args:
            case (str(text), "latin1" | "latin-1"):
                return text.encode("latin1", "replace")
        return None

    def bytes_of(self, args: tuple[object, ...]) -> object:
        match args:
            case (bytes(data),):
                return data
            case ():
                return b""
        return None

    def reconstruct(self, args: tuple[object, ...]) -> object:
        """How objects are made before protocol 2."""
        return args[0].instance if args and isinstance(args[0], Standin) else None


class _NestedUnpickler(_Unpickler):
    """Of a pickle inside the pickle, whose format may keep parts elsewhere."""

    def persistent_load(self, pid: object) -> object:
        return UNKNOWN


def _start_of_pickle(data: bytes) -> int | None:
    if data.startswith(PICKLE_STARTS):
        return 0
    found = TORCH_ARCHIVE.match(data)
    return found.end() + int.from_bytes(found["extra"], "little") if found else None


def _is_carried(value: object) -> bool:
    return isinstance(value, Standin) and not value.module


def _defines(standin: Standin, method: str, depth: int = 0) -> bool:
    """Whether it is a class that the pickle carries, and has the method itself or from another such class."""
    if not _is_carried(standin) or depth == MAX_DEPTH:
        return False
    bases = [base for base in standin.bases[:MAX_ITEMS] if isinstance(base, Standin)]
    return method in standin.contents or any(_defines(base, method, depth + 1) for base in bases)


_Handler: TypeAlias = Callable[[_Unpickler, tuple[object, ...]], object]


def _rebuild(kind: type) -> _Handler:
    def handle(unpickler: _Unpickler, args: tuple[object, ...]) -> object:
        if not args:
            return kind()
        small = len(args) == 1 and isinstance(args[0], (list, tuple, set, frozenset)) and len(args[0]) <= MAX_REBUILT
        return kind(args[0]) if small else None

    return handle


_STANDARD: dict[tuple[str, str], _Handler] = {
    ("types", "CodeType"): _Unpickler.code,
    ("types", "FunctionType"): _Unpickler.function,
    ("types", "MethodType"): _Unpickler.method,
    ("functools", "partial"): _Unpickler.partial,
    ("copyreg", "_reconstructor"): _Unpickler.reconstruct,
    ("copyreg", "__newobj__"): _Unpickler.reconstruct,
    ("copyreg", "__newobj_ex__"): _Unpickler.reconstruct,
    ("_codecs", "encode"): _Unpickler.encode,
    ("_operator", "getitem"): _Unpickler.generic_type,
    ("types", "GenericAlias"): _Unpickler.generic_type,
    ("builtins", "bytes"): _Unpickler.bytes_of,
    ("builtins", "bytearray"): _Unpickler.bytes_of,
    **{("builtins", kind.__name__): _rebuild(kind) for kind in (list, tuple, set, frozenset)},
}
_CLOUDPICKLE: dict[str, _Handler] = {
    "_builtin_type": _Unpickler.builtin_type,
    "_make_function": _Unpickler.function,
    "_function_setstate": _Unpickler.set_attributes,
    "_make_skeleton_class": _Unpickler.skeleton_class,
    "_class_setstate": _Unpickler.set_attributes,
    "subimport": _Unpickler.subimport,
}
_DILL: dict[str, _Handler] = {
    "_load_type": _Unpickler.builtin_type,
    "_create_code": _Unpickler.code,
    "_create_function": _Unpickler.function,
    "_import_module": _Unpickler.subimport,
}


def _handler(module: str, name: str) -> _Handler | None:
    if handler := _STANDARD.get((module, name)):
        return handler
    if name in _CLOUDPICKLE and CLOUDPICKLE.fullmatch(module):
        return _CLOUDPICKLE[name]
    return _DILL.get(name) if DILL.fullmatch(module) else None


def _modern_name(module: str, name: str) -> tuple[str, str]:
    """What a name of Python 2's standard library, as in pickles of protocols 0 to 2, is called now."""
    if (module, name) in _compat_pickle.NAME_MAPPING:
        return _compat_pickle.NAME_MAPPING[module, name]
    return _compat_pickle.IMPORT_MAPPING.get(module, module), name
