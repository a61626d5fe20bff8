"""What a model file is and what its pickle contains, found without loading it; and what a loaded model takes."""

from numerai_predict.inspection.arity import count_arguments, optional_second_argument
from numerai_predict.inspection.file_type import PickleFacts, look, sha256
from numerai_predict.inspection.findings import THIS_PYTHON, Difference, Findings, Module, printable
from numerai_predict.inspection.inspect import inspect_pickle, open_pickle
from numerai_predict.inspection.preflight import before_loading, doubts, expected, named_in_main, other_pythons

__all__ = [
    "THIS_PYTHON",
    "Difference",
    "Findings",
    "Module",
    "PickleFacts",
    "before_loading",
    "count_arguments",
    "doubts",
    "expected",
    "inspect_pickle",
    "look",
    "named_in_main",
    "open_pickle",
    "optional_second_argument",
    "other_pythons",
    "printable",
    "sha256",
]
