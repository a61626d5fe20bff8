"""The line between parent and child: JSON messages over a socket, with payloads one way and open files the other."""

import json
import os
import socket
import tempfile
from collections.abc import Iterator
from typing import Any, BinaryIO, TypeAlias, cast

Message: TypeAlias = dict[str, Any]

MAX_HEADER_BYTES = 1 << 20
# A round's predictions are ten times smaller, and never come to lie on a disk before they are delivered.
HELD_PAYLOAD_BYTES = 4 << 20
# The exit status of a child that cannot reach its parent any more, because the model closed what it did not open.
LINE_LOST = 113


class ProtocolError(Exception):
    """The other side sent something that is not a message, or more than it may."""


def encode(message: Message, payload: bytes = b"") -> bytes:
    """One line of JSON, followed by the payload whose length it announces."""
    header = dict(message, payload_bytes=len(payload)) if payload else message
    # Lone surrogates are what Python makes of undecodable bytes, and may stand in any message of an exception.
    return json.dumps(header, ensure_ascii=False).encode("utf-8", "surrogatepass") + b"\n" + payload


class Decoder:
    """Cuts a stream of bytes into messages; holds at most one header, and of the payload no more than a few MiB: the
    rest lies in a file that has no name, so that nobody else can change it.
    """

    def __init__(self, max_payload_bytes: int) -> None:
        self._max_payload_bytes = max_payload_bytes
        self._buffer = bytearray()
        self._searched = 0  # So much of the buffer holds no end of a line.
        self._header: Message | None = None
        self._payload: BinaryIO | None = None
        self._missing = 0  # Bytes of the payload that are still to come.

    def feed(self, data: bytes) -> Iterator[tuple[Message, BinaryIO | None]]:
        """The messages that `data` completes, each with its payload, which the caller closes; raises ProtocolError on
        anything else.
        """
        self._buffer += data
        while (message := self._next()) is not None:
            yield message

    @property
    def is_amid(self) -> bool:
        """Whether part of a message has come, and the rest has not."""
        return bool(self._buffer) or self._header is not None

    def close(self) -> None:
        """Let go of a payload that has not come to its end."""
        if self._payload is not None:
            self._payload.close()

    def _next(self) -> tuple[Message, BinaryIO | None] | None:
        if self._header is None:
            line = self._line()
            if line is None:
                return None
            self._header = _parse_header(line)
            self._missing = self._payload_size(self._header)
            if self._missing:
                spool = tempfile.SpooledTemporaryFile(HELD_PAYLOAD_BYTES)  # noqa: SIM115 - whoever gets it closes it
                self._payload = cast(BinaryIO, spool)
        self._take_payload()
        if self._missing:
            return None
        header, payload = self._header, self._payload
        self._header = self._payload = None
        if payload is not None:
            payload.seek(0)
        return header, payload

    def _line(self) -> bytes | None:
        end = self._buffer.find(b"\n", self._searched)
        if max(end, len(self._buffer) if end < 0 else 0) > MAX_HEADER_BYTES:
            raise ProtocolError(f"a message of more than {MAX_HEADER_BYTES:,} bytes")
        self._searched = len(self._buffer) if end < 0 else 0
        if end < 0:
            return None
        line = bytes(self._buffer[:end])
        del self._buffer[: end + 1]
        return line

    def _payload_size(self, header: Message) -> int:
        size = header.get("payload_bytes", 0)
        if type(size) is not int or size < 0:  # A bool is an int for isinstance.
            raise ProtocolError("a message without a sensible length")
        if size > self._max_payload_bytes:
            raise ProtocolError(f"a result of {size:,} bytes; {self._max_payload_bytes:,} are allowed")
        return size

    def _take_payload(self) -> None:
        if self._payload is None:
            return
        part = self._buffer[: self._missing]
        try:
            self._payload.write(part)
        except OSError as error:
            raise ProtocolError(f"a result for which there is no room: {error.strerror or error}") from error
        del self._buffer[: len(part)]
        self._missing -= len(part)


def _parse_header(line: bytes) -> Message:
    try:
        header = json.loads(line, parse_constant=lambda _: None)  # NaN is no JSON, and the report is.
    except (ValueError, RecursionError) as error:
        raise ProtocolError("a message that is not JSON") from error
    if not isinstance(header, dict):
        raise ProtocolError("a message that is not a JSON object")
    return header


class ChildChannel:
    """The child's end: it announces its phases, asks for what it needs, and answers once."""

    def __init__(self, connection: socket.socket) -> None:
        self._connection = connection
        self._owner = os.getpid()

    @classmethod
    def from_stdin(cls) -> "ChildChannel":
        """Take over the socket that the parent passed as standard input, which then reads as empty."""
        connection = socket.socket(fileno=os.dup(0))
        with open(os.devnull, "rb") as nothing:
            os.dup2(nothing.fileno(), 0)
        return cls(connection)

    def terms(self) -> tuple[Message, int]:
        """Ask on what terms to confine ourselves; comes with a descriptor to write a crash's traceback to."""
        return self._ask("terms")

    def report_broken(self, promises: dict[str, str]) -> None:
        """Say which promises do not hold here, each with the reason; once."""
        self._send(encode({"broken": promises}))

    def report(self, name: str, content: Message, payload: bytes = b"") -> None:
        """Say what has been found out before the answer; once, under a name that the task has for it."""
        self._send(encode({"report": name, "content": content}, payload))

    def report_findings(self, findings: Message) -> None:
        """Say what has been found in the pickle; once."""
        self.report("findings", findings)

    def announce(self, phase: str) -> None:
        """Say which phase begins."""
        self._send(encode({"phase": phase}))

    def request(self, need: str) -> tuple[Message, BinaryIO]:
        """Ask the parent for an open file by name; waits until it is there."""
        reply, descriptor = self._ask(need)
        return reply, os.fdopen(descriptor, "rb")

    def answer(self, message: Message, payload: bytes = b"") -> None:
        """Send the result, signed with the nonce, which the parent reveals only now that the model has run."""
        reply, nothing = self.request("nonce")
        nothing.close()
        self._send(encode({"answer": message, "nonce": reply["nonce"]}, payload))

    def _ask(self, need: str) -> tuple[Message, int]:
        self._send(encode({"need": need}))
        try:
            data, descriptors, _, _ = socket.recv_fds(self._connection, MAX_HEADER_BYTES, maxfds=1)
        except OSError:
            os._exit(LINE_LOST)
        if not descriptors:
            os._exit(LINE_LOST)
        os.set_inheritable(descriptors[0], False)
        return json.loads(data), descriptors[0]

    def _send(self, data: bytes) -> None:
        if os.getpid() != self._owner:
            os._exit(1)  # A fork of the model came back through our code; only the original may speak.
        try:
            self._connection.sendall(data)
        except OSError:
            os._exit(LINE_LOST)
