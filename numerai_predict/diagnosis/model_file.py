"""From a model file that is no pickle to its fault."""

from numerai_predict.faults import Code, Fault
from numerai_predict.inspection import PickleFacts

_FILE_HINTS = (
    ("an XML document", "Look at what it says; make a fresh presigned URL and download the model again."),
    ("a Git LFS pointer", "Check the file itself out: git lfs pull."),
    ("a gzip file", "Give the file a name that ends in .gz, or write the pickle uncompressed."),
    ("a bzip2 file", "Give the file a name that ends in .bz2, or write the pickle uncompressed."),
    ("an xz file", "Give the file a name that ends in .xz, or write the pickle uncompressed."),
    ("a Zstandard file", "Give the file a name that ends in .zst, or write the pickle uncompressed."),
    ("not compressed", "Take the suffix off the file's name, or compress the file."),
)


def other_file(facts: PickleFacts) -> Fault | None:
    """The fault of a model file that is no pickle at all; None if it may be one."""
    if facts.other == "empty":
        return Fault(Code.EMPTY_FILE, f"The model file {facts.path} is empty.")
    if facts.other:
        hints = (hint for kind, hint in _FILE_HINTS if facts.other.startswith(kind))
        return Fault(Code.NOT_A_PICKLE, f"The model file {facts.path} is {facts.other}.", next(hints, None))
    return None
