"""supervisor.py: real programs under real limits."""

import io
import os
import signal
import subprocess
import sys
import tempfile
import textwrap
import threading
import time
import unittest
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import BinaryIO
from unittest import mock

from numerai_predict.sandbox import disk_usage, supervisor, workspace
from numerai_predict.sandbox.cgroup import MemoryGroup
from numerai_predict.sandbox.channel import Message, ProtocolError
from numerai_predict.sandbox.folders import remove_tree
from numerai_predict.sandbox.launcher import ExecLauncher
from numerai_predict.sandbox.outcome import Limits, Outcome, Stop
from numerai_predict.sandbox.process_tree import ProcessTree
from numerai_predict.sandbox.supervisor import Supervisor
from numerai_predict.sandbox.task import ReportTaker, Task
from tests.harness import ROOT, command_lines

PROLOGUE = f"""
import os, sys, time
sys.path.insert(0, {str(ROOT)!r})
from numerai_predict.sandbox import ChildChannel, fork_program
reaper = fork_program(int(sys.argv[1]), int(sys.argv[2]) if sys.argv[2] else None)
channel = ChildChannel.from_stdin()
"""


def launching(program: str) -> ExecLauncher:
    """Starts a Python program that has its `channel`."""
    return ExecLauncher([sys.executable, "-c", PROLOGUE + textwrap.dedent(program)])


NOTHING = Task()
REPORTING = Task(reports={"findings": lambda *_: None})


def read(payload: BinaryIO | None) -> bytes:
    """What is in it; it is closed then."""
    assert payload is not None
    with payload:
        return payload.read()


def giving(**files: Callable[[], Path]) -> Task:
    """A task in whose course these files may be asked for."""
    return Task(files=files)


def refuse() -> Path:
    raise AssertionError("there is no model")


