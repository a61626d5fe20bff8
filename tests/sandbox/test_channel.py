"""channel.py: messages between parent and child, cut and merged as sockets do, and from ends nobody trusts."""

import io
import json
import os
import socket
import subprocess
import sys
import tempfile
import time
import unittest
from pathlib import Path
from unittest import mock

from numerai_predict.sandbox.channel import (
    HELD_PAYLOAD_BYTES,
    LINE_LOST,
    MAX_HEADER_BYTES,
    Decoder,
    Message,
    ProtocolError,
    encode,
)
from tests.harness import ROOT

CHILD = """
import os, sys
from numerai_predict.sandbox.channel import ChildChannel
channel = ChildChannel.from_stdin()
assert sys.stdin.read() == ""
channel.announce("loading")
reply, file = channel.request("model")
content = file.read()
if os.fork() == 0:
    channel.announce("forged")
_, status = os.wait()
channel.answer({"name": reply["name"], "fork": os.waitstatus_to_exitcode(status)}, content * 5)
"""


def fed(decoder: Decoder, data: bytes) -> list[tuple[Message, bytes]]:
    """The messages that the bytes complete, their payloads read."""
    messages = []
    for message, payload in decoder.feed(data):
        with payload or io.BytesIO() as file:
            messages.append((message, file.read()))
    return messages


