"""The table of everything that can go wrong, in docs/faults.md. `make format` writes it, a test compares the two."""

from numerai_predict.faults import Code
from tests.harness import ROOT

PAGE = ROOT / "docs/faults.md"
BEGIN, END = "<!-- Of numerai_predict/faults.py, by make format. -->\n", "<!-- end -->\n"


def table() -> str:
    """One row for each code: the exit status, the code, what it means and what to do."""
    rows = [f"| {code.blame.exit_status} | `{code.label}` | {code.meaning} | {code.hint} |" for code in Code]
    return "\n".join(["| exit | code | what it means | what to do |", "|---|---|---|---|", *rows, ""])


def with_table(text: str) -> str:
    """The text with the table between its marks. ValueError if they are not there."""
    before, rest = text.split(BEGIN)
    _, after = rest.split(END)
    return before + BEGIN + table() + END + after


if __name__ == "__main__":
    PAGE.write_text(with_table(PAGE.read_text()))
