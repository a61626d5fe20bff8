"""exhausted.py: a model that found no room for one more thread, or none in shared memory, is not said to crash."""

import signal
from dataclasses import replace

from numerai_predict.child import Answer
from numerai_predict.faults import Code
from tests.diagnosis.cases import WHERE, exception
from tests.diagnosis.test_outcome import GOOD, DiagnosisTestCase

FORTY = replace(GOOD, phase="predicting", most_tasks="40 processes and threads in this container")
FULL = replace(GOOD, phase="predicting", full_shared_memory_bytes=64 << 20)
CRASH = """Fatal Python error: Bus error

Current thread 0x00007f67e46c6b80 (most recent call first):
  File "/somewhere/model.py", line 9 in predict
"""


def raised(kind: str, message: str, *bases: str) -> Answer:
    return Answer(exception=exception(kind, message, *bases, where=WHERE))


class ThreadsTest(DiagnosisTestCase):
    answer = None

    def test_model_that_cannot_start_a_thread_or_process_names_the_limit(self) -> None:
        for kind, message in (
            ("RuntimeError", "can't start new thread"),
            ("BlockingIOError", "[Errno 11] Resource temporarily unavailable"),
            ("PanicException", "could not spawn threads: Resource temporarily unavailable (os error 11)"),
        ):
            with self.subTest(kind):
                limit = "could start no more processes or threads (at most 40 processes and threads in this container; "
                self.check(
                    Code.TOO_MANY_PROCESSES, FORTY, f"{limit}{kind}: {message}){WHERE}.", answer=raised(kind, message)
                )

    def test_process_that_a_library_ended_for_want_of_a_thread_shows_what_it_printed(self) -> None:
        for status, words in (
            (1, "libgomp: Thread creation failed: Resource temporarily unavailable"),
            (-signal.SIGSEGV, "libgomp: Thread creation failed: Resource temporarily unavailable"),
            (-signal.SIGABRT, "F env.cc:76] Check failed: Thread tf_Eigen creation via pthread_create() failed."),
        ):
            with self.subTest(status=status):
                outcome = replace(FORTY, status=status, log_tail=f"loading\n{words}\n", trace=CRASH)
                fault = self.check(
                    Code.TOO_MANY_PROCESSES, outcome, f"; {words}) in predict (/somewhere/model.py line 9)."
                )
                self.assertIn("model.py", fault.trace)

    def test_process_that_died_long_after_it_printed_so_died_of_something_else(self) -> None:
        words = "OpenBLAS blas_thread_init: pthread_create failed for thread 3 of 4\n"
        self.check(Code.MODEL_EXITED, replace(FORTY, status=1, log_tail=words + "epoch\n" * 1000))


class SharedMemoryTest(DiagnosisTestCase):
    answer = None

    def test_process_that_died_of_sigbus_while_shared_memory_was_full_says_so(self) -> None:
        said = (
            "Shared memory (/dev/shm, 64 MB) was full: the model's process died of SIGBUS while predicting in predict"
        )
        fault = self.check(Code.DISK_FULL, replace(FULL, status=-signal.SIGBUS, trace=CRASH), said)
        self.assertIn("num_workers=0", fault.hint)

    def test_process_that_died_otherwise_or_with_room_left_crashed(self) -> None:
        self.check(Code.MODEL_CRASHED, replace(FULL, status=-signal.SIGSEGV))
        self.check(Code.MODEL_CRASHED, replace(FULL, status=-signal.SIGBUS, full_shared_memory_bytes=None))

    def test_model_whose_workers_found_no_room_says_so(self) -> None:
        for kind, message in (
            ("RuntimeError", "DataLoader worker (pid 7) is killed by signal: Bus error."),
            ("RuntimeError", "DataLoader worker (pid(s) 20) exited unexpectedly"),
            ("OSError", "[Errno 28] No space left on device"),
            ("BrokenProcessPool", "A process in the process pool was terminated abruptly while the future was running"),
            ("TerminatedWorkerError", "A worker process managed by the executor was unexpectedly terminated."),
        ):
            with self.subTest(kind):
                said = f"was full: the model raised {kind}: {message.rstrip('.')}{WHERE}."
                self.check(Code.DISK_FULL, FULL, said, answer=raised(kind, message))

    def test_worker_that_died_with_room_left_is_what_the_model_raised(self) -> None:
        answer = raised("BrokenProcessPool", "A process in the process pool was terminated abruptly")
        self.check(Code.MODEL_RAISED, replace(FULL, full_shared_memory_bytes=None), answer=answer)

    def test_model_that_raised_something_else_is_not_said_to_have_found_no_room(self) -> None:
        self.check(Code.MODEL_RAISED, FULL, answer=raised("ValueError", "odd"))
