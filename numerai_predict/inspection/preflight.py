"""From what a pickle contains to what will become of it, without loading it: pure."""

import re
from collections.abc import Iterator

from numerai_predict.excerpt import excerpt
from numerai_predict.faults import Code, Fault
from numerai_predict.inspection.findings import THIS_PYTHON, Findings, Module
from numerai_predict.inspection.remedies import for_missing

# Those of the py3.* folders, which the images do not hold.
IMAGES = ("3.10", "3.11", "3.12", "3.13")
# What the unpickler says of bytes that no pickle has, whatever the objects in it are.
_CUT_OFF = re.compile(r"Ran out of input|truncated|Compressed file ended")
_DAMAGED = re.compile(r"invalid load key|unsupported pickle protocol|persistent")
# What cloudpickle stores by name of the script that it runs in; all else is stored by value.
_CACHED = "functions and methods with functools.lru_cache or functools.cache"
_TYPES = "what typing.NewType, ParamSpec and type statements make"


def before_loading(findings: Findings) -> Fault | None:
    """The fault that loading the pickle is certain to end with, so that it need not be tried; None if none is known."""
    return next(_certain(findings), None)


def expected(findings: Findings) -> list[Fault]:
    """Why this environment cannot be expected to run the model, the gravest reason first; empty if it can."""
    return [*_certain(findings), *_likely(findings)]


def doubts(findings: Findings) -> list[str]:
    """What may become a problem, and may not."""
    found = [difference.message for difference in findings.differences if not difference.breaks]
    if imported := [module for module in findings.modules if _may_be_missed(module)]:
        found.append(f"Its code imports what is not installed here: {_names(imported)}.")
    if late := [module for module in findings.modules if _is_late(module)]:
        found.append(f"Loading it needs what is not installed here, and only its own code can bring: {_names(late)}.")
    if findings.late_names:
        of_script = f"{_quoted(findings.late_names)} of the script that wrote it (module __main__)"
        found.append(f"Loading it needs {of_script}, which only its own code can bring.")
    if not findings.complete:
        why = f"{findings.error_kind}: {findings.error}" if findings.error_kind else "it takes too long"
        found.append(f"The pickle could not be inspected to its end ({why}).")
    return found


def another_python(writers: list[str]) -> Fault:
    """The fault of a pickle that one of the `writers` wrote, which this Python is not; says which image to choose."""
    images = [f"numerai_predict_py_{version.replace('.', '_')}" for version in writers if version in IMAGES]
    again = f"write the pickle again with Python {THIS_PYTHON}"
    written = f"Python {' or '.join(writers)}"
    return Fault(
        Code.PYTHON_VERSION_MISMATCH,
        f"The pickle was written by {written}; this is Python {THIS_PYTHON}.",
        f"Run it in the image {' or '.join(images)}, or {again}."
        if images
        else f"There is no image for {written}: {again}, or with another of {', '.join(IMAGES)}.",
    )


def named_in_main(names: list[str], findings: Findings | None = None) -> Fault:
    """The fault of a pickle that refers to these names of its writer's script, which is not here."""
    said = f"The pickle {_only_names(names)}"
    writer = findings.writer if findings else "pickle"
    if findings is None or not writer.startswith("cloudpickle"):
        hint = f"Write it with cloudpickle instead of {writer}: cloudpickle.dump(predict, file)."
        return Fault(Code.MISSING_ATTRIBUTE, f"{said}.", hint)
    return Fault(Code.MISSING_ATTRIBUTE, f"{said}: {_why_by_name(names, findings)}.", _instead(names, findings))


def named_in_nested_pickle(names: list[str], where: str = "") -> Fault:
    """The fault of a pickle in which another one refers to these names of its writer's script; `where` is who reads
    that one, as RaisedException has it.
    """
    reader = f", which is read{where}," if where else ""
    return Fault(
        Code.MISSING_ATTRIBUTE,
        f"A pickle inside the pickle{reader} {_only_names(names)}.",
        "Carry the parts of the object that holds it (of a skorch net: net.module_), or write the inner pickle with "
        "cloudpickle.",
    )


def other_pythons(findings: Findings | None) -> str:
    """The other versions that may have written a pickle whose code fits this Python too: "3.12"; empty if none."""
    others = [version for version in findings.python if version != THIS_PYTHON] if findings else []
    return " or ".join(others)


def _certain(findings: Findings) -> Iterator[Fault]:
    if findings.other:
        yield Fault(Code.NOT_A_PICKLE, f"The model file {findings.file_name} is {findings.other}.")
    elif findings.error_kind in ("UnpicklingError", "EOFError", "ValueError"):
        yield from _unreadable(findings)
    if findings.python and THIS_PYTHON not in findings.python:
        yield another_python(findings.python)
    if findings.main_names:
        yield named_in_main(findings.main_names, findings)
    if findings.own_names:
        yield _named_in_own_modules(findings)
    if missing := [module for module in _missing(findings, "reference") if not _is_carried_in_part(module, findings)]:
        hint = for_missing([module.name for module in missing])
        yield Fault(Code.MISSING_MODULE, f"The pickle needs {_not_here(missing)}.", hint)
    for difference in findings.differences:
        if difference.breaks:
            yield Fault(Code[difference.code.upper()], difference.message, difference.hint)


