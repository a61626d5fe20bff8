"""A program: correlates the predictions of a round with those of the round before and with the benchmark models.

It reads what to correlate from stdin and answers on stdout, both in JSON.
"""

import csv
import json
import logging
import os
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from numerai_predict.excerpt import excerpt
from numerai_predict.visible import visible

if TYPE_CHECKING:
    import pandas as pd

ROOT = Path(__file__).resolve().parents[2]
DEADLINE_SECONDS = 120.0
# Of hundreds of models and benchmark models.
MOST_ANSWER_BYTES = 16 << 20
YESTERDAY = "yesterday"
# Two rows are always in the same order, or in the opposite one.
FEWEST_SHARED = 3

_log = logging.getLogger(__name__)


def correlate(
    predictions: Mapping[str, Path], yesterday: Mapping[str, Path], benchmarks: Path
) -> dict[str, dict[str, float]]:
    """Of each slot's predictions (CSV by the slot's name): "yesterday" and each benchmark model, Spearman's rank
    correlation over the ids that both have; left out where fewer than three are shared, or where one side is constant.

    It is computed in a process of its own, as this one imports neither pandas nor pyarrow. What cannot be read is left
    out and logged.
    """
    question = {
        "predictions": {name: str(path.resolve()) for name, path in predictions.items()},
        "yesterday": {name: str(path.resolve()) for name, path in yesterday.items()},
        "benchmarks": str(benchmarks.resolve()),
    }
    try:
        answer = json.loads(_ask(json.dumps(question).encode()))
        problems, found = _texts(answer["problems"]), _correlations(answer["correlations"], predictions)
    except subprocess.TimeoutExpired:
        problems, found = [f"They were not known after {DEADLINE_SECONDS:g} seconds."], {}
    except subprocess.CalledProcessError as error:
        problems, found = [f"The process that computes them ended with status {error.returncode}."], {}
    except (OSError, ValueError, KeyError, TypeError) as error:
        problems, found = [f"The process that computes them gave no answer ({type(error).__name__}: {error})."], {}
    for problem in problems:
        _log.warning("Some correlations of the predictions are missing. %s", visible(excerpt(problem)))
    return found


def _ask(question: bytes) -> bytes:
    """What the program answers. Raises OSError, SubprocessError, and ValueError if it is too much."""
    with tempfile.TemporaryFile() as answer:
        subprocess.run(
            [sys.executable, "-m", "numerai_predict.tournament.correlations"],
            cwd=ROOT,
            input=question,
            stdout=answer,
            timeout=DEADLINE_SECONDS,
            start_new_session=True,  # Ctrl-C is ours to answer.
            check=True,
        )
        answer.seek(0)
        content = answer.read(MOST_ANSWER_BYTES + 1)
    if len(content) > MOST_ANSWER_BYTES:
        raise ValueError(f"the answer has more than {MOST_ANSWER_BYTES:,} bytes")
    return content


def _texts(value: Any) -> list[str]:
    if not isinstance(value, list) or not all(isinstance(text, str) for text in value):
        raise TypeError("the problems are not a list of texts")
    return value


def _correlations(value: Any, names: Mapping[str, Path]) -> dict[str, dict[str, float]]:
    if not isinstance(value, dict) or not value.keys() <= names.keys():
        raise ValueError("the answer is not about these predictions")
    for of_one in value.values():
        if not isinstance(of_one, dict) or not all(isinstance(r, float) and -1 <= r <= 1 for r in of_one.values()):
            raise ValueError("what should be correlations are not numbers from -1 to 1")
    return value


class Correlator:
    """Reads and correlates, in the process that has pandas; `problems` says what could not be read."""

    def __init__(self) -> None:
        self.problems: list[str] = []

    def correlations(self, question: Mapping[str, Any]) -> dict[str, dict[str, float]]:
        """Of each file of predictions that can be read, as `correlate` returns them."""
        others = self._benchmarks(question["benchmarks"])
        found = {}
        for name, path in question["predictions"].items():
            if (mine := self._predictions(path)) is None:
                continue
            found[name] = _correlations_of(mine, others)
            before = question["yesterday"].get(name)
            if before is not None and (yesterday := self._predictions(before)) is not None:
                found[name] |= _correlations_of(mine, yesterday.to_frame(YESTERDAY))
        return found

    def _predictions(self, path: str) -> "pd.Series[float] | None":
        import pandas as pd

        try:
            with open(path, newline="", encoding="utf-8") as file:
                rows = csv.reader(file)
                column = next(rows, []).index("prediction")
                return pd.Series({row[0]: float(row[column]) for row in rows}, dtype="float64")
        except (OSError, ValueError, IndexError, csv.Error) as error:
            self._note(path, error)
            return None

    def _benchmarks(self, path: str) -> "pd.DataFrame":
        import pandas as pd

        try:
            return pd.read_parquet(path).drop(columns="era", errors="ignore")
        except Exception as error:  # Whatever pandas and pyarrow raise for what is damaged.
            self._note(path, error)
            return pd.DataFrame()

    def _note(self, path: str, error: Exception) -> None:
        self.problems.append(f"{path} cannot be read ({type(error).__name__}: {error}).")


def _correlations_of(mine: "pd.Series[float]", others: "pd.DataFrame") -> dict[str, float]:
    """Those that there are, over enough rows."""
    from numerai_predict.child import spearman

    shared = others[others.index.isin(mine.index)].count()
    return {
        name: max(-1.0, min(1.0, value))
        for name, value in spearman(mine, others).items()
        if value is not None and shared[name] >= FEWEST_SHARED
    }


def main() -> None:
    """Answer the question on stdin."""
    correlator = Correlator()
    correlations = correlator.correlations(json.load(sys.stdin))
    json.dump({"correlations": correlations, "problems": correlator.problems}, sys.stdout)
    sys.stdout.flush()
    os._exit(0)  # apache/arrow#34314: the interpreter may abort at exit.


if __name__ == "__main__":
    main()
