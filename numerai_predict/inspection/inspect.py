"""A static look into a pickle: which Python wrote it, what it needs, and which libraries; it executes none of it."""

import contextlib
import io
import itertools
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import BinaryIO, Literal, TypeAlias, cast

from numerai_predict.faults import Code, Fault
from numerai_predict.inspection import bytecode, compatibility, installed, packages
from numerai_predict.inspection.bytecode import CodeArguments, Import
from numerai_predict.inspection.file_type import compression_of
from numerai_predict.inspection.findings import Difference, Findings, Module
from numerai_predict.inspection.model_signature import Model, describe_model
from numerai_predict.inspection.stub_unpickler import CLOUDPICKLE, DILL, Traces, trace
from numerai_predict.visible import visible

# What the first object of a file says that torch.save wrote before it wrote archives:
# https://github.com/pytorch/pytorch/blob/main/torch/serialization.py
TORCH_MAGIC = 0x1950A86A20F9469CFC6C
GPU = Path("/dev/nvidia0")
MAX_CODE_BYTES = 2 << 20
MAX_NEEDS = 1_000
# All of it fits into one message of the channel, whatever characters the names have.
MAX_LISTED = 100
MAX_TEXT = 300
MAX_MESSAGE = 1_000

Written: TypeAlias = tuple[CodeArguments, frozenset[str]]


@contextlib.contextmanager
def open_pickle(file: BinaryIO, name: str) -> Iterator[BinaryIO]:
    """The pickle in an open file, unpacked as pandas.read_pickle does it: by the suffix of `name`. Raises Fault."""
    compression = compression_of(Path(name))
    if compression is None:
        yield file
        return
    from pandas.io.common import get_handle, infer_compression

    try:
        handles = get_handle(file, "rb", compression=infer_compression(name, "infer"), is_text=False)
    except MemoryError:
        raise
    except Exception as error:
        message = f"{name} cannot be opened ({compression}): {_short(str(error))}."
        raise Fault(Code.UNREADABLE_PICKLE, message) from error
    with handles:
        yield cast(BinaryIO, handles.handle)


def inspect_pickle(file: BinaryIO, name: str) -> Findings:
    """What is in the pickle that an open file of that name holds; leaves the file at its beginning.

    Nothing of the pickle is executed or imported, and nothing in it makes this raise; it takes about ten seconds at
    most, and memory for all but its large arrays. Raises Fault if the file is not compressed as its name says.
    """
    size = file.seek(0, io.SEEK_END)
    file.seek(0)
    with open_pickle(file, name) as pickle:
        traces = trace(pickle)
    file.seek(0)
    model = describe_model(traces.top)
    written = [(code, bytecode.writers(code)) for code in _first(traces.codes)]
    return Findings(
        file_name=name,
        file_bytes=size,
        protocol=traces.protocol,
        python=_written_by([versions for _, versions in written]),
        writer=_writer(traces),
        kind=model.kind if traces.complete else "",
        name=_short(model.name) if traces.complete else "",
        parameters=_parameters(model) if traces.complete else None,
        takes=model.takes if traces.complete else None,
        is_callable=model.is_callable if traces.complete else None,
        modules=_modules(traces, written),
        differences=_differences(traces),
        main_names=_main_names(traces.globals - traces.late),
        own_names=_own_names(traces),
        types=_listed({name for module, name in traces.types if module in traces.carried}),
        late_names=_main_names(traces.late),
        nested_names=_listed(traces.nested_names),
        other=_other(traces),
        complete=traces.complete,
        error_kind=type(traces.error).__name__ if traces.error else "",
        error=_short(str(traces.error)) if traces.error else "",
    )


def _main_names(globals_: set[tuple[str, str]]) -> list[str]:
    return _listed({name for module, name in globals_ if module == "__main__"})


def _own_names(traces: Traces) -> list[str]:
    """What it only names of modules that are not here and that it carries otherwise."""
    named = {(module, name) for module, name in traces.globals - traces.late if module in traces.carried}
    return _listed({f"{module}:{name}" for module, name in named if installed.missing_part(module)})


def _listed(names: set[str]) -> list[str]:
    return sorted(map(_short, names))[:MAX_LISTED]


def _first(codes: list[CodeArguments]) -> Iterator[CodeArguments]:
    """Those that are worth their time: all of a model, a part of a pickle that is made to take long."""
    size = 0
    for code in codes:
        size += len(code.code)
        if size > MAX_CODE_BYTES:
            return
        yield code


