"""outcome.py: from how a model's process ended to the one fault that its user reads."""

import signal
import unittest
from dataclasses import replace

from numerai_predict.child import Answer, Problem
from numerai_predict.diagnosis import diagnose, fault_of_reading, is_perhaps_of_benchmarks, too_slow_for_one_cpu
from numerai_predict.faults import Code, Fault
from numerai_predict.inspection import THIS_PYTHON, PickleFacts
from numerai_predict.sandbox import LINE_LOST, Limits, Outcome, Stop
from tests import findings
from tests.diagnosis.cases import FACTS, exception
from tests.harness import ROOT

GOOD = Outcome(
    status=0,
    stopped=None,
    answer={},
    payload=None,
    phase="checking",
    phases={},
    waited_s=0.0,
    wall_s=1.0,
    cpu_s=1.0,
    peak_memory_bytes=1 << 20,
    log_tail="the end of the log",
    limits=Limits(wall_s=600.0, memory_bytes=4 << 30),
)
ACCEPTED = Answer()
PROBLEMS = [
    Problem("nan_predictions", "2 are NaN.", "Fill."),
    Problem("predictions_out_of_range", "3 lie outside.", "Rank."),
]
MISSING = Problem("missing_ids", "6 are missing.", "Give them.")


class DiagnosisTestCase(unittest.TestCase):
    answer: Answer | None = ACCEPTED

    def check(
        self,
        expected: Code,
        outcome: Outcome,
        *said: str,
        answer: Answer | None = None,
        facts: PickleFacts | None = FACTS,
    ) -> Fault:
        """That the outcome, with this answer or the test case's, is this fault, and that its message says all this."""
        found = diagnose(outcome, answer or self.answer, facts)
        assert found is not None
        self.assertIs(found.code, expected, found.message)
        for words in said:
            self.assertIn(words, found.message)
        return found


