"""The live table on a real terminal, lines, and the summary."""

import os
import pty
import re
import struct
import termios
import unittest
from fcntl import ioctl
from typing import ClassVar

from numerai_predict.round.manifest import Row, Schedule
from numerai_predict.round.progress import LiveTable, progress_line, round_summary, table
from numerai_predict.round.standing import ModelEnd, RunningModel, Standing

ENDS = (
    ModelEnd("good", "success", wall_s=2.0, cpu_s=1.5),
    ModelEnd("slow", "success", wall_s=75.0, cpu_s=70.0),
    ModelEnd("nan", "failed", "nan_predictions", "37 are missing. They are the first.", 1.0, 0.5),
    ModelEnd("nan2", "failed", "nan_predictions", "2 are missing.", 1.0, 0.5),
    ModelEnd("raises", "failed", "model_raised", "It raised \x1b[31mValueError", 1.0, 0.5),
    ModelEnd("gone", "error", "model_not_found", "It is not there."),
)


def standing(*ends: ModelEnd, left: int = 0, running: tuple[RunningModel, ...] = (), **more: object) -> Standing:
    rows = [Row(end.id, f"/{end.id}.pkl") for end in ends]
    rows += [Row(f"left{number}", "/left.pkl", python="3.12") for number in range(left)]
    known = {"per_minute": None, "deadline_s": None, **more}
    return Standing("/round", Schedule(), rows, {end.id: end for end in ends}, running, **known)  # type: ignore[arg-type]


END = "(end)"


class Terminal:
    """The screen that a person sees, as far as the table commands it: text, line feeds, up, and clear below."""

    def __init__(self) -> None:
        self.lines: list[str] = [""]
        self.row = self.column = 0

    def feed(self, text: str) -> None:
        for part in re.findall(r"\x1b\[\d*[A-Za-z]|\r?\n|[^\x1b\r\n]+", text):
            if part.endswith("\n"):
                self.row, self.column = self.row + 1, 0
                self.lines += [""] * (self.row + 1 - len(self.lines))
            elif match := re.fullmatch(r"\x1b\[(\d+)F", part):
                self.row, self.column = self.row - int(match[1]), 0
            elif part == "\x1b[J":
                self.lines[self.row] = self.lines[self.row][: self.column]
                del self.lines[self.row + 1 :]
            else:
                assert not part.startswith("\x1b"), part
                line = self.lines[self.row]
                self.lines[self.row] = line[: self.column] + part + line[self.column + len(part) :]
                self.column += len(part)

    @property
    def shown(self) -> list[str]:
        return [line for line in self.lines if line]


class LiveTableTest(unittest.TestCase):
    columns: ClassVar[int] = 40

    def setUp(self) -> None:
        self.person, program = pty.openpty()
        self.addCleanup(os.close, self.person)
        ioctl(program, termios.TIOCSWINSZ, struct.pack("HHHH", 10, self.columns, 0, 0))
        stream = open(program, "w")  # noqa: SIM115 - for as long as the test takes
        self.addCleanup(stream.close)
        self.stream = stream
        self.live = LiveTable(stream)
        self.screen = Terminal()

    def seen(self) -> list[str]:
        self.stream.write(END)
        self.stream.flush()
        shown = ""
        while not shown.endswith(END):
            shown += os.read(self.person, 1 << 16).decode()
        self.screen.feed(shown.removesuffix(END))
        return self.screen.shown

    def test_table_takes_the_place_of_the_one_before(self) -> None:
        self.live.show(["one", "two", "three"])
        self.live.show(["four", "five"])
        self.assertEqual(["four", "five"], self.seen())
        self.live.show(["six", "seven", "eight"])
        self.assertEqual(["six", "seven", "eight"], self.seen())

    def test_text_goes_above_the_table_and_stays(self) -> None:
        self.live.show(["one", "two"])
        self.live.write("A worker ended\n")
        self.live.show(["three"])
        self.live.write("Another\n")
        self.live.show(["four"])
        self.assertEqual(["A worker ended", "Another", "four"], self.seen())

    def test_nothing_of_the_table_is_left_when_it_is_erased(self) -> None:
        self.live.show(["one", "two"])
        self.live.erase()
        self.live.erase()
        self.assertEqual([], self.seen())

    def test_lines_fit_into_the_terminal(self) -> None:
        self.live.show(["x" * 100, "好" * 100, *map(str, range(20))])
        shown = self.seen()
        self.assertEqual(["x" * 39, "好" * 19, "0"], shown[:3])
        self.assertEqual(9, len(shown))

    def test_whole_tables_fit_into_a_small_terminal(self) -> None:
        running = tuple(RunningModel(f"a_model_with_a_long_name_{n}" * 2, "w", 3.0) for n in range(30))
        self.live.show(table(standing(*ENDS, left=40, running=running)))
        self.assertLess(max(map(len, self.seen())), self.columns)


