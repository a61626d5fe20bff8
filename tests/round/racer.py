"""One of several processes that write to the same folder at once: `python -m tests.round.racer FOLDER NAME`.

Once it gets a line, it tries to create COUNT files, printing the names of those that it created, and then counts on by
COUNT in a file that all count in.
"""

import json
import sys
from pathlib import Path

from numerai_predict.round.folder_store import FolderStore

COUNT = 20
COUNTER = "claims/counter"
# So that a reader could see a part of it.
PADDING = "x" * 100_000


def main(folder: str, name: str) -> None:
    store = FolderStore(Path(folder))
    print("ready", flush=True)
    sys.stdin.readline()
    for number in range(COUNT):
        if store.create(f"outcomes/m{number}", name.encode()):
            print(f"m{number}", flush=True)
    for _ in range(COUNT):
        count_on(store, name)


def count_on(store: FolderStore, name: str) -> None:
    """Replace the counter, whose file must be there, by the next one."""
    while True:
        found = store.read(COUNTER)
        assert found is not None
        if store.replace(COUNTER, counter(number_in(found.content) + 1, name), found.version):
            return


def counter(number: int, name: str) -> bytes:
    return json.dumps({"number": number, "by": name, "padding": PADDING}).encode()


def number_in(content: bytes) -> int:
    """The number in a counter; raises an error if it is not whole."""
    read = json.loads(content)
    assert read["padding"] == PADDING
    return int(read["number"])


if __name__ == "__main__":
    main(*sys.argv[1:])