def _likely(findings: Findings) -> Iterator[Fault]:
    if missing := _missing(findings, "import"):
        hint = for_missing([module.name for module in missing], inside=True)
        yield Fault(Code.MISSING_MODULE, f"The model's code imports {_not_here(missing)}.", hint)
    if findings.nested_names:
        yield named_in_nested_pickle(findings.nested_names)
    if findings.is_callable is False:
        what = f"the class {findings.name} itself" if findings.kind == "class" else f"a {findings.name}"
        yield Fault(Code.NOT_CALLABLE, f"The pickle holds {what}, which cannot be called as a model.")
    if findings.takes == 0:
        shown = "(…)" if findings.parameters is None else f"({', '.join(findings.parameters)})"
        signature = f"{findings.name}{shown}"
        message = f"The model's signature is {signature}; it must take one or two positional arguments."
        yield Fault(Code.WRONG_SIGNATURE, message)
    if not findings.complete and findings.error_kind:
        message = f"The pickle cannot be read to its end ({findings.error_kind}: {findings.error})."
        yield Fault(Code.LOAD_FAILED, message)


def _unreadable(findings: Findings) -> Iterator[Fault]:
    said = f"{findings.error_kind}: {findings.error.rstrip('.')}"
    if _CUT_OFF.search(excerpt(findings.error)):
        message = f"The pickle {findings.file_name} ends early, after {findings.file_bytes:,} bytes ({said})."
        yield Fault(Code.TRUNCATED_PICKLE, message)
    elif _DAMAGED.search(excerpt(findings.error)):
        yield Fault(Code.UNREADABLE_PICKLE, f"{findings.file_name} cannot be read as a pickle: {said}.")


def _missing(findings: Findings, *needed_by: str) -> list[Module]:
    return [module for module in findings.modules if module.status == "missing" and module.needed_by in needed_by]


def _may_be_missed(module: Module) -> bool:
    """Whether code imports it that may do without it, or may never run."""
    is_likely = module.status == "missing" and module.needed_by == "import"
    return module.status != "present" and "reference" not in module.needed_by and not is_likely


def _is_late(module: Module) -> bool:
    return module.status != "present" and module.needed_by == "late reference"


def _only_names(names: list[str]) -> str:
    return (
        f"only names {_quoted(names)} of the script that wrote it (module __main__) "
        f"and does not contain {'it' if len(names) == 1 else 'them'}"
    )


def _named_in_own_modules(findings: Findings) -> Fault:
    """The fault of a pickle that carries modules of its writer's, but for these names."""
    modules = sorted({own.partition(":")[0] for own in findings.own_names})
    names = [own.partition(":")[2] for own in findings.own_names]
    message = (
        f"The pickle only names {_quoted(names)} of {_quoted(modules)}, which {'is' if len(modules) == 1 else 'are'} "
        f"not installed here, and contains other parts of it: {_why_by_name(names, findings)}."
    )
    return Fault(Code.MISSING_MODULE, message, _instead(names, findings))


def _is_carried_in_part(module: Module, findings: Findings) -> bool:
    """Whether the pickle carries other parts of the module, which is said of these names then."""
    own = (name.partition(":")[0] for name in findings.own_names)
    return any(f"{name}.".startswith(f"{module.name}.") for name in own)


def _by_kind(names: list[str], findings: Findings) -> tuple[list[str], list[str], list[str]]:
    """Which of the names are methods, types, and what cannot be seen."""
    methods = [name for name in names if "." in name]
    types = [name for name in names if name in findings.types]
    return methods, types, [name for name in names if name not in (*methods, *types)]


def _why_by_name(names: list[str], findings: Findings) -> str:
    methods, types, others = _by_kind(names, findings)
    kinds = [*([_CACHED] if methods or others else []), *([_TYPES] if types or others else [])]
    return f"cloudpickle stores by name only {', and '.join(kinds)}"


def _instead(names: list[str], findings: Findings) -> str:
    """What to write in place of what cloudpickle stores by name."""
    methods, types, others = _by_kind(names, findings)
    remedies = []
    if methods:
        remedies.append(
            f"Drop @lru_cache or @cache from {_quoted(methods)}, or keep its results in a dict of the object."
        )
    if types:
        instead = "annotate with the type itself, or not at all, and drop calls of it"
        remedies.append(f"Leave {_quoted(types)} out: {instead}.")
    if others:
        remedies.append(
            f"Of {_quoted(others)}: drop @lru_cache or @cache from a function, or define it inside predict; "
            "in place of a typing.NewType use the type itself."
        )
    return " ".join(remedies)


def _quoted(names: list[str]) -> str:
    return ", ".join(map(repr, names))


def _names(modules: list[Module]) -> str:
    return ", ".join(repr(module.name) for module in modules)


def _not_here(modules: list[Module]) -> str:
    if len(modules) == 1:
        return f"the module {_names(modules)}, which is not installed here"
    return f"modules that are not installed here: {_names(modules)}"
