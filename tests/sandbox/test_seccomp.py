"""seccomp.py: real processes behind the filter, and the decisions of its program for both architectures."""

import ctypes
import errno
import os
import platform
import select
import socket
import struct
import subprocess
import sys
import tempfile
import textwrap
import time
import unittest
from pathlib import Path

from numerai_predict.sandbox import linux
from numerai_predict.sandbox.seccomp import (
    ARCHITECTURES,
    FIRST_UNKNOWN,
    NUMBERS,
    QUEUES,
    SYSTEM_V,
    assemble,
    forbid,
)
from tests.harness import ROOT

PRELUDE = f"""
import contextlib, ctypes, errno, os, resource, signal, socket, subprocess, sys, threading
sys.path.insert(0, {str(ROOT)!r})
from numerai_predict.sandbox import linux
from numerai_predict.sandbox import seccomp

def outcome(call, *arguments):
    try:
        call(*arguments)
        return "done"
    except OSError as error:
        return errno.errorcode[error.errno]

def by_number(name, *arguments):
    column = list(seccomp.ARCHITECTURES).index(os.uname().machine)
    return outcome(linux.syscall, seccomp.NUMBERS[name][column], *arguments)

"""
FORBID = "parent = os.getppid(); seccomp.forbid([parent])\n"
# A filter that plays a kernel that refuses.
OLDER_KERNEL = """
import struct
seccomp_2, prctl = (317, 157) if os.uname().machine == "x86_64" else (277, 167)
def refuse(flags, error, prctl_2=-1 & 0xFFFFFFFF):
    lines = [(0x20, 0, 0, 0), (0x15, 0, 3, seccomp_2), (0x20, 0, 0, 24)]
    lines += [(0x45, 0, 1, flags) if flags else (0x05, 0, 0, 0), (0x06, 0, 0, 0x50000 | error)]
    lines += [(0x20, 0, 0, 0), (0x15, 0, 3, prctl_2), (0x20, 0, 0, 16), (0x15, 0, 1, 22), (0x06, 0, 0, 0x50016)]
    lines.append((0x06, 0, 0, 0x7FFF0000))
    program = ctypes.create_string_buffer(b"".join(struct.pack("=HBBI", *line) for line in lines))
    linux.prctl(linux.PR_SET_NO_NEW_PRIVS, 1)
    linux.prctl(linux.PR_SET_SECCOMP, 2, struct.pack("@HP", len(lines), ctypes.addressof(program)))
"""
# Harmless with any arguments, so they are called for real.
DENIED_ALTOGETHER = (
    *("tkill", "pidfd_send_signal", "ptrace", "process_vm_readv", "process_vm_writev", "process_madvise"),
    *("pidfd_getfd", "kcmp", "move_pages", "migrate_pages", "unshare", "setns", "mount", "umount2", "pivot_root"),
    *("open_tree", "move_mount", "fsopen", "fsconfig", "fsmount", "fspick", "mount_setattr", "add_key", "request_key"),
    *("keyctl", "bpf", "perf_event_open", "userfaultfd"),
)
PARENT, THREAD, GROUP, ANOTHER = 4242, 4243, 4200, 5000
DENY, MISSING, UNREACHABLE, ALLOW = "EPERM", "ENOSYS", "ENETUNREACH", "allowed"


