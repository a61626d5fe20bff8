"""What a model file is, by its name and its first bytes."""

import os
import re
from dataclasses import dataclass
from pathlib import Path

from numerai_predict.files import open_file
from numerai_predict.inspection.findings import Findings

HEAD_BYTES = 4096

# First bytes, and what a file that begins with them is. Sources: each format's own specification.
# These pandas opens by their suffix.
COMPRESSED = {
    "gz": (b"\x1f\x8b", "a gzip file"),
    "bz2": (b"BZh", "a bzip2 file"),
    "xz": (b"\xfd7zXZ\x00", "an xz file"),
    "zst": (b"\x28\xb5\x2f\xfd", "a Zstandard file"),
    "zip": (b"PK\x03\x04", "a zip archive (torch.save and numpy.savez write such files)"),
}
TAR_SUFFIXES = (".tar", ".tar.gz", ".tar.bz2", ".tar.xz")
MAGIC = (
    *COMPRESSED.values(),
    (b"x\x9c", "a zlib stream (joblib.dump writes such files)"),
    (b"x\x01", "a zlib stream (joblib.dump writes such files)"),
    (b"x\x5e", "a zlib stream (joblib.dump writes such files)"),
    (b"x\xda", "a zlib stream (joblib.dump writes such files)"),
    (b"\x89PNG", "a PNG picture"),
    (b"PAR1", "a parquet file"),
    (b"\x89HDF", "an HDF5 file (Keras writes such files)"),
    (b"\x93NUMPY", "a NumPy array file"),
    (b"%PDF", "a PDF"),
    (b"\x7fELF", "a program"),
    (b"\x00\x00\x00\x00", "a block of zeros"),
)
TEXTS = (
    (re.compile(rb"<\?xml|<Error>", re.I), "an XML document, as S3 sends in place of a file that it refuses"),
    (re.compile(rb"<!doctype html|<html", re.I), "an HTML page, perhaps of a login or an error"),
    (re.compile(rb"version https://git-lfs"), "a Git LFS pointer: the file itself was not checked out"),
    (re.compile(rb'\{\s*"(cells|nbformat|metadata)"'), "a Jupyter notebook"),
    (re.compile(rb"(import|from|def|class) |#|\"\"\""), "Python source code"),
    (re.compile(rb"[{\[]"), "JSON text"),
    (re.compile(rb"tree\n"), "a LightGBM text model"),
)


@dataclass(frozen=True)
class PickleFacts:
    """What a model file is: its size, the pickle's protocol where it says so, how it is compressed, and in `other` what
    it is instead of a pickle, if it is none ("empty" for no bytes, "" for a pickle). `findings` is what the pickle
    contains, once it has been inspected.
    """

    path: str
    bytes: int
    compression: str | None
    protocol: int | None
    other: str
    findings: Findings | None = None


def look(path: Path) -> PickleFacts:
    """Read the beginning of the file without loading it; raises OSError if it cannot be read."""
    with open_file(path) as file:
        head = file.read(HEAD_BYTES)
        size = os.fstat(file.fileno()).st_size
    compression = compression_of(path)
    return PickleFacts(
        path=str(path),
        bytes=size,
        compression=compression,
        protocol=head[1] if head[:1] == b"\x80" and len(head) > 1 else None,
        other=other_than_pickle(head, compression),
    )


def sha256(path: Path) -> str:
    """The file's digest, in hexadecimal digits; raises OSError."""
    import hashlib  # Which loads OpenSSL.

    digest = hashlib.sha256()
    with open_file(path) as file:
        while chunk := file.read(1 << 20):
            digest.update(chunk)
    return digest.hexdigest()


def compression_of(path: Path) -> str | None:
    """How the file is compressed, by the suffix of its name as for pandas: "gz", "tar", …; None if it is not."""
    if path.name.lower().endswith(TAR_SUFFIXES):
        return "tar"
    suffix = path.suffix.lower()[1:]
    return suffix if suffix in COMPRESSED else None


def other_than_pickle(head: bytes, compression: str | None) -> str:
    """What a file with these first bytes is in place of a pickle, in words; "empty" for no bytes, "" for a pickle."""
    if not head:
        return "empty"
    if compression == "tar" or (compression and head.startswith(COMPRESSED[compression][0])):
        return ""
    if head[:1] == b"\x80":
        return f"not compressed, though its name ends in .{compression}" if compression else ""
    for magic, name in MAGIC:
        if head.startswith(magic):
            return name
    text = head.lstrip(b"\xef\xbb\xbf \t\r\n")
    for pattern, name in TEXTS:
        if pattern.match(text):
            return name
    return "a text file" if _is_printable(head) and not _begins_as_a_pickle(head) else ""


def _is_printable(head: bytes) -> bool:
    return all(32 <= byte < 127 or byte in b"\t\r\n" for byte in head)


def _begins_as_a_pickle(head: bytes) -> bool:
    """Whether the bytes are opcodes and their arguments: pickles of protocol 0 are text, too."""
    import pickletools

    try:
        for _ in pickletools.genops(head):
            pass
    except Exception as error:
        cut = re.search("exhausted|not enough data|expected|no newline", str(error))
        return cut is not None and len(head) == HEAD_BYTES
    return True
