"""What a crash says of the model: faulthandler's traceback without the runtime's own frames."""

import re

from numerai_predict.own_files import is_ours

_FRAME = re.compile(r'^ *File "(?P<file>.+)", line (?P<line>\d+) in (?P<name>.+)$')
# faulthandler cuts names of files and functions at 500 characters.
_LONGEST_FRAME = 2_000
_LIBRARY = re.compile(r"^.*/lib/python[\d.]+/(site-packages/)?|^<frozen .*>$")


def without_our_frames(trace: str) -> str:
    """What faulthandler wrote, without the lines about the runtime itself and the page of extension modules."""
    return "".join(line for line in trace.splitlines(keepends=True) if not _is_noise(line))


def crash_site(trace: str) -> str:
    """` in predict (model.py line 12)`: the frame in which faulthandler found the thread that crashed; empty if none.

    Frames of libraries come before the user's: the innermost is named as well.
    """
    _, _, thread = without_our_frames(trace).partition("Current thread ")
    lines = thread.partition("\n\n")[0].splitlines()
    frames = [frame.group("file", "line", "name") for frame in map(_frame, lines) if frame]
    if not frames:
        return ""
    users = [frame for frame in frames if not _LIBRARY.search(frame[0])]
    file, line, name = users[0] if users else frames[0]
    site = f" in {name} ({file} line {line})"
    if users and frames[0] != users[0]:
        file, line, name = frames[0]
        site += f", at {name} ({_LIBRARY.sub('', file)} line {line})"
    return site


def _is_noise(line: str) -> bool:
    if line.startswith("Extension modules: "):
        return True
    frame = _frame(line.rstrip("\n"))
    return frame is not None and is_ours(frame["file"])


def _frame(line: str) -> re.Match[str] | None:
    return _FRAME.match(line) if len(line) <= _LONGEST_FRAME else None
