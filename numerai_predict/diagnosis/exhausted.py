"""What ran out around a model: room for one more process or thread, shared memory."""

import re
import signal

from numerai_predict.child import Answer
from numerai_predict.diagnosis.crash import crash_site, without_our_frames
from numerai_predict.diagnosis.raised import Raised
from numerai_predict.faults import Code, Fault
from numerai_predict.inspection import PickleFacts
from numerai_predict.sandbox import Outcome

# Of Python, fork, libgomp, OpenBLAS, TensorFlow, and the libraries of C++ and Rust.
_NO_TASK = re.compile(
    r"can't start new thread|thread creation failed|pthread_create|resource temporarily unavailable", re.IGNORECASE
)
# Of files, of torch's workers, and of pools whose worker died.
_NO_SHARED_MEMORY = re.compile(
    r"No space left on device|shared memory|Bus error|SIGBUS|(exited|terminated) (abruptly|unexpectedly)"
    r"|unexpectedly terminated"
)
# In which a library says why it ends the process.
_LAST_WORDS = 1000


def exhausted(outcome: Outcome, answer: Answer | None, facts: PickleFacts) -> Fault | None:
    """The fault of a model that died or raised because of that."""
    if answer is None:
        return _found_by_death(outcome)
    if answer.exception is None:
        return None
    raised = Raised(**vars(answer.exception), phase=outcome.phase, facts=facts)
    if raised.says(_NO_TASK):
        return _no_task(outcome, f"{raised.said}){raised.where}", raised.trace)
    if outcome.full_shared_memory_bytes and raised.says(_NO_SHARED_MEMORY):
        return _no_shared_memory(outcome, f"the model raised {raised.said}{raised.where}", raised.trace)
    return None


def _found_by_death(outcome: Outcome) -> Fault | None:
    where = crash_site(outcome.trace)
    trace = without_our_frames(outcome.trace or outcome.log_tail)
    last_words = outcome.log_tail[-_LAST_WORDS:].splitlines()
    if words := next(filter(_NO_TASK.search, last_words), None):
        return _no_task(outcome, f"{words}){where}", trace)
    if outcome.full_shared_memory_bytes and outcome.status == -signal.SIGBUS:
        died = f"the model's process died of SIGBUS while {outcome.phase}{where}"
        return _no_shared_memory(outcome, died, trace)
    return None


def _no_task(outcome: Outcome, said: str, trace: str) -> Fault:
    message = f"The model could start no more processes or threads (at most {outcome.most_tasks}; {said}."
    return Fault(Code.TOO_MANY_PROCESSES, message, trace=trace)


def _no_shared_memory(outcome: Outcome, end: str, trace: str) -> Fault:
    size = f"{(outcome.full_shared_memory_bytes or 0) >> 20:,} MB"
    hint = (
        "Share no data between processes: use threads, n_jobs=1, num_workers=0. "
        "At home docker run --shm-size gives more shared memory, but a model must also run without."
    )
    return Fault(Code.DISK_FULL, f"Shared memory (/dev/shm, {size}) was full: {end}.", hint, trace)
