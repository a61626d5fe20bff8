"""The table of everything that can go wrong, in docs/faults.md, and a real message of each.

`make format` writes both, a test compares.
"""

from numerai_predict.faults import Blame, Code
from tests import fault_examples
from tests.harness import ROOT

PAGE = ROOT / "docs/faults.md"
BEGIN, END = "<!-- Of numerai_predict/faults.py, by make format. -->\n", "<!-- end -->\n"
BEGIN_EXAMPLES = "<!-- Of real runs, by make fault_examples and make format. -->\n"
END_EXAMPLES = "<!-- end of them -->\n"


def table() -> str:
    """One row for each code: the exit status, the code, what it means and what to do."""
    rows = [f"| {code.blame.exit_status} | {linked(code)} | {code.meaning} | {code.hint} |" for code in Code]
    return "\n".join(["| exit | code | what it means | what to do |", "|---|---|---|---|", *rows, ""])


def linked(code: Code) -> str:
    """The code as a link to its example, if there is one."""
    return f"[`{code.label}`](#{code.label})" if code.label in fault_examples.stored() else f"`{code.label}`"


def examples() -> str:
    """Under a heading for each code, what a run says that ends with it."""
    found = ((code, fault_examples.stored().get(code.label)) for code in Code)
    return "\n".join(f"### {code.label}\n\n```\n{said(code, example)}\n```\n" for code, example in found if example)


def said(code: Code, example: dict[str, str]) -> str:
    """The last lines of the run, but for the command; what is wrong with the command itself is one line alone."""
    if code is Code.USAGE:
        return f"predict.py: error: {example['message']} (see --help)"
    if code.blame is Blame.USAGE:
        return f"{code.blame.status}: {code.label}: {example['message']} {example['hint']}"
    return f"{code.blame.status}: {code.label}\n  {example['message']}\n  Hint: {example['hint']}"


def with_table(text: str) -> str:
    """The text with table and examples between their marks. ValueError if they are not there."""
    before, rest = text.split(BEGIN)
    _, rest = rest.split(END)
    between, rest = rest.split(BEGIN_EXAMPLES)
    _, after = rest.split(END_EXAMPLES)
    return f"{before}{BEGIN}{table()}{END}{between}{BEGIN_EXAMPLES}\n{examples()}\n{END_EXAMPLES}{after}"


if __name__ == "__main__":
    PAGE.write_text(with_table(PAGE.read_text()))