class LadderTest(DiagnosisTestCase):
    def test_diagnose_of_accepted_predictions_is_none(self) -> None:
        self.assertIsNone(diagnose(GOOD, ACCEPTED, FACTS))
        self.assertIsNone(diagnose(GOOD, ACCEPTED, FACTS, strict=True))

    def test_diagnose_of_what_was_stopped_says_by_what_and_while_what(self) -> None:
        memory = replace(GOOD, stopped=Stop.MEMORY, phase="predicting", peak_memory_bytes=5 << 30, status=-9)
        self.check(Code.OUT_OF_MEMORY, memory, "5,120 of 4,096 MiB", "while predicting")
        time = replace(GOOD, stopped=Stop.TIME, phase="loading", cpu_s=42.4, status=-9)
        fault = self.check(Code.TIMEOUT, time, "more than 600 seconds", "42 of them computing", "while loading")
        self.assertEqual(fault.trace, "the end of the log")
        self.check(
            Code.BAD_HANDOVER,
            replace(GOOD, stopped=Stop.HANDOVER, phase="predicting", refusal="junk"),
            "while predicting",
            "junk",
        )

    def test_diagnose_of_too_many_processes_or_files_names_the_limit(self) -> None:
        processes = replace(GOOD, stopped=Stop.PROCESSES, phase="predicting", status=-9)
        self.check(Code.TOO_MANY_PROCESSES, processes, "more than 400 processes while predicting")
        disk = replace(processes, stopped=Stop.DISK)
        self.check(Code.DISK_FULL, disk, "more than 4,096 MiB of files")
        uncounted = replace(disk, uncounted="more than 20,000 files")
        self.check(Code.DISK_FULL, uncounted, "made more than 20,000 files while predicting and was stopped")

    def test_diagnose_of_a_timeout_says_in_which_line(self) -> None:
        trace = 'Current thread 0x1 (most recent call first):\n  File "model.py", line 5 in predict\n'
        late = replace(GOOD, stopped=Stop.TIME, phase="predicting", status=-9, trace=trace)
        fault = self.check(Code.TIMEOUT, late, "was stopped while predicting in predict (model.py line 5).")
        self.assertEqual(fault.trace, trace)

    def test_diagnose_of_a_timeout_says_whether_it_waited_and_who_waited(self) -> None:
        for idle_s, forks, said, hint in (
            (0.0, 0, "was stopped while predicting.", "smaller"),
            (60.0, 0, "was stopped while predicting; for the last 60 seconds it only waited.", "what it waits for"),
            (60.0, 1, "60 seconds it and a process that it had forked only waited.", "deadlock"),
            (2.5, 4, "the last 2.5 seconds it and 4 processes that it had forked only waited.", "deadlock"),
        ):
            with self.subTest(said):
                late = replace(GOOD, stopped=Stop.TIME, phase="predicting", status=-9, idle_s=idle_s, forks=forks)
                self.assertIn(hint, self.check(Code.TIMEOUT, late, said).hint)

    def test_diagnose_of_memory_in_a_smaller_container_names_both(self) -> None:
        limits = Limits(wall_s=600.0, memory_bytes=450 << 20)
        small = replace(GOOD, stopped=Stop.MEMORY, limits=limits, container_bytes=512 << 20, status=-9)
        self.check(Code.OUT_OF_MEMORY, small, "1 of 450 MiB of memory (the container has 512 MiB)")

    def test_diagnose_of_what_was_stopped_beats_what_it_said(self) -> None:
        answers = (
            Answer(exception=exception("ValueError", "late")),
            Answer(fault=Problem("not_callable", "No.", "Do.")),
            Answer(failures=PROBLEMS),
            None,
        )
        for stop, code in (
            (Stop.MEMORY, Code.OUT_OF_MEMORY),
            (Stop.TIME, Code.TIMEOUT),
            (Stop.HANDOVER, Code.BAD_HANDOVER),
            (Stop.PROCESSES, Code.TOO_MANY_PROCESSES),
            (Stop.DISK, Code.DISK_FULL),
        ):
            for answer in answers:
                for facts in (FACTS, None):
                    with self.subTest(stop=stop, answer=answer, facts=facts):
                        fault = diagnose(replace(GOOD, stopped=stop, status=-9), answer, facts)
                        self.assertIs(fault and fault.code, code)

    def test_diagnose_of_an_answer_beats_the_exit_status(self) -> None:
        for status in (1, 3, -11, -9):
            with self.subTest(status=status):
                ended = replace(GOOD, phase="predicting", status=status)
                self.check(Code.MODEL_RAISED, ended, answer=Answer(exception=exception("RuntimeError", "x")))
                self.check(Code.NAN_PREDICTIONS, ended, answer=Answer(failures=PROBLEMS))
                self.assertIsNone(diagnose(ended, ACCEPTED, FACTS))

    def test_diagnose_of_a_fault_of_the_runtime_repeats_it(self) -> None:
        answer = Answer(fault=Problem("wrong_signature", "The signature.", "Make it."))
        fault = self.check(Code.WRONG_SIGNATURE, replace(GOOD, phase="loading"), answer=answer)
        self.assertEqual((fault.message, fault.hint), ("The signature.", "Make it."))

    def test_diagnose_of_a_model_never_handed_over_is_internal(self) -> None:
        for answer, trace in (
            (None, "the end of the log"),
            (Answer(exception=exception("ImportError", "No pandas")), "Traceback"),
        ):
            with self.subTest(trace):
                fault = diagnose(replace(GOOD, phase="importing", status=1), answer, None)
                assert fault is not None
                self.assertIs(fault.code, Code.INTERNAL_ERROR)
                self.assertIn("status 1", fault.message)
                self.assertEqual(fault.trace, trace)