class TextTest(unittest.TestCase):
    def test_table_has_counts_codes_running_models_and_times(self) -> None:
        running = (RunningModel("left0", "w", 75.0),)
        shown = "\n".join(table(standing(*ENDS, left=6, running=running, per_minute=12.0, deadline_s=1830.0)))
        for text in (
            "[###############...............] 6 of 12",
            "delivered         2",
            "failed            3 (nan_predictions 2, model_raised 1)",
            "could not be run  1 (model_not_found 1)",
            "running           1",
            "left              5",
            "  12.0 models a minute, over in about 30.0 s",
            "  deadline in 30 min 30 s",
            "running 1 min 15 s  left0",
        ):
            with self.subTest(text):
                self.assertIn(text, shown)

    def test_more_running_models_than_a_table_has_room_for_are_counted(self) -> None:
        running = tuple(RunningModel(f"m{number}", "w", 1.0) for number in range(20))
        self.assertEqual("  and 8 more", table(standing(left=20, running=running))[-1])

    def test_line_says_the_same_for_a_log(self) -> None:
        running = (RunningModel("left0", "w", 75.0),)
        said = progress_line(standing(*ENDS, left=6, running=running, per_minute=12.0, deadline_s=-30.0))
        self.assertEqual(
            "6 of 12 models: 2 delivered, 3 failed (nan_predictions 2, model_raised 1), 1 could not be run "
            "(model_not_found 1), 1 running (left0 for 1 min 15 s); 12.0 models a minute, over in about 30.0 s; "
            "deadline over for 30.0 s",
            said,
        )

    def test_summary_has_each_failure_with_code_and_first_sentence(self) -> None:
        said = round_summary(standing(*ENDS), took_s=95.0)
        for line in (
            "Round /round: 6 of 6 models",
            "  delivered         2",
            "  wall time         1 min 35 s; 1 min 20 s of the models",
            "  CPU time          1 min 13 s of the models",
            "  slowest           slow 1 min 15 s, good 2.0 s, nan 1.0 s, nan2 1.0 s, raises 1.0 s",
            "  predictions in    /round/predictions",
            "Failed by their own fault",
            "  nan     nan_predictions  37 are missing.",
            r"  raises  model_raised     It raised \x1b[31mValueError",
            "Could not be run",
            "  gone  model_not_found  It is not there.",
        ):
            with self.subTest(line):
                self.assertIn(line, said.splitlines())

    def test_summary_names_what_is_left_by_the_python_that_it_needs(self) -> None:
        said = round_summary(standing(left=12))
        names = ", ".join(f"left{number}" for number in range(10))
        self.assertEqual(["Without an outcome", f"  Python 3.12: {names} and 2 more"], said.splitlines()[-2:])

    def test_summary_of_thousands_of_failures_shows_the_first_and_counts_the_others(self) -> None:
        ends = [ModelEnd(f"m{number}", "failed", "timeout", "It was slow.") for number in range(3000)]
        said = round_summary(standing(*ends))
        self.assertIn("  failed            3,000 (timeout 3,000)", said)
        self.assertIn("  and 2,950 more: outcomes/ has all of them", said)
        self.assertLess(len(said.splitlines()), 70)


if __name__ == "__main__":
    unittest.main()
