"""From how a model's process ended to the fault that its user reads: one ladder, the first rung that fits decides."""

import signal
from dataclasses import replace

from numerai_predict.child import BENCHMARK_MODELS, DATA, LIVE_FEATURES, LOADING, READING, Answer, Problem
from numerai_predict.faults import Code, Fault
from numerai_predict.inspection import PickleFacts
from numerai_predict.platform_limits import TIME_LIMIT_S
from numerai_predict.sandbox import LINE_LOST, Outcome, Stop

UNREADABLE = Code.UNREADABLE_DATASET.label
DEADLOCK = (
    "Most likely a deadlock: a fork has none of the threads that LightGBM, XGBoost, torch or another library had "
    "started before, and waits for them. Start no processes, or let joblib start them: its backends loky, the default, "
    "and threading do not fork."
)


def diagnose(outcome: Outcome, answer: Answer | None, facts: PickleFacts | None, strict: bool = False) -> Fault | None:
    """The one fault that explains why the model gave no acceptable predictions; None if it did.

    What we stopped comes first, then what the model itself reported, then how its process ended. `answer` is that of
    the outcome, None if there is none. Without `facts` the model was never handed over. With `strict`, the platform's
    acceptance rules count too.
    """
    if not has_loaded(outcome) and LIVE_FEATURES in outcome.files and (fault := fault_of_reading(outcome, answer)):
        return fault
    if fault := _stopped(outcome):
        return fault
    if facts is None:
        return _never_began(outcome, answer)
    if answer is None:
        return _killed_by_kernel(outcome) or _died(outcome, facts)
    return (
        _worker_killed_by_kernel(outcome, answer)
        or _claimed(answer)
        or _raised(outcome, answer, facts)
        or _fault_of_all(answer.failures)
        or (_fault_of_all(answer.warnings) if strict else None)
    )


def has_loaded(outcome: Outcome) -> bool:
    """Whether code of the model may have run."""
    return LOADING in outcome.phases


def is_perhaps_of_benchmarks(outcome: Outcome, answer: Answer | None) -> bool:
    """Whether the benchmark models, which are read when the model is loaded already, may be why there is no answer."""
    if not has_loaded(outcome) or BENCHMARK_MODELS not in outcome.files:
        return False
    is_claimed = answer is not None and answer.fault is not None and answer.fault.code == UNREADABLE
    return is_claimed or (outcome.phase == READING and answer is None)


def fault_of_reading(outcome: Outcome, answer: Answer | None) -> Fault | None:
    """Why a process that had run nothing of a model could not read the data; None if it could."""
    if answer is not None:
        return _fault_of(answer.fault) if answer.fault and answer.fault.code == UNREADABLE else None
    if outcome.phase != READING:
        return None
    name = DATA[outcome.files[-1]]
    found = _stopped(outcome)
    if outcome.stopped is Stop.HANDOVER:
        return None
    if found is None:
        end = f"status {outcome.status}" if outcome.status >= 0 else _signal_name(-outcome.status)
        return Fault(Code.UNREADABLE_DATASET, f"The {name} cannot be read: the process that tried ended with {end}.")
    limit = found.message.removeprefix("The model ")
    return Fault(Code.UNREADABLE_DATASET, f"The {name} cannot be read: the process that tried {limit}")


def too_slow_for_one_cpu(outcome: Outcome) -> str | None:
    """The warning that a model only made it in time because it had more CPUs than the platform's one."""
    if not outcome.wall_s <= TIME_LIMIT_S < outcome.cpu_s:
        return None
    return (
        f"The model used {outcome.cpu_s:.0f} seconds of CPU time in {outcome.wall_s:.0f} seconds of wall time; "
        f"on the platform's one CPU it would exceed the limit of {TIME_LIMIT_S:.0f} seconds."
    )


def _stopped(outcome: Outcome) -> Fault | None:
    limits, where = outcome.limits, f"while {outcome.phase}"
    trace = outcome.trace or outcome.log_tail
    if outcome.stopped is Stop.MEMORY and limits.memory_bytes is not None:
        used = f"{_mib(outcome.peak_memory_bytes)} of {_mib(limits.memory_bytes)} MiB of memory"
        return Fault(Code.OUT_OF_MEMORY, f"The model used {used}{_container(outcome)} {where} and was stopped.")
    if outcome.stopped is Stop.TIME and limits.wall_s is not None:
        from numerai_predict.diagnosis.crash import crash_site, without_our_frames

        busy = f"{outcome.cpu_s:.0f} of them computing"
        waiting, hint = _waiting(outcome)
        stopped = f"was stopped {where}{crash_site(trace)}"
        return Fault(
            Code.TIMEOUT,
            f"The model took more than {limits.wall_s:g} seconds ({busy}) and {stopped}{waiting}.",
            hint,
            without_our_frames(trace),
        )
    if outcome.stopped is Stop.PROCESSES:
        message = f"The model had more than {limits.processes} processes {where} and was stopped."
        return Fault(Code.TOO_MANY_PROCESSES, message)
    if outcome.stopped is Stop.DISK and outcome.uncounted:
        message = f"The model made {outcome.uncounted} {where} and was stopped: what it writes must be counted."
        return Fault(Code.DISK_FULL, message)
    if outcome.stopped is Stop.DISK:
        message = f"The model wrote more than {_mib(limits.disk_bytes)} MiB of files {where} and was stopped."
        return Fault(Code.DISK_FULL, message)
    if outcome.stopped is Stop.HANDOVER:
        return Fault(Code.BAD_HANDOVER, f"The model's process was stopped {where}: it sent {outcome.refusal}.")
    return None