@unittest.skipUnless(sys.platform == "linux", "needs Linux")
class ForbidTest(unittest.TestCase):
    """A process that this one has started behind the filter, as the same user."""

    def run_behind(self, script: str, before: str = "") -> list[str]:
        """The words that the script prints; it must succeed."""
        with tempfile.TemporaryDirectory() as folder:
            file = Path(folder, "script.py")  # Spawned workers import it.
            body = PRELUDE + textwrap.dedent(before) + FORBID + textwrap.dedent(script)
            file.write_text("if __name__ == '__main__':\n" + textwrap.indent(body, "    "))
            done = subprocess.run(
                [sys.executable, str(file)],
                capture_output=True,
                text=True,
                start_new_session=True,
                timeout=60,
                check=False,
            )
        self.assertEqual(done.returncode, 0, done.stderr)
        return done.stdout.split()

    def test_sockets_of_all_families_but_unix_are_unreachable(self) -> None:
        words = self.run_behind("""
            for family in (0, 2, 10, 16, 17, 38, 40, -1):
                for kind in (socket.SOCK_STREAM, socket.SOCK_DGRAM, socket.SOCK_RAW):
                    print(by_number("socket", family, kind, 0), by_number("socketpair", family, kind, 0, bytes(8)))
        """)
        self.assertEqual(words, [UNREACHABLE] * 48)

    def test_bits_that_the_kernel_ignores_do_not_open_an_internet_socket(self) -> None:
        words = self.run_behind("""
            print(by_number("socket", socket.AF_INET | 1 << 32, 1, 0), by_number("socket", 1 | 1 << 32, 1, 0))
        """)
        self.assertEqual(words, [UNREACHABLE, "done"])

    def test_attempts_reach_the_kernel_with_all_their_bits(self) -> None:
        buffer = ctypes.create_string_buffer(8)
        getrandom = {"x86_64": 318}.get(platform.machine(), 278)
        self.assertEqual(linux.syscall(getrandom, ctypes.addressof(buffer), 8, 0), 8)

    def test_internet_socket_of_python_fails_as_without_a_network(self) -> None:
        words = self.run_behind("print(outcome(socket.create_connection, ('127.0.0.1', 9)))")
        self.assertEqual(words, [UNREACHABLE])

    def test_listeners_on_loopback_get_nothing(self) -> None:
        listeners = [
            socket.create_server(("127.0.0.1", 0)),
            socket.create_server(("::", 0), family=socket.AF_INET6),
            socket.socket(socket.AF_INET, socket.SOCK_DGRAM),
        ]
        listeners[2].bind(("127.0.0.1", 0))
        for listener in listeners:
            self.addCleanup(listener.close)
        four, six, datagrams = (listener.getsockname()[1] for listener in listeners)
        words = self.run_behind(f"""
            print(outcome(socket.create_connection, ("127.0.0.1", {four})))
            print(outcome(socket.create_connection, ("::1", {six})))
            print(outcome(lambda: socket.socket(type=socket.SOCK_DGRAM).sendto(b"x", ("127.0.0.1", {datagrams}))))
        """)
        self.assertEqual(words, [UNREACHABLE] * 3)
        self.assertEqual(select.select(listeners, [], [], 0.2)[0], [])

    def test_io_uring_is_missing(self) -> None:
        words = self.run_behind("""
            for name in ("io_uring_setup", "io_uring_enter", "io_uring_register"):
                print(by_number(name, 1, bytes(120), 0, 0))
        """)
        self.assertEqual(words, [MISSING] * 3)

    def test_memory_that_outlives_its_processes_is_missing(self) -> None:
        words = self.run_behind(f"""
            library = ctypes.CDLL(None, use_errno=True)
            for call, arguments in (
                (library.shmget, (0, 4096, 0o1600)),
                (library.semget, (0, 1, 0o1600)),
                (library.msgget, (0, 0o1600)),
                (library.mq_open, (b"/marker", os.O_CREAT | os.O_RDWR, 0o600, None)),
            ):
                print(call(*arguments), errno.errorcode[ctypes.get_errno()])
            for name in {(*SYSTEM_V, *QUEUES)}:
                print(by_number(name, 0, 0, 0, 0))
        """)
        self.assertEqual(words, ["-1", MISSING] * 4 + [MISSING] * 13)

    def test_shared_memory_and_semaphores_of_multiprocessing_work(self) -> None:
        words = self.run_behind("""
            import multiprocessing
            from multiprocessing import shared_memory
            memory = shared_memory.SharedMemory(create=True, size=4096)
            memory.close()
            memory.unlink()
            with multiprocessing.Semaphore(1), multiprocessing.Lock():
                print("done")
        """)
        self.assertEqual(words, ["done"])

    @unittest.skipUnless(platform.machine() == "x86_64", "has no second architecture")
    def test_32_bit_calls_from_64_bit_code_are_missing(self) -> None:
        # push rbx; mov ebx, edi; mov ecx, esi; xor edx, edx; mov eax, 359 (socket); int 0x80; cdqe; pop rbx; ret
        words = self.run_behind("""
            import mmap
            code = mmap.mmap(-1, 4096, prot=mmap.PROT_READ | mmap.PROT_WRITE | mmap.PROT_EXEC)
            code.write(bytes.fromhex("53 89fb 89f1 31d2 b867010000 cd80 4898 5b c3"))
            call = ctypes.CFUNCTYPE(ctypes.c_long, ctypes.c_int, ctypes.c_int)
            print(errno.errorcode[-call(ctypes.addressof(ctypes.c_char.from_buffer(code)))(2, 1)])
        """)
        self.assertEqual(words, [MISSING])

    def test_numbers_of_x32_and_of_later_kernels_are_missing(self) -> None:
        words = self.run_behind("""
            for number in (0x40000000 + 41, 521, 547, seccomp.FIRST_UNKNOWN, -2):
                print(outcome(linux.syscall, number, 2, 1, 0))
        """)
        self.assertEqual(words, [MISSING] * 5)

    def test_thread_that_was_there_before_is_behind_the_filter_too(self) -> None:
        before = """
            installed, words = threading.Event(), []
            def late():
                installed.wait()
                words.append(outcome(socket.socket))
            thread = threading.Thread(target=late)
            thread.start()
        """
        for kernel in ("", OLDER_KERNEL + "refuse(4, 22)\n"):  # The latter knows TSYNC, but not SPEC_ALLOW.
            words = self.run_behind("installed.set(); thread.join(); print(*words)", kernel + textwrap.dedent(before))
            self.assertEqual(words, [UNREACHABLE])

    def test_all_that_it_starts_is_behind_the_filter_too(self) -> None:
        words = self.run_behind("""
            script = "import socket; print(socket.socket())"
            print(subprocess.run([sys.executable, "-c", script], stderr=subprocess.PIPE, text=True).stderr.split()[-1])
            thread = threading.Thread(target=lambda: print(outcome(socket.socket), flush=True))
            thread.start()
            thread.join()
            if os.fork() == 0:
                print(outcome(os.kill, parent, 0), flush=True)
                os._exit(0)
            os.wait()
        """)
        self.assertEqual(words, ["unreachable", UNREACHABLE, DENY])

    def test_signal_to_the_parent_is_denied(self) -> None:
        words = self.run_behind("""
            information = (0).to_bytes(8, "little") + (-1).to_bytes(4, "little", signed=True) + bytes(116)
            print(outcome(os.kill, parent, 0), outcome(os.kill, 1, 0), outcome(os.killpg, os.getpgid(parent), 0))
            print(by_number("kill", parent | 1 << 32, 0), by_number("tgkill", parent, parent, 0))
            print(by_number("rt_sigqueueinfo", parent, 0, information))
            print(by_number("rt_tgsigqueueinfo", parent, parent, 0, information))
            print(by_number("pidfd_send_signal", os.open(f"/proc/{parent}", os.O_RDONLY), 0, 0, 0))
        """)
        self.assertEqual(words, [DENY] * 8)

    def test_signal_to_a_thread_of_the_parent_is_denied(self) -> None:
        # Any process will do as the runtime; its thread is there before the filter is.
        runtime = subprocess.Popen(
            [sys.executable, "-c", "import sys, threading; threading.Thread(target=sys.stdin.read).start()"],
            stdin=subprocess.PIPE,
        )
        self.addCleanup(runtime.communicate)
        while len(os.listdir(f"/proc/{runtime.pid}/task")) < 2:
            time.sleep(0.01)
        (thread,) = {int(name) for name in os.listdir(f"/proc/{runtime.pid}/task")} - {runtime.pid}
        words = self.run_behind(f"""
            seccomp.forbid([{runtime.pid}])
            print(outcome(os.kill, {thread}, 0), by_number("rt_sigqueueinfo", {thread}, 0, bytes(128)))
            print(outcome(resource.prlimit, {thread}, resource.RLIMIT_NOFILE), outcome(os.kill, os.getpid(), 0))
        """)
        self.assertEqual(words, [DENY, DENY, DENY, "done"])

    def test_parent_cannot_be_made_the_owner_of_a_file(self) -> None:
        words = self.run_behind("""
            import fcntl
            ours, theirs = socket.socketpair()
            owner = parent.to_bytes(4, "little")
            print(outcome(fcntl.fcntl, ours, fcntl.F_SETOWN, parent), outcome(fcntl.fcntl, ours, 10, signal.SIGURG))
            print(outcome(fcntl.fcntl, ours, 15, bytes(4) + owner))
            print(outcome(fcntl.ioctl, ours, 0x8901, owner), outcome(fcntl.ioctl, ours, 0x8902, owner))
        """)
        self.assertEqual(words, [DENY] * 5)

    def test_limits_and_priorities_of_the_parent_are_denied(self) -> None:
        # They would become what they are; no user has the number 54321.
        words = self.run_behind("""
            affinity, sched = os.sched_getaffinity(parent), (os.sched_getscheduler(parent), os.sched_getparam(parent))
            nice, group = os.getpriority(os.PRIO_PROCESS, parent), os.getpgid(parent)
            print(outcome(resource.prlimit, parent, resource.RLIMIT_NOFILE))
            print(outcome(os.sched_setaffinity, parent, affinity))
            print(outcome(os.sched_setscheduler, parent, *sched), outcome(os.sched_setparam, parent, sched[1]))
            print(by_number("sched_setattr", parent, bytes(48), 0))
            print(outcome(os.setpriority, os.PRIO_PROCESS, parent, nice))
            print(outcome(os.setpriority, os.PRIO_PGRP, group, nice))
            print(outcome(os.setpriority, os.PRIO_USER, 54321, nice))
            print(by_number("ioprio_set", 1, parent, 0), by_number("ioprio_set", 2, group, 0))
            print(by_number("ioprio_set", 3, 54321, 0))
        """)
        self.assertEqual(words, [DENY] * 11)

    def test_dangerous_calls_are_denied_altogether(self) -> None:
        words = self.run_behind(f"""
            for name in {DENIED_ALTOGETHER}:
                print(name, by_number(name, -1, -1, -1, -1, -1, -1))
        """)
        self.assertEqual(words, [word for name in DENIED_ALTOGETHER for word in (name, DENY)])

    def test_new_namespaces_and_siblings_are_denied(self) -> None:
        words = self.run_behind("""
            me = os.getpid()
            for flags in (0x10000000, 0x20000000, 0x40000000, 0x00020000, 0x00008000):
                print(by_number("clone", flags | signal.SIGCHLD, 0, 0, 0, 0), flush=True)
                if os.getpid() != me:
                    os._exit(0)
        """)
        self.assertEqual(words, [DENY] * 5)

    def test_what_it_does_to_itself_is_allowed(self) -> None:
        words = self.run_behind("""
            me = os.getpid()
            signal.signal(signal.SIGUSR1, lambda *_: print("signal", flush=True))
            for send in (
                lambda: os.kill(me, signal.SIGUSR1),
                lambda: signal.raise_signal(signal.SIGUSR1),
                lambda: signal.pthread_kill(threading.get_ident(), signal.SIGUSR1),
                lambda: os.killpg(0, signal.SIGUSR1),
                lambda: os.killpg(os.getpgrp(), signal.SIGUSR1),
            ):
                send()
            os.sched_setaffinity(0, os.sched_getaffinity(0))
            os.sched_setaffinity(me, os.sched_getaffinity(me))
            os.sched_setscheduler(me, os.sched_getscheduler(me), os.sched_getparam(me))
            os.setpriority(os.PRIO_PROCESS, me, os.getpriority(os.PRIO_PROCESS, me))
            os.setpriority(os.PRIO_PGRP, 0, os.getpriority(os.PRIO_PGRP, 0))
            os.nice(1)
            resource.prlimit(me, resource.RLIMIT_NOFILE, resource.prlimit(0, resource.RLIMIT_NOFILE))
        """)
        self.assertEqual(words, ["signal"] * 5)

    def test_children_and_pairs_of_sockets_work(self) -> None:
        words = self.run_behind("""
            import asyncio, select
            ours, theirs = socket.socketpair()
            ours.send(b"x")
            print(theirs.recv(1).decode(), subprocess.run(["echo", "run"], stdout=subprocess.PIPE).stdout.decode())
            child = subprocess.Popen(["sleep", "60"])
            child.kill()
            print(child.wait())
            async def echo():
                process = await asyncio.create_subprocess_exec("echo", "async", stdout=asyncio.subprocess.PIPE)
                return (await process.communicate())[0].decode()
            print(asyncio.run(echo()))
        """)
        self.assertEqual(words, ["x", "run", "-9", "async"])

    def test_pools_and_managers_of_multiprocessing_work(self) -> None:
        words = self.run_behind("""
            import multiprocessing
            from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
            for method in ("fork", "spawn", "forkserver"):
                with multiprocessing.get_context(method).Pool(2) as pool:
                    print(*pool.map(abs, [-1, -2]))
            with ProcessPoolExecutor(2) as pool:
                print(*pool.map(abs, [-3]))
            with ThreadPoolExecutor(2) as pool:
                print(*pool.map(abs, [-4]))
            with multiprocessing.Manager() as manager:
                shared = manager.list([5])
                print(*shared)
        """)
        self.assertEqual(words, ["1", "2", "1", "2", "1", "2", "3", "4", "5"])

    def test_crash_ends_it_with_its_signal_and_a_traceback(self) -> None:
        for crash, signal_number in (("os.abort()", 6), ("ctypes.string_at(0)", 11)):
            script = PRELUDE + FORBID + "import faulthandler; faulthandler.enable()\n" + crash
            # A core of each would stay somewhere.
            limited = f"import resource; resource.setrlimit(resource.RLIMIT_CORE, (0, 0))\n{script}"
            done = subprocess.run([sys.executable, "-c", limited], capture_output=True, start_new_session=True)
            self.assertEqual(done.returncode, -signal_number, crash)
            self.assertIn(b"Fatal Python error", done.stderr)

    def test_privileges_cannot_be_gained_any_more(self) -> None:
        self.assertEqual(self.run_behind("print(linux.prctl(39), linux.prctl(21))"), ["1", "2"])

    def test_kernel_without_some_of_the_ways_is_served_by_the_next(self) -> None:
        # It refuses seccomp(2) with these flags, or altogether, with an error.
        for flags, error in ((5, 22), (None, 38)):
            words = self.run_behind("print(outcome(socket.socket))", OLDER_KERNEL + f"refuse({flags}, {error})\n")
            self.assertEqual(words, [UNREACHABLE])

    def test_kernel_that_takes_no_filter_is_an_error(self) -> None:
        before = OLDER_KERNEL + "refuse(None, 38, prctl)\nprint(outcome(seccomp.forbid, [os.getppid()]))\nsys.exit()\n"
        self.assertEqual(self.run_behind("", before), ["EINVAL"])

    def test_second_filter_does_not_loosen_the_first(self) -> None:
        words = self.run_behind("seccomp.forbid([os.getpid()]); print(outcome(os.kill, parent, 0))")
        self.assertEqual(words, [DENY])

    def test_parent_that_is_gone_is_an_error(self) -> None:
        with self.assertRaises(OSError):
            forbid([2**22 + 1])


