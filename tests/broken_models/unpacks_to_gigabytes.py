"""A pickle of four megabytes that unpacks to four gigabytes of zeros."""

import gzip
from pathlib import Path

BLOCK_BYTES = 1 << 19
BLOCK = b"\x8e" + BLOCK_BYTES.to_bytes(8, "little") + bytes(BLOCK_BYTES)


def write(path: Path) -> None:
    path.write_bytes(gzip.compress(b"\x80\x04](") + gzip.compress(BLOCK * 32) * 256 + gzip.compress(b"e."))