def _parameters(model: Model) -> list[str] | None:
    return None if model.parameters is None else [_short(name) for name in model.parameters[:MAX_LISTED]]


def _short(text: str) -> str:
    return visible(text[:MAX_TEXT])


def _written_by(possible: list[frozenset[str]]) -> list[str]:
    """The versions that can have written all of the code or, where functions of several were mixed, any of it."""
    if not possible:
        return []
    common = frozenset.intersection(*possible) or frozenset.union(*possible)
    return sorted(common, key=lambda version: int(version.partition(".")[2]))


def _writer(traces: Traces) -> str:
    versions = {mark.version for mark in traces.marks if mark.library == "cloudpickle"}
    if versions:
        return f"cloudpickle {max(versions)}"
    names = {module for module, _ in traces.globals}
    if any(CLOUDPICKLE.fullmatch(module) for module in names):
        return "cloudpickle"
    return "dill" if any(DILL.fullmatch(module) for module in names) else "pickle"


def _other(traces: Traces) -> str:
    # joblib writes its arrays between the opcodes, where the unpickler stumbles over them.
    if not traces.complete and any(name == "NumpyArrayWrapper" for _, name in traces.globals):
        return "a joblib file"
    return "a file of torch.save" if traces.top == TORCH_MAGIC else ""


def _modules(traces: Traces, written: list[Written]) -> list[Module]:
    """What the model needs and the standard library does not have; what is missing comes first."""
    found: dict[str, Module] = {}
    for needed_by, name in itertools.islice(_needs(traces, written), MAX_NEEDS):
        module = _module(name, needed_by)
        # scikit-learn's _loss belongs to no package: it is made at run time.
        is_made = name.startswith("_") and module.status == "present" and module.version is None
        if not is_made and not installed.is_standard(name):
            found.setdefault(module.name, module)
    order = ("missing", "skewed", "present")
    listed = sorted(found.values(), key=lambda module: (order.index(module.status), module.name))
    return listed[:MAX_LISTED]


def _needs(traces: Traces, written: list[Written]) -> Iterator[tuple[str, str]]:
    """How the model needs a module, and its name; the strongest need for one comes first."""
    for name in _references(traces):
        yield "reference", name
    for name in sorted({module for module, _ in traces.late})[:MAX_NEEDS]:
        yield "late reference", name
    imports = [needed for code, versions in written for needed in _imports(code, versions)]
    for needed in sorted(imports, key=lambda needed: (needed.guarded, needed.name)):
        for name in _modules_of(needed):
            yield "guarded import" if needed.guarded else "import", name
    unreadable = [code for code, versions in written if not versions & set(bytecode.VERSIONS)]
    for name in sorted({name for code in unreadable for name in code.names if packages.pip_name(name)}):
        yield "possible", name


def _references(traces: Traces) -> list[str]:
    """The modules that are needed before any code of the pickle could have made them."""
    asked_for = traces.globals | {(module, "") for module in traces.subimports}
    return sorted({module for module, _ in asked_for - traces.late})[:MAX_NEEDS]


def _imports(code: CodeArguments, versions: frozenset[str]) -> list[Import]:
    readable = versions & set(bytecode.VERSIONS)
    return bytecode.imports(code, max(readable)) if readable else []  # Those that look alike import alike.


def _modules_of(needed: Import) -> list[str]:
    """The module; of a namespace, what is imported from it (`from google.cloud import storage`)."""
    if needed.names and installed.is_namespace(needed.name):
        return [f"{needed.name}.{name}" for name in needed.names]
    return [needed.name]


def _module(name: str, needed_by: str) -> Module:
    package = name.partition(".")[0]
    version = installed.version_of(package)
    missing = installed.missing_part(name)
    if not missing:
        return Module(package, version, "present", needed_by)
    status: Literal["missing", "skewed"] = "missing" if installed.is_package_of_its_own(missing) else "skewed"
    return Module(_short(missing), version, status, needed_by, packages.pip_name(missing) or packages.pip_name(package))


def _differences(traces: Traces) -> list[Difference]:
    found = compatibility.differences(
        traces.marks, _references(traces), installed.skewed_part, installed.version_of, has_gpu=GPU.exists()
    )
    return [replace(each, message=visible(each.message)[:MAX_MESSAGE]) for each in found[:MAX_LISTED]]