class ReadingTest(DiagnosisTestCase):
    """Whose fault it is that data cannot be read depends on whether the model had run."""

    answer = None
    before = replace(GOOD, phase="reading", phases={"reading": 1.0}, files=("model", "live_features"), answer=None)
    after = replace(
        before, phases={"loading": 1.0, "reading": 1.0}, files=("model", "live_features", "benchmark_models")
    )
    claim = Answer(fault=Problem("unreadable_dataset", "It is cut off.", "Again."))

    def test_end_while_live_features_are_read_is_that_of_the_data(self) -> None:
        for ended, said in (
            ({"stopped": Stop.MEMORY}, "used 1 of 4,096 MiB of memory while reading and was stopped"),
            ({"stopped": Stop.TIME}, "took more than 600 seconds"),
            ({"status": -11}, "ended with SIGSEGV"),
            ({"status": 1}, "ended with status 1"),
        ):
            with self.subTest(said):
                outcome = replace(self.before, **ended)
                self.check(Code.UNREADABLE_DATASET, outcome, "The live features cannot be read", said)

    def test_claim_before_the_model_is_loaded_is_believed_and_afterwards_not(self) -> None:
        self.check(Code.UNREADABLE_DATASET, replace(self.before, answer={}), "It is cut off.", answer=self.claim)
        self.check(Code.BAD_HANDOVER, replace(self.after, answer={}), "which can be read: It is", answer=self.claim)

    def test_end_before_the_data_is_read_or_when_the_model_ran_is_the_models(self) -> None:
        inspecting = replace(self.before, phase="inspecting", files=("model",), phases={"inspecting": 1.0})
        for outcome in (inspecting, self.after):
            self.check(Code.OUT_OF_MEMORY, replace(outcome, stopped=Stop.MEMORY))
            self.check(Code.MODEL_CRASHED, replace(outcome, status=-11))

    def test_benchmarks_are_read_again_where_they_may_be_why_there_is_no_answer(self) -> None:
        for outcome, answer, expected in (
            (self.after, None, True),
            (replace(self.after, phase="predicting"), self.claim, True),
            (replace(self.after, phase="predicting"), None, False),
            (replace(self.after, files=("model", "live_features")), self.claim, False),
            (self.before, None, False),
            (self.after, Answer(), False),
        ):
            with self.subTest(outcome=outcome.phase, answer=answer):
                self.assertIs(is_perhaps_of_benchmarks(outcome, answer), expected)

    def test_process_that_could_read_them_found_no_fault(self) -> None:
        self.assertIsNone(fault_of_reading(replace(self.before, files=("benchmark_models",)), Answer()))


class DiedTest(DiagnosisTestCase):
    answer = None

    def died(self, status: int, phase: str = "predicting") -> Outcome:
        return replace(GOOD, status=status, answer=None, phase=phase)

    def test_diagnose_of_an_end_without_answer_is_model_exited_whatever_the_status(self) -> None:
        for status in (0, 1, 3, 255):
            with self.subTest(status=status):
                self.check(Code.MODEL_EXITED, self.died(status), f"status {status} while predicting")

    def test_diagnose_of_a_lost_line_is_a_bad_handover(self) -> None:
        self.check(Code.BAD_HANDOVER, self.died(LINE_LOST), "lost its connection", "while predicting")

    def test_diagnose_of_a_signal_that_somebody_sent_says_so(self) -> None:
        self.assertIn("sent that signal", self.check(Code.MODEL_CRASHED, self.died(-signal.SIGTERM)).hint)
        self.assertEqual(self.check(Code.MODEL_CRASHED, self.died(-signal.SIGSEGV)).hint, Code.MODEL_CRASHED.hint)

    def test_diagnose_of_a_signal_names_it_and_shows_the_log(self) -> None:
        for number in (signal.SIGSEGV, signal.SIGABRT, signal.SIGBUS, signal.SIGILL, signal.SIGFPE, signal.SIGTERM):
            with self.subTest(signal=number.name):
                fault = self.check(Code.MODEL_CRASHED, self.died(-number), f"died of {number.name} while predicting")
                self.assertEqual(fault.trace, "the end of the log")

    def test_diagnose_of_a_signal_without_name_gives_its_number(self) -> None:
        self.check(Code.MODEL_CRASHED, self.died(-40), "died of signal 40 while")

    def test_diagnose_of_sigkill_from_outside_points_at_memory(self) -> None:
        fault = self.check(Code.MODEL_CRASHED, self.died(-signal.SIGKILL), "SIGKILL", "not by this runtime")
        self.assertIn("memory", fault.hint)

    def test_diagnose_of_a_crash_shows_the_models_part_of_what_faulthandler_wrote(self) -> None:
        log = (
            "Fatal Python error: Segmentation fault\n\n"
            '  File "model.py", line 5 in predict\n'
            f'  File "{ROOT}/numerai_predict/child/main.py", line 260 in predict_and_check\n'
            "\nExtension modules: numpy.linalg, pandas._libs (total: 177)\n"
        )
        fault = self.check(Code.MODEL_CRASHED, replace(self.died(-signal.SIGSEGV), log_tail=log))
        self.assertEqual(
            fault.trace, 'Fatal Python error: Segmentation fault\n\n  File "model.py", line 5 in predict\n\n'
        )

    def test_diagnose_of_a_crash_of_code_that_another_python_may_have_written_names_it(self) -> None:
        crashed = self.died(-signal.SIGSEGV)
        said = f"by Python 3.99; this is Python {THIS_PYTHON}. The model's process died of SIGSEGV while predicting."
        self.check(Code.MODEL_CRASHED, crashed, said, facts=self.facts_of_code_by(THIS_PYTHON, "3.99"))
        only = self.check(Code.MODEL_CRASHED, crashed, facts=self.facts_of_code_by(THIS_PYTHON))
        self.assertNotIn("written", only.message)

    def facts_of_code_by(self, *versions: str) -> PickleFacts:
        return replace(FACTS, findings=replace(findings.GOOD, python=[*versions]))