class DecoderTest(unittest.TestCase):
    def test_feed_of_whole_messages_gives_each_with_its_payload(self) -> None:
        data = encode({"phase": "loading"}) + encode({"answer": {}}, b"a\nb") + encode({"need": "model"})
        messages = fed(Decoder(10), data)
        self.assertEqual([payload for _, payload in messages], [b"", b"a\nb", b""])
        self.assertEqual(messages[0][0], {"phase": "loading"})
        self.assertEqual(messages[1][0]["answer"], {})
        self.assertEqual(messages[2][0], {"need": "model"})

    def test_feed_of_single_bytes_gives_the_same_messages(self) -> None:
        data = encode({"phase": "ü\n"}) + encode({"answer": 1}, b"\n{}\n") + encode({"need": "x"})
        whole, decoder = fed(Decoder(10), data), Decoder(10)
        self.assertEqual([message for byte in data for message in fed(decoder, bytes([byte]))], whole)
        self.assertEqual(len(whole), 3)

    def test_feed_of_half_a_message_gives_nothing_yet(self) -> None:
        decoder = Decoder(10)
        data = encode({"answer": 1}, b"payload")
        self.assertEqual(fed(decoder, data[:-1]), [])
        self.assertEqual([payload for _, payload in fed(decoder, data[-1:])], [b"payload"])

    def test_feed_of_the_largest_payload_gives_it(self) -> None:
        self.assertEqual([payload for _, payload in fed(Decoder(3), encode({}, b"abc"))], [b"abc"])

    def test_feed_of_a_larger_payload_fails_before_it_is_there(self) -> None:
        with self.assertRaises(ProtocolError):
            fed(Decoder(3), encode({}, b"abcd").partition(b"\n")[0] + b"\n")

    def test_feed_of_a_payload_size_that_is_none_fails(self) -> None:
        for size in ("-1", "1.5", "1e3", "true"):
            with self.subTest(size=size), self.assertRaises(ProtocolError):
                fed(Decoder(10), b'{"payload_bytes": %s}\n' % size.encode())

    def test_feed_of_a_payload_size_that_is_no_number_fails(self) -> None:
        for size in ('"3"', "null", "[]"):
            with self.assertRaises(ProtocolError):
                fed(Decoder(10), b'{"payload_bytes": %s}\n' % size.encode())

    def test_feed_of_the_longest_header_gives_it(self) -> None:
        line = json.dumps({"x": "a" * (MAX_HEADER_BYTES - 9)}).encode()
        self.assertEqual(len(line), MAX_HEADER_BYTES)
        self.assertEqual(len(fed(Decoder(0), line + b"\n")), 1)

    def test_feed_of_a_longer_header_fails_with_and_without_its_end(self) -> None:
        line = json.dumps({"x": "a" * (MAX_HEADER_BYTES - 8)}).encode()
        for end in (b"", b"\n"):
            with self.subTest(end=end), self.assertRaises(ProtocolError):
                fed(Decoder(0), line + end)

    def test_feed_of_what_is_no_json_object_fails(self) -> None:
        lines = (b"", b"hello", b"{", b"\xff\xfe", b"[]", b'"text"', b"1", b"null", b"[" * 100_000, b"9" * 10_000)
        for line in lines:
            with self.subTest(line=line[:10]), self.assertRaises(ProtocolError):
                fed(Decoder(10), line + b"\n")

    def test_feed_of_a_header_byte_by_byte_looks_at_each_byte_once(self) -> None:
        decoder, spent = Decoder(0), []
        for _ in range(4):
            began = time.process_time()
            for _ in range(MAX_HEADER_BYTES // 4 - 1):
                self.assertEqual([], [*decoder.feed(b" ")])
            spent.append(time.process_time() - began)
        self.assertEqual([({}, None)], [*decoder.feed(b"{}\n")])
        self.assertLess(spent[3], 2 * spent[0])

    def test_payload_that_is_large_lies_in_a_file_without_a_name(self) -> None:
        [(_, payload)] = Decoder(1 << 30).feed(encode({}, b"x" * (HELD_PAYLOAD_BYTES + 1)))
        assert payload is not None
        with payload:
            self.assertRegex(os.readlink(f"/proc/self/fd/{payload.fileno()}"), r" \(deleted\)$")

    def test_payload_for_which_there_is_no_room_is_refused(self) -> None:
        full = mock.patch("tempfile.SpooledTemporaryFile.write", side_effect=OSError(28, "No space left on device"))
        with full, self.assertRaisesRegex(ProtocolError, "there is no room: No space left"):
            fed(Decoder(10), encode({}, b"x"))


class ChildChannelTest(unittest.TestCase):
    def test_child_gets_a_file_and_answers_with_megabytes_under_the_nonce(self) -> None:
        ours, theirs = socket.socketpair()
        with tempfile.NamedTemporaryFile() as model, ours:
            content = bytes(range(256)) * 4096
            model.write(content)
            model.flush()
            with theirs:
                child = subprocess.Popen([sys.executable, "-c", CHILD], stdin=theirs.fileno(), cwd=ROOT)
            ours.settimeout(30)
            received = self.converse(ours, Path(model.name))
            self.assertEqual(child.wait(30), 0)
        headers = [{key: header[key] for key in header if key != "payload_bytes"} for header, _ in received]
        self.assertEqual(headers[:3], [{"phase": "loading"}, {"need": "model"}, {"need": "nonce"}])
        # The fork ended with status 1 and announced nothing.
        self.assertEqual(headers[3:], [{"answer": {"name": "m.pkl", "fork": 1}, "nonce": "n0"}])
        self.assertEqual(received[-1][1], content * 5)

    def converse(self, ours: socket.socket, model: Path) -> list[tuple[Message, bytes]]:
        """Serve the child as its parent does until it hangs up."""
        decoder = Decoder(64 << 20)
        received: list[tuple[Message, bytes]] = []
        while data := ours.recv(1 << 16):
            messages = fed(decoder, data)
            received += messages
            for message, _ in messages:
                if "need" in message:
                    reply = {"name": "m.pkl"} if message["need"] == "model" else {"nonce": "n0"}
                    with model.open("rb") as file:
                        socket.send_fds(ours, [encode(reply)], [file.fileno()])
        return received

    def test_child_whose_parent_is_gone_leaves_with_a_status_of_its_own(self) -> None:
        ours, theirs = socket.socketpair()
        with theirs:
            child = subprocess.Popen([sys.executable, "-c", CHILD], stdin=theirs.fileno(), cwd=ROOT)
        with ours:
            ours.settimeout(30)
            while b"need" not in ours.recv(1 << 16):
                pass
        self.assertEqual(child.wait(30), LINE_LOST)
