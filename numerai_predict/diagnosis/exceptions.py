"""From an exception of the model to the fault that its user reads: the first rule that fits decides."""

from collections.abc import Callable

from numerai_predict.child import CHECKING, INSPECTING, Answer
from numerai_predict.diagnosis.columns import columns
from numerai_predict.diagnosis.loading import damaged, library_skew, missing_attribute, python_version
from numerai_predict.diagnosis.machine import compiler, cuda, file, library, memory, program
from numerai_predict.diagnosis.modules import missing_module
from numerai_predict.diagnosis.network import HINT_BESIDE, attempt_beside, missing_download, network
from numerai_predict.diagnosis.raised import Raised
from numerai_predict.faults import Code, Fault
from numerai_predict.inspection import THIS_PYTHON, PickleFacts, lacking, other_pythons

# What the bytecode of another Python raises where it does not crash.
_ODD_ERRORS = ("TypeError", "ValueError", "SystemError")
# Mostly of a decorator without functools.wraps, around a model of one argument.
_PASSED_ON = (
    "The platform passes both DataFrames to a model of two parameters, of which *args may be one. If a decorator "
    "passes them on, let it use functools.wraps(function), so that the model shows how many it takes."
)


def fault_of_exception(answer: Answer, phase: str, facts: PickleFacts, log: str = "") -> Fault | None:
    """The fault behind the exception that the model's process answered with, with its traceback; None if it did not.
    `log` is the end of what it printed.
    """
    if answer.exception is None:
        return None
    raised = Raised(**vars(answer.exception), phase=phase, facts=facts)
    explained = (rule(raised) for rule in _RULES)
    fault = next(filter(None, explained), None) or _unexplained(raised, answer, log)
    if fault.code is Code.MISSING_FILE and answer.hosts:
        fault = missing_download(raised, answer.hosts)
    fault.trace = raised.trace
    return fault


def perhaps_another_python(facts: PickleFacts) -> str:
    """The sentence to begin with where bytecode that also fits another Python ends oddly; empty if none does."""
    others = other_pythons(facts.findings)
    return f"The pickle may have been written by Python {others}; this is Python {THIS_PYTHON}. " if others else ""


def _unexplained(raised: Raised, answer: Answer, log: str) -> Fault:
    code = Code.LOAD_FAILED if raised.is_loading else Code.MODEL_RAISED
    second = answer.optional_second
    aside = f"; its parameter {second!r} received the benchmark models" if second else ""
    attempt = attempt_beside(answer, log)
    first = perhaps_another_python(raised.facts) if raised.kind in _ODD_ERRORS else ""
    is_passed_on = raised.kind == "TypeError" and second is not None and second.startswith("*")
    passed_on = _PASSED_ON if is_passed_on and "positional argument" in raised.said else None
    message = f"{first}{raised.subject} raised {raised.said}{raised.where}{aside}{attempt}."
    return Fault(code, message, HINT_BESIDE if attempt else passed_on)


def _inspection(raised: Raised) -> Fault | None:
    if raised.phase == INSPECTING:
        # Ours: what pandas unpacks needs pandas.
        if "ModuleNotFoundError" in raised.kinds and (fault := lacking([raised.name])):
            return fault
        return Fault(Code.UNREADABLE_PICKLE, f"The pickle could not be looked into: that raised {raised.said}.")
    return None


def _check(raised: Raised) -> Fault | None:
    """Our checks raise nothing, unless the model has changed the libraries that they use."""
    if raised.phase == CHECKING:
        return Fault(Code.BAD_HANDOVER, f"What the model returned cannot be checked: that raised {raised.said}.")
    return None


def _exited(raised: Raised) -> Fault | None:
    if raised.kind == "SystemExit":
        number = raised.says(r"\A(-?\d{1,20})?\Z")
        argument = raised.message if number else repr(raised.message[:200])
        return Fault(Code.MODEL_EXITED, f"The model called sys.exit({argument}) while {raised.phase}{raised.where}.")
    return None


_RULES: tuple[Callable[[Raised], Fault | None], ...] = (
    *(memory, _inspection, _check, network, library, compiler, program, _exited),
    *(python_version, cuda, missing_module, missing_attribute, library_skew, damaged, columns, file),
)
