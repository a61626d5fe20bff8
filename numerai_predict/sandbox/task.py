"""What a program is asked to do, and what it may say and ask for meanwhile."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO, TypeAlias

from numerai_predict.sandbox.channel import Message

# Takes what a program reports, and the payload if there is one; raises ProtocolError if that is not in order.
ReportTaker: TypeAlias = Callable[[Message, BinaryIO | None], None]


@dataclass(frozen=True)
class Task:
    """The work of a program, by its `name`, with its `phases` in their order; one may come twice.

    `files` are what it may ask for, each once and in this order: what gets a file is called in a thread, and the time
    it takes does not count. `reports` are what it may say before it answers, each once. From the phase `trusted_until`
    on the program runs code that nobody has to trust, and reports nothing more; from the phase `fed_until` on it gets
    no file. `when_gone` is called when none of its processes is left, before its folder is removed.
    """

    name: str = ""
    phases: tuple[str, ...] = ()
    files: Mapping[str, Callable[[], Path]] = field(default_factory=dict)
    reports: Mapping[str, ReportTaker] = field(default_factory=dict)
    trusted_until: str = ""
    fed_until: str = ""
    when_gone: Callable[[], None] = lambda: None
