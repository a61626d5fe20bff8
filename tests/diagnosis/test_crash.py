"""crash.py: of what faulthandler wrote, the user's frames, without the runtime's."""

import unittest
from unittest import mock

from numerai_predict.diagnosis.crash import crash_site, without_our_frames
from tests.harness import ROOT


class CrashSiteTest(unittest.TestCase):
    crash = (
        "Fatal Python error: Segmentation fault\n\n"
        "Thread 0x7f01 (most recent call first):\n"
        '  File "/usr/lib/python3.11/threading.py", line 331 in wait\n\n'
        "Current thread 0x7f02 (most recent call first):\n"
        '  File "/venv/lib/python3.11/site-packages/numpy/ctypeslib.py", line 517 in string_at\n'
        '  File "/home/me/my model.py", line 7 in helper\n'
        '  File "/home/me/my model.py", line 12 in predict\n'
        f'  File "{ROOT}/numerai_predict/child/main.py", line 224 in predict_and_check\n\n'
        "Extension modules: numpy.core._multiarray_umath (total: 1)\n"
    )

    def test_site_is_the_users_innermost_frame_and_the_librarys(self) -> None:
        expected = " in helper (/home/me/my model.py line 7), at string_at (numpy/ctypeslib.py line 517)"
        self.assertEqual(crash_site(self.crash), expected)

    def test_site_without_a_library_is_the_users_frame_alone(self) -> None:
        own = "".join(line for line in self.crash.splitlines(keepends=True) if "ctypeslib" not in line)
        self.assertEqual(crash_site(own), " in helper (/home/me/my model.py line 7)")

    def test_site_in_a_librarys_own_thread_is_there(self) -> None:
        thread = "Current thread 0x1 (most recent call first):\n" + "".join(
            f'  File "/usr/lib/python3.13/{file}.py", line {line} in run\n' for file, line in {"a": 1, "b": 2}.items()
        )
        self.assertEqual(crash_site(thread), " in run (/usr/lib/python3.13/a.py line 1)")

    def test_site_of_a_crash_outside_python_is_empty(self) -> None:
        for trace in ("", "Segmentation fault", "Current thread 0x1 (most recent call first):\n  <no Python frame>\n"):
            with self.subTest(trace=trace):
                self.assertEqual(crash_site(trace), "")

    def test_trace_without_our_frames_keeps_the_rest(self) -> None:
        kept = without_our_frames(self.crash)
        self.assertNotIn(str(ROOT), kept)
        self.assertNotIn("Extension modules", kept)
        self.assertEqual(len(kept.splitlines()), len(self.crash.splitlines()) - 2)

    def test_trace_of_a_program_in_the_root_folder_loses_our_frames(self) -> None:
        frames = (
            '  File "/home/me/numerai_predict/model.py", line 5 in predict\n',
            '  File "//numerai_predict/child/main.py", line 66 in predict_and_check\n',
            '  File "//numerai_predict/child/__main__.py", line 7 in <module>\n',
            '  File "<frozen runpy>", line 88 in _run_code\n',
        )
        head = "Current thread 0x7f02 (most recent call first):\n"
        with mock.patch("numerai_predict.own_files._FOLDER", "/numerai_predict/"):
            self.assertEqual(without_our_frames("".join((head, *frames))), head + frames[0])
            self.assertEqual(crash_site("".join((head, *frames[1:]))), "")
