"""landlock.py: real processes that may write to one folder only."""

import os
import pty
import socket
import subprocess
import sys
import tempfile
import textwrap
import unittest
from pathlib import Path

from tests.harness import ROOT

PRELUDE = f"""
import ctypes, errno, os, signal, socket, subprocess, sys
from pathlib import Path
sys.path.insert(0, {str(ROOT)!r})
from numerai_predict.sandbox.landlock import restrict_files

def outcome(call, *arguments, **named):
    try:
        call(*arguments, **named)
        return "done"
    except OSError as error:
        return errno.errorcode[error.errno]

inside, outside = map(Path, sys.argv[1:])
version = restrict_files([inside])
"""
# What the kernel says to a write that Landlock denies, and to a move across folders.
DENIED = "EACCES"


@unittest.skipUnless(sys.platform == "linux", "needs Linux")
class RestrictFilesTest(unittest.TestCase):
    """A process that this one has started, as the same user, with a folder for it and one that is not."""

    def setUp(self) -> None:
        self.inside, self.outside = self.make_folder(), self.make_folder()

    def make_folder(self) -> Path:
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        path = Path(folder.name)
        (path / "file").write_text("content")
        (path / "folder").mkdir()
        return path

    def run_restricted(self, script: str) -> list[str]:
        """The words that the script prints; it must succeed."""
        done = subprocess.run(
            [sys.executable, "-c", PRELUDE + textwrap.dedent(script), str(self.inside), str(self.outside)],
            capture_output=True,
            text=True,
            start_new_session=True,
            env=dict(os.environ, TMPDIR=str(self.inside), SECRET="found"),
            timeout=60,
            check=False,
        )
        self.assertEqual(done.returncode, 0, done.stderr)
        return done.stdout.split()

    def test_files_inside_can_be_made_changed_moved_and_removed(self) -> None:
        words = self.run_restricted("""
            (inside / "file").write_text("changed")
            os.truncate(inside / "file", 3)
            (inside / "new/deeper").mkdir(parents=True)
            (inside / "new/link").symlink_to("deeper")
            os.mkfifo(inside / "new/fifo")
            with socket.socket(socket.AF_UNIX) as listener:
                listener.bind(str(inside / "new/socket"))
            os.link(inside / "file", inside / "folder/hard")
            for name in ("link", "fifo", "socket"):
                (inside / "new" / name).unlink()
            (inside / "new/deeper").rmdir()
            print((inside / "folder/hard").read_text())
        """)
        self.assertEqual(words, ["cha"])
        self.assertEqual(sorted(os.listdir(self.inside)), ["file", "folder", "new"])

    def test_file_inside_can_be_moved_to_another_folder_inside(self) -> None:
        words = self.run_restricted("""
            moved = outcome((inside / "file").rename, inside / "folder/file")
            print(moved if version >= 2 else "done")
        """)
        self.assertEqual(words, ["done"])

    def test_nothing_outside_can_be_made_changed_or_removed(self) -> None:
        words = self.run_restricted("""
            print(outcome((outside / "file").write_text, "changed"), outcome(os.truncate, outside / "file", 0))
            print(outcome(os.open, outside / "file", os.O_WRONLY | os.O_APPEND))
            print(outcome((outside / "new").mkdir), outcome((outside / "new").touch))
            print(outcome((outside / "new").symlink_to, "file"), outcome(os.mkfifo, outside / "new"))
            print(outcome(socket.socket(socket.AF_UNIX).bind, str(outside / "new")))
            print(outcome((outside / "file").unlink), outcome((outside / "folder").rmdir))
            print(outcome((outside / "file").rename, outside / "new"))
            os.chdir(outside)
            print(outcome(Path("new").touch), outcome(Path("/proc/self/oom_score_adj").write_text, "0"))
        """)
        self.assertEqual(words, [DENIED] * 13)
        self.assertEqual((self.outside / "file").read_text(), "content")
        self.assertEqual(sorted(os.listdir(self.outside)), ["file", "folder"])

    def test_no_device_can_be_made_outside(self) -> None:
        words = self.run_restricted("""
            import stat
            for kind in (stat.S_IFCHR, stat.S_IFBLK):
                print(outcome(os.mknod, outside / "new", kind | 0o600, os.makedev(1, 3)))
        """)
        self.assertLessEqual({*words}, {DENIED, "EPERM"})  # The latter where no user may make one.

    def test_link_inside_does_not_lead_outside(self) -> None:
        words = self.run_restricted("""
            (inside / "link").symlink_to(outside / "file")
            print(outcome((inside / "link").write_text, "changed"))
            print(outcome(os.link, outside / "file", inside / "hard"))
            print(outcome((outside / "file").rename, inside / "it"), outcome((inside / "file").rename, outside / "it"))
        """)
        self.assertEqual(words[0], DENIED)
        self.assertLessEqual({*words[1:]}, {DENIED, "EXDEV"})
        self.assertEqual((self.outside / "file").read_text(), "content")

    def test_everything_can_be_read_and_run(self) -> None:
        words = self.run_restricted("""
            print((outside / "file").read_text(), len(os.listdir(outside)), bool(Path("/proc/self/stat").read_bytes()))
            print(os.listdir("/dev") != [], bool(Path(sys.executable).read_bytes()))
            print(subprocess.run(["echo", "ran"], stdout=subprocess.PIPE, text=True).stdout)
        """)
        self.assertEqual(words, ["content", "2", "True", "True", "True", "ran"])

    def test_file_in_the_root_folder_can_be_read_and_what_leads_to_the_devices_is_no_way_round(self) -> None:
        words = self.run_restricted("""
            from unittest import mock
            from numerai_predict.sandbox import landlock
            root = inside / "root"
            root.mkdir()
            (root / "model.pkl").write_text("model")
            for name, target in {"all": "/", "devices": "/dev", "pts": "/dev/pts", "nowhere": "/nowhere"}.items():
                (root / name).symlink_to(target)
            with mock.patch.object(landlock, "ROOT", root):
                print(*sorted(map(str, landlock._readable_entries())))
        """)
        self.assertEqual(["/nowhere", f"{self.inside}/root/model.pkl"], words)

    def test_useful_devices_can_be_read_and_written_to_but_not_made(self) -> None:
        words = self.run_restricted("""
            for name in ("null", "zero", "random", "urandom"):
                with open(f"/dev/{name}", "r+b", buffering=0) as device:
                    print(device.write(b"x"), len(device.read(1)))
            print(outcome(Path("/dev/full").write_text, "x"), Path("/dev/full").open("rb").read(1))
            print(outcome(Path(f"/dev/numerai-{os.getpid()}").touch))
        """)
        self.assertEqual(words, ["1", "0", *["1", "1"] * 3, "ENOSPC", r"b'\x00'", DENIED])

    def test_no_terminal_can_be_opened_by_whatever_name(self) -> None:
        ours, theirs = pty.openpty()
        self.addCleanup(os.close, ours)
        self.addCleanup(os.close, theirs)
        (self.outside / "terminal").symlink_to(os.ttyname(theirs))
        words = self.run_restricted(f"""
            names = [{os.ttyname(theirs)!r}, outside / "terminal", "/dev/ptmx", "/dev/tty", "/dev/console"]
            names.append("/proc/self/root" + {os.ttyname(theirs)!r})
            for name in names:
                for flags in (os.O_RDONLY, os.O_WRONLY, os.O_RDWR):
                    print(outcome(os.open, name, flags | os.O_NOCTTY | os.O_NONBLOCK))
        """)
        self.assertLessEqual({*words}, {DENIED, "ENOENT", "ENXIO"})
        self.assertEqual([DENIED] * 9, words[:9])
        self.assertEqual([DENIED] * 3, words[-3:])

    def test_pipes_can_be_opened_by_the_names_of_the_standard_streams(self) -> None:
        words = self.run_restricted("""
            for name in ("/dev/stdout", "/proc/self/fd/1", "/dev/fd/1"):
                Path(name).open("a").write(name + " ")
            print(subprocess.run(["sh", "-c", "echo sh > /dev/stdout; echo hidden > /dev/stderr"]).returncode)
        """)
        self.assertEqual(sorted(words), ["/dev/fd/1", "/dev/stdout", "/proc/self/fd/1", "0", "sh"])

    def test_shared_memory_and_semaphores_work(self) -> None:
        words = self.run_restricted("""
            import multiprocessing
            from multiprocessing.shared_memory import SharedMemory
            with multiprocessing.get_context("fork").Lock():
                print("locked")
            memory = SharedMemory(create=True, size=100)
            memory.buf[0] = 7
            print(memory.buf[0])
            memory.close()
            memory.unlink()
        """)
        self.assertEqual(words, ["locked", "7"])

    def test_pools_and_managers_of_multiprocessing_work(self) -> None:
        with tempfile.TemporaryDirectory() as folder:
            script = Path(folder, "script.py")  # Spawned workers import it.
            body = PRELUDE + textwrap.dedent("""
                import multiprocessing
                for method in ("fork", "spawn", "forkserver"):
                    with multiprocessing.get_context(method).Pool(2) as pool:
                        print(*pool.map(abs, [-1, -2]))
                with multiprocessing.Manager() as manager:
                    print(*manager.list([3]))
            """)
            script.write_text("if __name__ == '__main__':\n" + textwrap.indent(body, "    "))
            done = subprocess.run(
                [sys.executable, str(script), str(self.inside), str(self.outside)],
                capture_output=True,
                text=True,
                env=dict(os.environ, TMPDIR=str(self.inside)),
                timeout=60,
                check=False,
            )
        self.assertEqual((done.stdout.split(), done.stderr), (["1", "2", "1", "2", "1", "2", "3"], ""))

    def test_memory_and_environment_of_the_parent_cannot_be_read(self) -> None:
        words = self.run_restricted("""
            from numerai_predict.sandbox import linux
            # Without all capabilities: one of them, which no container's root has, opens the environment.
            header = (0x20080522).to_bytes(4, "little") + bytes(4)
            linux.syscall(126 if os.uname().machine == "x86_64" else 91, header, bytes(24))
            for name in ("mem", "environ", "maps", "fd/0"):
                print(outcome(open, f"/proc/{os.getppid()}/{name}", "rb"))
            print(b"SECRET=found" in Path("/proc/self/environ").read_bytes())
        """)
        self.assertEqual(words, [DENIED] * 4 + ["True"])

    def test_parent_gets_no_signal_from_version_6_on(self) -> None:
        words = self.run_restricted("""
            print(outcome(os.kill, os.getppid(), 0) if version >= 6 else "EPERM", outcome(os.kill, os.getpid(), 0))
            child = subprocess.Popen(["sleep", "60"])
            child.kill()
            print(child.wait())
        """)
        self.assertEqual(words, ["EPERM", "done", "-9"])

    def test_abstract_socket_outside_is_out_of_reach_from_version_6_on(self) -> None:
        listener = socket_with_abstract_name()
        self.addCleanup(listener.close)
        words = self.run_restricted(f"""
            connection = socket.socket(socket.AF_UNIX)
            print(outcome(connection.connect, {listener.getsockname()!r}) if version >= 6 else "EPERM")
        """)
        self.assertEqual(words, ["EPERM"])

    def test_all_that_it_starts_is_restricted_too(self) -> None:
        words = self.run_restricted("""
            command = 'echo x 2>/dev/null >"$0/file" || echo denied'
            done = subprocess.run(["sh", "-c", command, str(outside)], stdout=subprocess.PIPE, text=True)
            print(done.stdout, flush=True)
            if os.fork() == 0:
                print(outcome((outside / "file").unlink), flush=True)
                os._exit(0)
            os.wait()
        """)
        self.assertEqual(words, ["denied", DENIED])

    def test_nothing_is_left_open(self) -> None:
        words = self.run_restricted("""
            before = os.listdir("/proc/self/fd")
            restrict_files([inside])
            print(os.listdir("/proc/self/fd") == before)
        """)
        self.assertEqual(words, ["True"])

    def test_version_of_the_kernel_is_returned(self) -> None:
        (version,) = self.run_restricted("print(version)")
        self.assertGreaterEqual(int(version), 1)

    def test_folder_that_does_not_exist_is_an_error(self) -> None:
        words = self.run_restricted("print(outcome(restrict_files, [inside / 'nowhere']))")
        self.assertEqual(words, ["ENOENT"])


def socket_with_abstract_name() -> socket.socket:
    """A listener whose name the kernel chooses."""
    listener = socket.socket(socket.AF_UNIX)
    listener.bind("")
    listener.listen()
    return listener


if __name__ == "__main__":
    unittest.main()
