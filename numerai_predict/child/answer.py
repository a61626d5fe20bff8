"""What the model's process answers: plain data that the child builds and the parent reads."""

from dataclasses import asdict, dataclass, field
from typing import Any


@dataclass(frozen=True)
class Shape:
    """Rows and columns of a DataFrame, its index not among them."""

    rows: int
    columns: int


@dataclass(frozen=True)
class LiveFeatures:
    """What the child reports of the live features: whether their ids are a column, and their index holds none."""

    shape: Shape
    ids_are_a_column: bool


@dataclass(frozen=True)
class Problem:
    """One thing that is wrong: the label of its code (faults.Code), a sentence with the numbers, and a remedy."""

    code: str
    message: str
    hint: str


@dataclass(frozen=True)
class EarlierException:
    """An exception that another one followed from, or consists of."""

    kind: str
    message: str


@dataclass(frozen=True)
class MissingColumns:
    """Columns that the model looked for in tables of these names (DATA) and that they do not have, and the first."""

    tables: list[str]
    count: int
    first: list[str]


@dataclass(frozen=True)
class OtherColumns:
    """How many columns a trained model was given and was trained on, how many are missing or unexpected, and the first
    of them; `are_here` is whether the live data has all that are missing.
    """

    given: int
    trained: int
    missing: int
    first_missing: list[str]
    unexpected: int
    first_unexpected: list[str]
    are_here: bool


@dataclass(frozen=True)
class RaisedException:
    """An exception of the model; `kinds` are the names of its class and bases, `where` is the user's line as
    ` in predict (model.py line 12)`, `libraries` the versions of those that were loaded, `earlier` the exceptions
    behind it. `program` is what could not be started, if it is about that, `tried` the hosts that the very call which
    it came out of had tried to reach. `widths` are the numbers of columns that a model may take of its data; `missing`
    and `other` are what the traceback shows of columns.
    """

    kind: str
    kinds: list[str]
    message: str
    name: str
    where: str
    trace: str
    libraries: dict[str, str]
    earlier: list[EarlierException] = field(default_factory=list)
    program: str = ""
    tried: list[str] = field(default_factory=list)
    widths: list[int] = field(default_factory=list)
    missing: MissingColumns | None = None
    other: OtherColumns | None = None


@dataclass(frozen=True)
class PredictionStats:
    """The first column of the predictions: ten bins over [0, 1] in `histogram`, Spearman's correlation with each
    benchmark model in `spearman`. What cannot be computed is None.
    """

    rows: int
    columns: list[str]
    min: float
    mean: float
    max: float
    std: float | None
    histogram: list[int]
    spearman: dict[str, float | None]


@dataclass
class Answer:
    """What became of the model, as far as it came. `parameters` is how many DataFrames it takes, `optional_second` the
    parameter that takes the second and may be meant for something else, `hosts` what it tried to reach. `notices` are
    probably mistakes; `remarks` may be none.
    """

    parameters: int | None = None
    optional_second: str | None = None
    data: dict[str, Shape] = field(default_factory=dict)
    hosts: list[str] = field(default_factory=list)
    fault: Problem | None = None
    exception: RaisedException | None = None
    failures: list[Problem] = field(default_factory=list)
    warnings: list[Problem] = field(default_factory=list)
    notices: list[str] = field(default_factory=list)
    remarks: list[str] = field(default_factory=list)
    predictions: PredictionStats | None = None

    def as_message(self) -> dict[str, Any]:
        """Plain data for the way to the parent; what is not known is left out."""
        return {name: value for name, value in asdict(self).items() if value is not None}
