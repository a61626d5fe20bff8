"""The rules of what a program may say to the runtime, and when; who breaks one is not listened to any longer."""

import secrets
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TypeAlias, cast

from numerai_predict.sandbox.channel import Decoder, Message, ProtocolError
from numerai_predict.sandbox.outcome import PROMISES

MAX_PHASES = 50
MAX_PHASE_NAME = 40
MAX_REASON = 500


@dataclass(frozen=True)
class PhaseBegins:
    """A phase of the program's work begins."""

    name: str


@dataclass(frozen=True)
class FileNeeded:
    """The program asks for what has that name, and waits for it."""

    name: str


@dataclass(frozen=True)
class FindingsCome:
    """What the program has found out before its answer."""

    findings: Message


@dataclass(frozen=True)
class AnswerComes:
    """The answer, signed with the nonce."""


Event: TypeAlias = PhaseBegins | FileNeeded | FindingsCome | AnswerComes


class Conversation:
    """What the program has said so far: its answer with the payload, and the promises that it says do not hold."""

    def __init__(self, max_payload_bytes: int) -> None:
        self.nonce = secrets.token_hex(16)
        self.answer: Message | None = None
        self.payload = b""
        self.broken: dict[str, str] | None = None
        self._decoder = Decoder(max_payload_bytes)
        self._asked: set[str] = set()
        self._phases = 0
        self._has_findings = False

    @property
    def is_amid(self) -> bool:
        """Whether part of a message has come, and the rest has not."""
        return self._decoder.is_amid

    def feed(self, data: bytes) -> Iterator[Event]:
        """What the program says with these bytes. Raises ProtocolError for what it may not say, or not again."""
        for message, payload in self._decoder.feed(data):
            event = self._take(message, payload)
            if event is not None:
                yield event

    def _take(self, message: Message, payload: bytes) -> Event | None:
        match message:
            case {"phase": str(name)} if self._phases < MAX_PHASES:
                self._phases += 1
                return PhaseBegins(name[:MAX_PHASE_NAME])
            case {"broken": dict(broken)} if self.broken is None:
                self.broken = {name: str(broken[name])[:MAX_REASON] for name in PROMISES if name in broken}
                return None
            case {"findings": dict(findings)} if not self._has_findings:
                self._has_findings = True
                return FindingsCome(cast(Message, findings))
            case {"need": str(name)} if name not in self._asked:
                self._asked.add(name)
                return FileNeeded(name)
            case {"answer": dict(answer), "nonce": self.nonce} if self.answer is None:
                self.answer = cast(Message, answer)
                self.payload = payload
                return AnswerComes()
        raise ProtocolError("an unexpected message")