class TestRunLimited(unittest.TestCase):
    """What becomes of a program that speaks the channel's language, or does not."""

    def setUp(self) -> None:
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = Path(folder.name)

    def run_program(self, program: str, limits: Limits | None = None) -> Outcome:
        """Run a Python program that has its `channel`; what it asks for comes from the test's folder."""
        launcher = launching(textwrap.dedent(program))
        task = Task(phases=("computing", "crashing"), files={"model": lambda: self.folder / "model"})
        return Supervisor(launcher, limits or Limits(wall_s=60), task).run()

    def test_answer_and_payload_arrive(self) -> None:
        outcome = self.run_program("channel.answer({'seen': 7}, b'x' * 3_000_000)")
        self.assertEqual((outcome.status, outcome.stopped, outcome.answer), (0, None, {"seen": 7}))
        self.assertEqual(read(outcome.payload), b"x" * 3_000_000)

    def test_program_gets_the_files_that_it_asks_for(self) -> None:
        (self.folder / "model").write_bytes(b"content")
        outcome = self.run_program("""
            reply, file = channel.request("model")
            channel.answer({"name": reply["name"], "content": file.read().decode()})
        """)
        self.assertEqual(outcome.answer, {"name": "model", "content": "content"})

    def test_findings_are_heard_before_the_answer_and_not_part_of_it(self) -> None:
        reported: list[tuple[Message, bytes]] = []
        program = launching("channel.report('findings', {'found': 1}, b'more'); channel.answer({})")
        outcome = self.run_with_reports(program, lambda content, payload: reported.append((content, read(payload))))
        self.assertEqual(([({"found": 1}, b"more")], {}), (reported, outcome.answer))

    def run_with_reports(self, program: ExecLauncher, take: ReportTaker) -> Outcome:
        """Run a program that may report its findings until it begins to run what nobody has to trust."""
        task = Task(phases=("working", "risking"), reports={"findings": take}, trusted_until="risking")
        return Supervisor(program, Limits(wall_s=60), task).run()

    def test_findings_that_come_twice_are_refused(self) -> None:
        reported: list[Message] = []
        program = launching("for n in 1, 2: channel.report('findings', {'n': n})\nchannel.answer({})")
        outcome = self.run_with_reports(program, lambda content, _: reported.append(content))
        self.assertEqual((Stop.HANDOVER, [{"n": 1}], None), (outcome.stopped, reported, outcome.answer))

    def test_report_of_what_runs_code_that_nobody_trusts_or_under_another_name_is_refused(self) -> None:
        for said in ("channel.announce('risking'); channel.report('findings', {})", "channel.report('others', {})"):
            with self.subTest(said):
                outcome = self.run_with_reports(launching(f"{said}; channel.answer({{}})"), lambda *_: None)
                self.assertEqual((Stop.HANDOVER, None), (outcome.stopped, outcome.answer))

    def test_findings_that_the_listener_refuses_end_the_program(self) -> None:
        def refuse_all(findings: Message, payload: BinaryIO | None) -> None:
            raise ProtocolError("nonsense")

        program = launching("channel.report('findings', {}); time.sleep(60)")
        outcome = self.run_with_reports(program, refuse_all)
        self.assertEqual((Stop.HANDOVER, "nonsense"), (outcome.stopped, outcome.refusal))

    def test_answer_without_the_nonce_is_refused(self) -> None:
        outcome = self.run_program("""
            from numerai_predict.sandbox.channel import encode
            channel._send(encode({"answer": {}, "nonce": "guessed"}))
            time.sleep(60)
        """)
        self.assertEqual((outcome.stopped, outcome.answer), (Stop.HANDOVER, None))

    def test_program_that_asks_twice_is_refused(self) -> None:
        (self.folder / "model").write_bytes(b"")
        outcome = self.run_program("channel.request('model'); channel.request('model')")
        self.assertEqual((outcome.stopped, outcome.answer), (Stop.HANDOVER, None))

    def test_files_come_by_their_names_in_their_order_and_until_a_phase_or_not_at_all(self) -> None:
        here = partial(Path, __file__)
        task = Task(phases=("first", "last"), files={"a": here, "b": here, "c": here}, fed_until="last")
        ask = "channel.request('{}')".format
        for said, is_right in (
            ((ask("a"), ask("c")), True),
            ((ask("other"),), False),
            ((ask("b"), ask("a")), False),
            ((ask("a"), ask("a")), False),
            ((ask("a"), "channel.announce('last')", ask("b")), False),
            ((ask("a"), "channel.announce('first')", ask("b")), True),
        ):
            with self.subTest(said):
                program = launching("; ".join((*said, "channel.answer({})")))
                outcome = Supervisor(program, Limits(wall_s=60), task).run()
                self.assertIs(outcome.stopped, None if is_right else Stop.HANDOVER)
                self.assertEqual(outcome.answer, {} if is_right else None)

    def test_phase_that_is_over_or_unknown_does_not_begin(self) -> None:
        task = Task(phases=("a", "b", "a", "c", "b"))
        for said, phase in (("abacb", "b"), ("acxa", "c"), ("acb", "b"), ("ba", "a"), ("x", "starting")):
            with self.subTest(said):
                program = launching(f"for phase in {said!r}: channel.announce(phase)\nos._exit(0)")
                self.assertEqual(phase, Supervisor(program, Limits(wall_s=60), task).run().phase)

    def test_rights_can_be_restored_when_no_process_is_left_and_the_folder_is_still_there(self) -> None:
        seen: list[bool] = []
        program = launching("print(os.getpid(), os.getcwd(), flush=True); time.sleep(60)")

        def look() -> None:
            pid, folder = shown.getvalue().split()
            seen.extend((Path(f"/proc/{int(pid)}").exists(), Path(os.fsdecode(folder)).exists()))

        shown = io.BytesIO()
        Supervisor(program, Limits(wall_s=2), Task(when_gone=look), stdout=shown).run()
        self.assertEqual([False, True], seen)

    def test_payload_over_the_limit_is_refused(self) -> None:
        outcome = self.run_program("channel.answer({}, b'x' * 2000)", Limits(wall_s=60, answer_bytes=1000))
        self.assertEqual((outcome.stopped, outcome.answer), (Stop.HANDOVER, None))

    def test_exit_without_an_answer_has_its_status_and_no_answer(self) -> None:
        outcome = self.run_program("os._exit(7)")
        self.assertEqual((outcome.status, outcome.stopped, outcome.answer), (7, None, None))

    def test_signal_is_a_negative_status_and_the_log_says_where(self) -> None:
        outcome = self.run_program("""
            channel.announce("crashing")
            import ctypes
            ctypes.string_at(0)
        """)
        self.assertEqual((outcome.status, outcome.phase), (-11, "crashing"))
        self.assertIn("Segmentation fault", outcome.log_tail)

    def test_program_over_its_time_is_ended_with_its_children(self) -> None:
        began = time.monotonic()
        outcome = self.run_program(
            """
            child = os.fork()
            if child == 0:
                os.setsid()
                time.sleep(600)
            print(child, flush=True)
            time.sleep(600)
            """,
            Limits(wall_s=4),
        )
        self.assertIs(outcome.stopped, Stop.TIME)
        self.assertLess(time.monotonic() - began, 30)
        self.assert_ends(int(outcome.log_tail))

    def test_program_that_waits_to_the_end_of_its_time_is_known_to_with_its_forks(self) -> None:
        compute = "while time.process_time() < 600: pass"
        for program, idle_s, forks in (
            ("time.sleep(600)", 2.0, 0),
            ("os.fork(); time.sleep(600)", 2.0, 1),
            (compute, 0.0, 0),
            (f"if os.fork() == 0:\n    {compute}\ntime.sleep(600)", 0.0, 0),
        ):
            with self.subTest(program):
                outcome = self.run_program(program, Limits(wall_s=4))
                self.assertEqual((Stop.TIME, idle_s, forks), (outcome.stopped, outcome.idle_s, outcome.forks))

    def test_program_over_its_memory_is_ended(self) -> None:
        limits = Limits(wall_s=60, memory_bytes=300_000_000)
        outcome = self.run_program("hold = [b'x' * 10_000_000 for _ in range(1000)]; time.sleep(60)", limits)
        self.assertIs(outcome.stopped, Stop.MEMORY)
        self.assertGreater(outcome.peak_memory_bytes, 300_000_000)
        self.assertLess(outcome.peak_memory_bytes, 3_000_000_000)

    def test_peak_is_known_of_memory_that_was_freed_before_anybody_looked(self) -> None:
        outcome = self.run_program("held = b'x' * 400_000_000; del held; channel.answer({})")
        self.assertGreater(outcome.peak_memory_bytes, 400_000_000)

    def test_program_that_says_much_is_not_looked_at_each_time(self) -> None:
        program = "for _ in range(300):\n    print('more', flush=True)\n    time.sleep(0.002)\nchannel.answer({})"
        with mock.patch.object(ProcessTree, "memory_bytes", return_value=0) as looks:
            self.run_program(program)
        self.assertTrue(0 < looks.call_count < 100, looks.call_count)

    @unittest.skipUnless(Path("/proc/self/fd").exists(), "needs Linux")
    def test_run_leaves_no_descriptor_open(self) -> None:
        self.run_program("channel.answer({})")
        before = os.listdir("/proc/self/fd")
        self.run_program("channel.answer({})")
        self.assertEqual(before, os.listdir("/proc/self/fd"))

    def test_grandchildren_of_a_program_that_answers_are_ended(self) -> None:
        outcome = self.run_program("""
            child = os.fork()
            if child == 0:
                time.sleep(600)
            channel.answer({"child": child})
        """)
        assert outcome.answer is not None
        self.assert_ends(outcome.answer["child"])

    def test_processes_of_a_program_whose_reaper_is_killed_are_ended(self) -> None:
        """As the kernel does, in want of memory."""

        def kill() -> Path:
            time.sleep(0.5)  # The runtime looks at what runs.
            os.kill(int(shown.getvalue().split()[0]), signal.SIGKILL)
            return Path(__file__)

        shown = io.BytesIO()
        program = """
            child = os.fork()
            if child == 0:
                time.sleep(600)
            print(reaper, child, os.getpid(), flush=True)
            channel.request("model")
            time.sleep(600)
        """
        outcome = Supervisor(launching(program), Limits(wall_s=60), giving(model=kill), stdout=shown).run()
        self.assertEqual((-signal.SIGKILL, None), (outcome.status, outcome.stopped))
        for pid in shown.getvalue().split()[1:]:
            self.assert_ends(int(pid))

    def test_processes_that_a_program_has_left_are_ended_though_its_reaper_is_killed_meanwhile(self) -> None:
        program = """
            child = os.fork()
            if child == 0:
                time.sleep(600)
            print(reaper, child, flush=True)
            time.sleep(0.5)  # The runtime looks at what runs.
            channel.answer({})
        """
        kill = ProcessTree.kill

        def kill_without_reaper(tree: ProcessTree, is_over: Callable[[], bool]) -> None:
            reaper = shown.getvalue().split()[0]
            os.kill(int(reaper), signal.SIGKILL)
            kill(tree, is_over)

        shown = io.BytesIO()
        with mock.patch.object(ProcessTree, "kill", kill_without_reaper):
            outcome = Supervisor(launching(program), Limits(wall_s=60), NOTHING, stdout=shown).run()
        self.assertEqual((0, {}), (outcome.status, outcome.answer))
        self.assert_ends(int(shown.getvalue().split()[1]))

    def test_time_in_which_the_program_waits_for_us_does_not_count(self) -> None:
        def slowly() -> Path:
            time.sleep(2)
            return Path(__file__)

        program = launching("channel.request('model'); channel.answer({})")
        outcome = Supervisor(program, Limits(wall_s=1.9), giving(model=slowly)).run()
        self.assertEqual((outcome.stopped, outcome.answer), (None, {}))
        self.assertGreater(outcome.waited_s, 1.9)
        self.assertLess(outcome.wall_s, 1.9)

    def test_program_that_calls_a_phase_fetching_gains_no_time(self) -> None:
        outcome = self.run_program("channel.announce('fetching'); time.sleep(600)", Limits(wall_s=1.5))
        self.assertIs(outcome.stopped, Stop.TIME)

    def test_program_that_announces_phases_without_end_is_refused(self) -> None:
        outcome = self.run_program("for n in range(10**9): channel.announce(f'phase {n}')")
        self.assertIs(outcome.stopped, Stop.HANDOVER)

    def test_failure_to_provide_ends_the_program_and_is_raised(self) -> None:
        program = launching("channel.request('model'); time.sleep(600)")
        with self.assertRaisesRegex(AssertionError, "there is no model"):
            Supervisor(program, Limits(), giving(model=refuse)).run()

    def test_output_is_relayed_and_its_end_kept(self) -> None:
        outcome = self.run_program("print('last words', file=sys.stderr); os._exit(0)")
        self.assertIn("last words", outcome.log_tail)

    def test_program_that_neither_reads_nor_answers_is_no_success(self) -> None:
        outcome = Supervisor(ExecLauncher(["true"]), Limits(wall_s=60), NOTHING).run()
        self.assertEqual((outcome.status, outcome.answer), (0, None))

    def test_half_an_answer_is_refused(self) -> None:
        for half in ("""b'{"answer": '""", """b'{"payload_bytes": 9}\\n'""", """b'{"payload_bytes": 9}\\n12345678'"""):
            with self.subTest(half):
                outcome = self.run_program(f"channel._send({half}); os._exit(0)")
                self.assertEqual((outcome.stopped, outcome.answer), (Stop.HANDOVER, None))
                self.assertEqual(outcome.refusal, "only the beginning of a message")

    def test_thread_that_provides_is_there_before_the_program_begins(self) -> None:
        provider = []

        def provide() -> Path:
            provider.append(str(threading.get_native_id()))
            return Path(__file__)

        program = """
runtime = channel.terms()[0]["runtime"]
print(*os.listdir(f"/proc/{runtime}/task"), flush=True)
channel.request("model")
"""
        outcome = Supervisor(launching(program), Limits(wall_s=60), giving(model=provide)).run()
        self.assertEqual(len(provider), 1)
        self.assertIn(provider[0], outcome.log_tail.split())

    def test_memory_of_files_on_a_tmpfs_that_come_before_untrusted_code_is_not_the_programs(self) -> None:
        group = MemoryGroup(self.folder, 2)
        (self.folder / "cgroup.procs").write_text(f"{os.getpid()}\n")
        held = self.folder / "memory.stat"
        held.write_text("anon 1000000000\nshmem 0\n")

        def provide(bytes_held: int) -> Path:
            time.sleep(0.1)  # The runtime listens again, and hears of the file before it looks at the memory.
            held.write_text(f"anon 1000000000\nshmem {bytes_held}\n")
            time.sleep(0.2)
            return Path(__file__)

        task = Task(
            phases=("risking",),
            files={"model": partial(provide, 700_000_000), "data": partial(provide, 1_400_000_000)},
            trusted_until="risking",
        )
        for between, stopped in (("", None), ("channel.announce('risking')", Stop.MEMORY)):
            program = (
                f"channel.request('model')\n{between}\nchannel.request('data')\ntime.sleep(0.5)\nchannel.answer({{}})"
            )
            with self.subTest(between), mock.patch.object(MemoryGroup, "ours", return_value=group):
                held.write_text("anon 1000000000\nshmem 0\n")
                limits = Limits(wall_s=60, memory_bytes=500_000_000)
                outcome = Supervisor(launching(program), limits, task).run()
                self.assertIs(outcome.stopped, stopped)

    def test_program_has_a_folder_of_its_own_that_goes_with_it(self) -> None:
        outcome = self.run_program("""
            terms, _ = channel.terms()
            open("here", "w").close()
            places = {os.getcwd(), os.environ["HOME"], os.environ["TMPDIR"], terms["folder"]}
            channel.answer({"places": sorted(places), "files": os.listdir(terms["folder"])})
        """)
        assert outcome.answer is not None
        (folder,) = outcome.answer["places"]
        self.assertEqual(outcome.answer["files"], ["here"])
        self.assertFalse(Path(folder).exists())

    def test_program_that_confines_itself_tells_which_promises_do_not_hold(self) -> None:
        outcome = self.run_program("""
            from numerai_predict.sandbox.confine import confine
            channel.report_broken(confine(channel.terms()[0], reaper))
            channel.answer({})
        """)
        assert outcome.broken is not None
        # As root the interpreter may be out of reach for every other user; a container has nothing else to excuse.
        self.assertLessEqual(set(outcome.broken), {"user"} if os.getuid() == 0 else set())

    def test_promise_that_is_told_twice_or_is_none_is_not_taken(self) -> None:
        outcome = self.run_program("channel.report_broken({'network': 'x' * 9999, 'moon': 'no'}); channel.answer({})")
        self.assertEqual(outcome.broken, {"network": "x" * 500, **self.unavoidable(outcome)})
        outcome = self.run_program("channel.report_broken({'files': 'x'}); channel.report_broken({}); time.sleep(60)")
        self.assertIs(outcome.stopped, Stop.HANDOVER)

    def unavoidable(self, outcome: Outcome) -> dict[str, str]:
        assert outcome.broken is not None
        return {name: reason for name, reason in outcome.broken.items() if name == "user"}

    def test_crash_is_written_to_the_trace_and_not_to_the_log(self) -> None:
        outcome = self.run_program("""
            import ctypes, faulthandler
            faulthandler.enable(channel.terms()[1])
            ctypes.string_at(0)
        """)
        self.assertEqual(outcome.status, -signal.SIGSEGV)
        self.assertIn("Current thread", outcome.trace)
        self.assertEqual(outcome.log_tail, "")

    def test_program_with_too_many_processes_is_ended_with_all_of_them(self) -> None:
        outcome = self.run_program(
            """
            for _ in range(60):
                if os.fork() == 0:
                    time.sleep(60)
            time.sleep(60)
            """,
            Limits(wall_s=60, processes=50),
        )
        self.assertIs(outcome.stopped, Stop.PROCESSES)

    def test_program_that_fills_its_folder_is_ended(self) -> None:
        outcome = self.run_program(
            "for n in range(30): open(str(n), 'wb').write(b'x' * 1_000_000)\ntime.sleep(60)",
            Limits(wall_s=60, disk_bytes=20_000_000),
        )
        self.assertIs(outcome.stopped, Stop.DISK)

    def test_look_at_files_that_is_under_way_goes_on_soon(self) -> None:
        program = "for n in range(400): open(str(n), 'wb').close()\ntime.sleep(60)"
        with (
            mock.patch.object(disk_usage, "STEP_SECONDS", 0.0),  # Each step finds one file.
            mock.patch.object(disk_usage, "MAX_FILES", 300),
            mock.patch.object(supervisor, "MOVING_SECONDS", 0.001),
        ):
            outcome = self.run_program(program, Limits(wall_s=12))
        self.assertIs(outcome.stopped, Stop.DISK)

    def test_program_that_makes_too_many_files_is_ended_and_the_reason_kept(self) -> None:
        with mock.patch.object(disk_usage, "MAX_FILES", 100):
            outcome = self.run_program("for n in range(200): open(str(n), 'wb').close()\ntime.sleep(60)")
        self.assertEqual((Stop.DISK, "more than 100 files"), (outcome.stopped, outcome.uncounted))

    def test_limits_hold_after_the_answer(self) -> None:
        for misdeed, stop, limits in (
            ("held = b'x' * 400_000_000", Stop.MEMORY, Limits(wall_s=60, memory_bytes=300_000_000)),
            ("[os.fork() or time.sleep(60) for _ in range(30)]", Stop.PROCESSES, Limits(wall_s=60, processes=20)),
            ("open('file', 'wb').write(b'x' * 30_000_000)", Stop.DISK, Limits(wall_s=60, disk_bytes=20_000_000)),
        ):
            with self.subTest(stop):
                outcome = self.run_program(f"channel.answer({{}}, b'payload')\n{misdeed}\ntime.sleep(60)", limits)
                self.assertEqual((stop, None, None), (outcome.stopped, outcome.answer, outcome.payload))

    def test_program_whose_time_is_over_after_its_answer_has_answered(self) -> None:
        program = "channel.answer({'seen': 7})\ntime.sleep(1)"
        outcome = self.run_program(program, Limits(wall_s=0.7))
        self.assertEqual((None, {"seen": 7}), (outcome.stopped, outcome.answer))

    def test_program_that_does_not_leave_after_its_answer_is_ended_and_has_answered(self) -> None:
        with mock.patch.object(supervisor, "LEAVE_SECONDS", 0.3):
            outcome = self.run_program("channel.answer({'seen': 7})\ntime.sleep(60)")
        self.assertEqual((None, {"seen": 7}), (outcome.stopped, outcome.answer))

    def test_interrupt_while_files_are_removed_ends_the_run_soon(self) -> None:
        def remove_for_ever(folder: str, is_late: Callable[[], bool]) -> bool:
            os.kill(os.getpid(), signal.SIGINT)
            while not is_late():
                time.sleep(0.01)
            return remove_tree(folder, lambda: False)

        before = signal.signal(signal.SIGINT, signal.default_int_handler)
        self.addCleanup(signal.signal, signal.SIGINT, before)
        limited = Supervisor(launching("channel.answer({})"), Limits(wall_s=60), NOTHING)
        with (
            mock.patch.object(workspace, "remove_tree", remove_for_ever),
            mock.patch.object(supervisor, "HASTE_SECONDS", 0.2),
        ):
            began = time.monotonic()
            with self.assertRaises(KeyboardInterrupt):
                limited.run()
        self.assertLess(time.monotonic() - began, 10)
        self.assertIsNotNone(limited.outcome)

    def test_output_beyond_the_limit_is_dropped_and_its_end_kept(self) -> None:
        shown = io.BytesIO()
        program = launching("print('x' * 999_990 + 'the end'); os._exit(0)")
        outcome = Supervisor(program, Limits(log_bytes=1000), NOTHING, stdout=shown).run()
        self.assertEqual(shown.getvalue(), b"x" * 1000)
        self.assertEqual(outcome.dropped_log_bytes, 999_998 - 1000)
        self.assertTrue(outcome.log_tail.endswith("the end\n"))

    def test_daemon_is_ended_and_its_cpu_seconds_counted(self) -> None:
        outcome = self.run_program("""
            if os.fork() == 0:
                os.setsid()
                if os.fork() == 0:
                    for descriptor in range(100):
                        try: os.close(descriptor)
                        except OSError: pass
                    end = time.process_time() + 0.4
                    while time.process_time() < end: pass
                    os.execvp("sleep", ["sleep", "98765.5"])
                os._exit(0)
            time.sleep(2)
            channel.answer({})
        """)
        self.assertEqual(outcome.answer, {})
        self.assertGreater(outcome.cpu_s, 0.4)
        self.assertNotIn(["sleep", "98765.5"], command_lines())

    def test_interrupt_leaves_neither_process_nor_folder(self) -> None:
        """Several interrupts, as an impatient user gives: the first must not spoil the cleaning up."""
        program = PROLOGUE + "os.execvp('sleep', ['sleep', '98765.25'])"
        runner = f"""
import signal, sys
sys.path.insert(0, {str(ROOT)!r})
from numerai_predict.sandbox import ExecLauncher, Limits, Supervisor, Task
signal.signal(signal.SIGINT, signal.default_int_handler)  # A shell's background jobs ignore it.
Supervisor(ExecLauncher([sys.executable, "-c", {program!r}]), Limits(), Task()).run()
"""
        environment = dict(os.environ, TMPDIR=str(self.folder))
        argv = [sys.executable, "-c", runner]
        with subprocess.Popen(argv, stderr=subprocess.PIPE, env=environment) as process:
            while not list(self.folder.iterdir()):
                time.sleep(0.01)
            time.sleep(0.3)
            for _ in range(20):
                process.send_signal(signal.SIGINT)
                time.sleep(0.002)
            assert process.stderr is not None
            self.assertIn(b"KeyboardInterrupt", process.stderr.read())
        self.assertEqual(list(self.folder.iterdir()), [])
        self.assertNotIn(["sleep", "98765.25"], command_lines())

    def test_program_ends_when_its_runtime_is_killed(self) -> None:
        program = PROLOGUE + "from numerai_predict.sandbox import confine\nconfine(channel.terms()[0], reaper)\n"
        program += "print(os.getpid(), flush=True)\ntime.sleep(600)"
        runner = f"""
import sys
sys.path.insert(0, {str(ROOT)!r})
from numerai_predict.sandbox import ExecLauncher, Limits, Supervisor, Task
Supervisor(ExecLauncher([sys.executable, "-c", {program!r}]), Limits(), Task(), stdout=sys.stdout.buffer).run()
"""
        environment = dict(os.environ, TMPDIR=str(self.folder))
        argv = [sys.executable, "-c", runner]
        with subprocess.Popen(argv, stdout=subprocess.PIPE, text=True, env=environment) as process:
            assert process.stdout is not None
            pid = int(process.stdout.readline())
            process.kill()
        self.assert_ends(pid)

    def test_failure_of_ours_after_the_start_leaves_neither_process_nor_folder(self) -> None:
        program = launching("""
            if os.fork() == 0:
                os.setsid()
                os.execvp("sleep", ["sleep", "98765.125"])
            channel.report('findings', {})
            time.sleep(600)
        """)
        failures = {
            "at the start": mock.patch.object(supervisor, "ProcessTree", side_effect=RuntimeError),
            "on the way": mock.patch.object(ProcessTree, "count", side_effect=RuntimeError),
            "at the end": mock.patch.object(ProcessTree, "kill", side_effect=RuntimeError),
        }
        for when, failure in failures.items():
            folder = mock.patch("tempfile.tempdir", str(self.folder))
            with self.subTest(when), failure, folder, self.assertRaises(RuntimeError):
                Supervisor(program, Limits(wall_s=2), REPORTING).run()
            self.assertEqual([], list(self.folder.iterdir()))
            self.assertNotIn(["sleep", "98765.125"], command_lines())

    def test_failure_to_provide_while_the_program_is_stopped_leaves_nothing(self) -> None:
        def provide() -> Path:
            time.sleep(1.5)
            raise OSError

        program = launching("channel.request('model')")
        began = time.monotonic()
        with mock.patch("tempfile.tempdir", str(self.folder)), self.assertRaises(OSError):
            Supervisor(program, Limits(wall_s=60), giving(model=provide)).run()
        self.assertLess(time.monotonic() - began, 10)
        self.assertEqual([], list(self.folder.iterdir()))

    def test_cpu_seconds_and_phases_are_counted(self) -> None:
        outcome = self.run_program("""
            channel.announce("computing")
            end = time.process_time() + 0.5
            while time.process_time() < end: pass
            channel.answer({})
        """)
        self.assertGreater(outcome.cpu_s, 0.5)
        self.assertGreater(outcome.phases["computing"], 0.4)

    def assert_ends(self, pid: int) -> None:
        """Fail if the process is still there after some seconds; a zombie has ended."""
        for _ in range(100):
            try:
                state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
            except FileNotFoundError:
                return
            if state == "Z":
                return
            time.sleep(0.05)
        self.fail(f"process {pid} is still running")


if __name__ == "__main__":
    unittest.main()
