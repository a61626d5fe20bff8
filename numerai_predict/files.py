"""Files that appear whole, or not at all."""

import os
import secrets
from pathlib import Path


def write_whole(content: bytes, path: Path) -> None:
    """Write the file, or leave what is there: a reader never sees a part of it, also on a full disk. Raises OSError."""
    part = path.with_name(f".{path.name}.{secrets.token_hex(8)}")
    try:
        with open(part, "xb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        os.replace(part, path)
    except BaseException:
        part.unlink(missing_ok=True)
        raise