class KilledByKernelTest(DiagnosisTestCase):
    answer = None
    small = replace(GOOD, answer=None, phase="predicting", status=-9, container_bytes=300 << 20)

    def test_diagnose_of_a_model_that_the_kernel_killed_names_the_containers_memory(self) -> None:
        killed = replace(self.small, oom_kills=1)
        self.check(Code.OUT_OF_MEMORY, killed, "killed the model's process while predicting", "container has 300 MiB")

    def test_diagnose_of_a_worker_that_the_kernel_killed_says_so_and_shows_what_the_model_raised(self) -> None:
        broken = Answer(exception=exception("BrokenProcessPool", "terminated"))
        ended = replace(GOOD, phase="predicting", oom_kills=2)
        fault = self.check(Code.OUT_OF_MEMORY, ended, "killed a process that the model had started", answer=broken)
        self.assertEqual(fault.trace, "Traceback")

    def test_diagnose_of_a_kill_elsewhere_is_not_taken_for_ours(self) -> None:
        self.check(Code.MODEL_CRASHED, replace(self.small, oom_kills=0))
        self.check(Code.MODEL_EXITED, replace(self.small, oom_kills=1, status=0))
        self.assertIsNone(diagnose(replace(GOOD, oom_kills=1), ACCEPTED, FACTS))


class OneCpuTest(unittest.TestCase):
    def test_model_that_computed_longer_than_the_platform_waits_is_warned(self) -> None:
        warning = too_slow_for_one_cpu(replace(GOOD, cpu_s=700.4, wall_s=350.0))
        self.assertIn("700 seconds of CPU time in 350 seconds", warning or "")

    def test_model_within_the_platforms_time_or_beyond_it_in_wall_time_is_not_warned(self) -> None:
        for cpu_s, wall_s in ((599.0, 300.0), (600.0, 600.0), (700.0, 700.0)):
            with self.subTest(cpu_s=cpu_s):
                self.assertIsNone(too_slow_for_one_cpu(replace(GOOD, cpu_s=cpu_s, wall_s=wall_s)))


class ProblemsTest(DiagnosisTestCase):
    def test_diagnose_of_failures_takes_the_first_code_and_says_all(self) -> None:
        fault = self.check(Code.NAN_PREDICTIONS, GOOD, answer=Answer(failures=PROBLEMS))
        self.assertEqual((fault.message, fault.hint), ("2 are NaN. 3 lie outside.", "Fill."))

    def test_diagnose_of_warnings_is_a_fault_only_if_strict(self) -> None:
        answer = Answer(warnings=[MISSING])
        self.assertIsNone(diagnose(GOOD, answer, FACTS))
        fault = diagnose(GOOD, answer, FACTS, strict=True)
        assert fault is not None
        self.assertEqual((fault.code, fault.message, fault.hint), (Code.MISSING_IDS, "6 are missing.", "Give them."))

    def test_diagnose_of_failures_beats_warnings_if_strict(self) -> None:
        fault = diagnose(GOOD, Answer(failures=PROBLEMS, warnings=[MISSING]), FACTS, strict=True)
        self.assertIs(fault and fault.code, Code.NAN_PREDICTIONS)
