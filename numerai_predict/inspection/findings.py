"""What a pickle contains, as plain data that the child finds and the parent reads."""

import sys
from dataclasses import asdict, dataclass
from typing import Any, Literal

THIS_PYTHON = f"{sys.version_info.major}.{sys.version_info.minor}"


@dataclass(frozen=True)
class Module:
    """A module that the model needs, or a package with all that it needs of it. `status` is "present", "missing" or
    "skewed" (another version of the package than it was written with). `needed_by` is how it is needed: "reference"
    (loading it), "late reference" (loading it, when code of the pickle has run that may have made the module), "import"
    (a function that it carries), "guarded import" (one that expects to fail), "possible".
    """

    name: str
    version: str | None
    status: Literal["present", "missing", "skewed"]
    needed_by: str
    pip_name: str = ""


@dataclass(frozen=True)
class Difference:
    """A library wrote part of the pickle in another version than `here` (None: unknown). `breaks` says that loading it
    is certain to end with the fault of that `code` (its label); otherwise the message is a warning.
    """

    library: str
    written: str
    here: str | None
    breaks: bool
    code: str
    message: str
    hint: str | None


@dataclass(frozen=True)
class Findings:
    """What the pickle of a file contains. `protocol` is None where it does not say (0, 1). `python` are the versions
    that may have written its code (empty: it has none), `writer` is what wrote it ("cloudpickle 3", "pickle", …);
    `kind` to `is_callable` describe the model itself, as model_signature.Model does; `other` says what it is in place
    of a pickle. If it could not be read to its end, `error_kind` and `error` say why (empty: it takes too long), and
    the rest is what came before.

    `main_names` are the names of the writer's script that loading needs, `late_names` those that it needs when code of
    the pickle has run that may have made them, and `nested_names` those that pickles inside the pickle need.
    `own_names` ("module:name") are needed of modules that are not here, and whose functions the pickle carries.
    `types` are which of all these names annotate something.
    """

    file_name: str
    file_bytes: int
    protocol: int | None
    python: list[str]
    writer: str
    kind: str
    name: str
    parameters: list[str] | None
    takes: int | None
    is_callable: bool | None
    modules: list[Module]
    differences: list[Difference]
    main_names: list[str]
    late_names: list[str]
    nested_names: list[str]
    own_names: list[str]
    types: list[str]
    other: str
    complete: bool
    error_kind: str
    error: str

    def as_message(self) -> dict[str, Any]:
        """Plain data for the way from the child to the parent."""
        return asdict(self)