class ProgramTest(unittest.TestCase):
    """What the program decides, on both architectures, wherever this runs."""

    def setUp(self) -> None:
        self.program = assemble({1, PARENT, THREAD}, {GROUP})

    def assert_decides(self, expected: str, name: str, *arguments: int) -> None:
        for column, architecture in enumerate(ARCHITECTURES.values()):
            with self.subTest(name=name, arguments=arguments, architecture=hex(architecture)):
                self.assertEqual(decide(self.program, architecture, NUMBERS[name][column], *arguments), expected)

    def test_calls_with_dangerous_arguments_are_denied(self) -> None:
        for name in ("kill", "tgkill", "rt_sigqueueinfo", "rt_tgsigqueueinfo"):
            for target in (1, PARENT, THREAD, PARENT | 7 << 32, -GROUP, -1, 0xFFFFFFFF):
                self.assert_decides(DENY, name, target, PARENT)
        for name in ("prlimit64", "sched_setaffinity", "sched_setattr", "sched_setparam", "sched_setscheduler"):
            for target in (1, PARENT, THREAD):
                self.assert_decides(DENY, name, target)
        for name, process in (("setpriority", 0), ("ioprio_set", 1)):
            for which, who in ((0, PARENT), (0, THREAD), (1, GROUP), (2, 0), (2, 1000)):
                self.assert_decides(DENY, name, process + which, who)
        for command in (8, 10, 15):
            self.assert_decides(DENY, "fcntl", 3, command)
        for command in (0x8901, 0x8902):
            self.assert_decides(DENY, "ioctl", 3, command)
        for flag in (0x8000, 0x20000, *(1 << bit for bit in range(25, 31))):
            self.assert_decides(DENY, "clone", flag | 17)

    def test_the_same_calls_with_other_arguments_are_allowed(self) -> None:
        for name in ("kill", "tgkill", "rt_sigqueueinfo", "rt_tgsigqueueinfo"):
            for target in (0, ANOTHER, -ANOTHER, -PARENT):
                self.assert_decides(ALLOW, name, target, PARENT)
        for name in ("prlimit64", "sched_setaffinity", "sched_setattr", "sched_setparam", "sched_setscheduler"):
            for target in (0, ANOTHER):
                self.assert_decides(ALLOW, name, target, PARENT)
        for name, process in (("setpriority", 0), ("ioprio_set", 1)):
            for which, who in ((0, 0), (0, ANOTHER), (0, GROUP), (1, 0), (1, PARENT), (1, ANOTHER)):
                self.assert_decides(ALLOW, name, process + which, who)
        for command in (1, 2, 3, 4, 6, 1030):
            self.assert_decides(ALLOW, "fcntl", 8, command, 8)
        self.assert_decides(ALLOW, "ioctl", 0x8901, 0x5401, 0x8901)
        for flags in (17, 0x01200011, 0x4111, 0x003D0F00):  # fork of both C libraries, vfork, a thread
            self.assert_decides(ALLOW, "clone", flags, 0x20000)

    def test_only_unix_sockets_are_allowed(self) -> None:
        for name in ("socket", "socketpair"):
            self.assert_decides(ALLOW, name, socket.AF_UNIX, 1, 0)
            for family in (0, *range(2, 50), 0xFFFFFFFF, socket.AF_INET | 1 << 32, 1 << 32):
                self.assert_decides(UNREACHABLE, name, family, 1, 0)

    def test_dangerous_calls_are_denied_with_any_arguments(self) -> None:
        for name in DENIED_ALTOGETHER:
            for arguments in ((0, 0), (1, 1), (ANOTHER, ANOTHER), (-1, -1)):
                self.assert_decides(DENY, name, *arguments)
        for name in ("io_uring_setup", "io_uring_enter", "io_uring_register", "clone3", *SYSTEM_V, *QUEUES):
            self.assert_decides(MISSING, name, 0)

    def test_every_call_that_has_a_number_here_is_denied_or_looked_at(self) -> None:
        looked_at = {
            *("socket", "socketpair", "io_uring_setup", "io_uring_enter", "io_uring_register", "clone", "clone3"),
            *("kill", "tgkill", "rt_sigqueueinfo", "rt_tgsigqueueinfo", "fcntl", "ioctl", "setpriority", "ioprio_set"),
            *("prlimit64", "sched_setaffinity", "sched_setattr", "sched_setparam", "sched_setscheduler"),
        }
        self.assertEqual({*NUMBERS}, looked_at | {*DENIED_ALTOGETHER, *SYSTEM_V, *QUEUES})
        self.assertEqual([len({numbers[column] for numbers in NUMBERS.values()}) for column in (0, 1)], [61, 61])

    def test_every_other_call_is_allowed(self) -> None:
        for column, architecture in enumerate(ARCHITECTURES.values()):
            named = {numbers[column] for numbers in NUMBERS.values()}
            for number in {*range(FIRST_UNKNOWN)} - named:
                self.assertEqual(decide(self.program, architecture, number, PARENT, 2), ALLOW)

    def test_numbers_that_nobody_knows_are_missing(self) -> None:
        for architecture in ARCHITECTURES.values():
            for number in (FIRST_UNKNOWN, 512, 547, 0x40000000, 0x40000029, 0xFFFFFFFF):
                self.assertEqual(decide(self.program, architecture, number, 1), MISSING)

    def test_other_architectures_are_missing(self) -> None:
        for architecture in (0x40000003, 0x40000028, 0x800000B7, 0xC00000F3, 0):
            for number in (0, 1, 41, 198, 359):
                self.assertEqual(decide(self.program, architecture, number, 1), MISSING)

    def test_parent_with_many_threads_fits_in(self) -> None:
        self.program = assemble(range(PARENT, PARENT + 200), {GROUP, 1})
        self.assert_decides(DENY, "setpriority", 0, PARENT + 199)
        self.assert_decides(DENY, "kill", PARENT + 199)
        self.assert_decides(ALLOW, "kill", PARENT + 200)


def decide(program: bytes, architecture: int, number: int, *arguments: int) -> str:
    """Interpret the program, as the kernel does, for one call."""
    wide = [argument & (1 << 64) - 1 for argument in (*arguments, *[0] * (6 - len(arguments)))]
    data = struct.pack("<IIQ6Q", number & 0xFFFFFFFF, architecture, 0, *wide)
    instructions = [*struct.iter_unpack("=HBBI", program)]
    at = loaded = 0
    while True:
        code, then, otherwise, value = instructions[at]
        at += 1
        if code == 0x20:
            loaded = struct.unpack_from("<I", data, value)[0]
        elif code == 0x05:
            at += value
        elif code == 0x06:
            return ALLOW if value == 0x7FFF0000 else errno.errorcode[value - 0x00050000]
        else:
            at += then if {0x15: loaded == value, 0x35: loaded >= value, 0x45: loaded & value}[code] else otherwise


if __name__ == "__main__":
    unittest.main()