def _waiting(outcome: Outcome) -> tuple[str, str | None]:
    """What a model that was too slow did instead of computing, and the remedy; nothing if it did compute."""
    if not outcome.idle_s:
        return "", None
    if not outcome.forks:
        hint = "Look for what it waits for: a lock, a queue, a file, a process that it started, time.sleep."
        return f"; for the last {outcome.idle_s:g} seconds it only waited", hint
    forks = "a process" if outcome.forks == 1 else f"{outcome.forks} processes"
    return f"; for the last {outcome.idle_s:g} seconds it and {forks} that it had forked only waited", DEADLOCK


def _claimed(answer: Answer) -> Fault | None:
    """The fault that the model's process named. That data cannot be read was found out without it, if so."""
    if answer.fault and answer.fault.code == UNREADABLE:
        message = f"The model's process could not read its data, which can be read: {answer.fault.message}"
        return Fault(Code.BAD_HANDOVER, message)
    return _fault_of(answer.fault)


def _never_began(outcome: Outcome, answer: Answer | None) -> Fault:
    trace = answer.exception.trace if answer and answer.exception else ""
    message = f"The model's process ended with status {outcome.status} before it received the model."
    hint = "See the traceback: are the packages installed?"
    return Fault(Code.INTERNAL_ERROR, message, hint, trace or outcome.log_tail)


def _killed_by_kernel(outcome: Outcome) -> Fault | None:
    if not outcome.oom_kills or outcome.status != -signal.SIGKILL:
        return None
    return _ran_out_of_memory(outcome, "the model's process")


def _worker_killed_by_kernel(outcome: Outcome, answer: Answer) -> Fault | None:
    """When memory runs out the kernel may also end a process of the model's, for which the model then raises."""
    if not outcome.oom_kills or answer.exception is None:
        return None
    return _ran_out_of_memory(outcome, "a process that the model had started", answer.exception.trace)


def _ran_out_of_memory(outcome: Outcome, victim: str, trace: str = "") -> Fault:
    used = f"it was last seen to use {_mib(outcome.peak_memory_bytes)} MiB{_container(outcome)}"
    message = f"The kernel ran out of memory and killed {victim} while {outcome.phase}; {used}."
    return Fault(Code.OUT_OF_MEMORY, message, trace=trace)


def _container(outcome: Outcome) -> str:
    return f" (the container has {_mib(outcome.container_bytes)} MiB)" if outcome.container_bytes else ""


def _raised(outcome: Outcome, answer: Answer, facts: PickleFacts) -> Fault | None:
    """The fault behind the exception of the model; a model that raises none need not wait for the rules."""
    if answer.exception is None:
        return None
    from numerai_predict.diagnosis.exceptions import fault_of_exception
    from numerai_predict.diagnosis.exhausted import exhausted

    return exhausted(outcome, answer, facts) or fault_of_exception(answer, outcome.phase, facts, outcome.log_tail)


def _died(outcome: Outcome, facts: PickleFacts) -> Fault:
    from numerai_predict.diagnosis.crash import crash_site, without_our_frames
    from numerai_predict.diagnosis.exceptions import perhaps_another_python
    from numerai_predict.diagnosis.exhausted import exhausted

    if fault := exhausted(outcome, None, facts):
        return fault
    if outcome.status == LINE_LOST:
        message = f"The model's process lost its connection to the runtime while {outcome.phase}."
        return Fault(Code.BAD_HANDOVER, message)
    if outcome.status >= 0:
        return Fault(
            Code.MODEL_EXITED,
            f"The model's process ended with status {outcome.status} while {outcome.phase}, without predictions.",
        )
    name = _signal_name(-outcome.status)
    if name == "SIGKILL":
        return Fault(
            Code.MODEL_CRASHED,
            f"The model's process was killed (SIGKILL) while {outcome.phase}, and not by this runtime.",
            "This is most often the machine running out of memory: give the container more, or use less.",
        )
    trace = outcome.trace or outcome.log_tail
    sent = name not in ("SIGSEGV", "SIGBUS", "SIGILL", "SIGFPE", "SIGABRT", "SIGTRAP", "SIGSYS")
    return Fault(
        Code.MODEL_CRASHED,
        f"{perhaps_another_python(facts)}The model's process died of {name} while {outcome.phase}{crash_site(trace)}.",
        "Some process sent that signal: the model itself, or a tool that stops processes on this machine."
        if sent
        else None,
        without_our_frames(trace),
    )


def _fault_of(problem: Problem | None) -> Fault | None:
    return Fault(Code[problem.code.upper()], problem.message, problem.hint) if problem else None


def _fault_of_all(problems: list[Problem]) -> Fault | None:
    """One fault that says all that is wrong, with the code and the hint of the first problem."""
    if not problems:
        return None
    message = " ".join(problem.message for problem in problems)
    return _fault_of(replace(problems[0], message=message))


def _signal_name(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"signal {number}"


def _mib(size: int) -> str:
    return f"{size / (1 << 20):,.0f}"
