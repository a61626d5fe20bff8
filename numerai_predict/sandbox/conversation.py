"""The rules of what a program may say to the runtime, and when; who breaks one is not listened to any longer."""

import os
from collections.abc import Iterator
from dataclasses import dataclass
from typing import BinaryIO, TypeAlias, cast

from numerai_predict.sandbox.channel import Decoder, Message, ProtocolError
from numerai_predict.sandbox.outcome import PROMISES
from numerai_predict.sandbox.task import Task

MAX_ANNOUNCEMENTS = 50
MAX_REASON = 500
# What every program may ask for, whatever its task: on what terms it runs, and how to sign its answer.
ALWAYS_ASKED_FOR = ("terms", "nonce")


@dataclass(frozen=True)
class PhaseBegins:
    """The next phase of the program's work begins."""

    name: str


@dataclass(frozen=True)
class FileNeeded:
    """The program asks for what has that name, and waits for it."""

    name: str


@dataclass(frozen=True)
class ReportComes:
    """What the program has found out before its answer, under the name that its task has for it."""

    name: str
    content: Message
    payload: BinaryIO | None


@dataclass(frozen=True)
class AnswerComes:
    """The answer, signed with the nonce."""


Event: TypeAlias = PhaseBegins | FileNeeded | ReportComes | AnswerComes


class Conversation:
    """What the program has said so far: its answer with the payload, and the promises that it says do not hold."""

    def __init__(self, task: Task, max_payload_bytes: int) -> None:
        self.nonce = os.urandom(16).hex()
        self.answer: Message | None = None
        self.payload: BinaryIO | None = None
        self.broken: dict[str, str] | None = None
        self._task = task
        self._decoder = Decoder(max_payload_bytes)
        self._phase = -1  # Of the task's, which one has begun last.
        self._announcements = 0
        self._asked: set[str] = set()
        self._files = list(task.files)
        self._reported: set[str] = set()

    @property
    def is_amid(self) -> bool:
        """Whether part of a message has come, and the rest has not."""
        return self._decoder.is_amid

    @property
    def is_trusted(self) -> bool:
        """Whether all that has run in the program so far is code of ours."""
        return not self._has_begun(self._task.trusted_until)

    def feed(self, data: bytes) -> Iterator[Event]:
        """What the program says with these bytes. Raises ProtocolError for what it may not say, or not again."""
        for message, payload in self._decoder.feed(data):
            event = self._take(message, payload)
            if event is not None:
                yield event

    def close(self) -> None:
        """Let go of what was to be a payload."""
        self._decoder.close()
        if self.payload is not None:
            self.payload.close()

    def _take(self, message: Message, payload: BinaryIO | None) -> Event | None:
        match message:
            case {"answer": dict(answer), "nonce": self.nonce} if self.answer is None:
                self.answer = cast(Message, answer)
                self.payload = payload
                return AnswerComes()
            case {"report": str(name), "content": dict(content)} if self._may_report(name):
                self._reported.add(name)
                return ReportComes(name, cast(Message, content), payload)
            case _ if payload is not None:
                payload.close()
            case {"phase": str(name)} if self._announcements < MAX_ANNOUNCEMENTS:
                self._announcements += 1
                return self._advance(name)
            case {"broken": dict(broken)} if self.broken is None:
                self.broken = {name: str(broken[name])[:MAX_REASON] for name in PROMISES if name in broken}
                return None
            case {"need": str(name)} if self._may_ask_for(name):
                self._asked.add(name)
                return FileNeeded(name)
        raise ProtocolError("an unexpected message")

    def _advance(self, name: str) -> PhaseBegins | None:
        """The phase begins if it is still to come; else the program goes on with the one that it is in, for a model
        that announces an earlier one must not seem to be what ran then.
        """
        if name not in self._task.phases[self._phase + 1 :]:
            return None
        self._phase = self._task.phases.index(name, self._phase + 1)
        return PhaseBegins(name)

    def _may_report(self, name: str) -> bool:
        return self.is_trusted and name in self._task.reports and name not in self._reported

    def _may_ask_for(self, name: str) -> bool:
        """Files are asked for in their order, some of them never."""
        if name in ALWAYS_ASKED_FOR:
            return name not in self._asked
        if name not in self._files or self._has_begun(self._task.fed_until):
            return False
        del self._files[: self._files.index(name) + 1]
        return True

    def _has_begun(self, phase: str) -> bool:
        return phase in self._task.phases[: self._phase + 1]
