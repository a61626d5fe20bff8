"""manifest.py: what a manifest and a schedule may say, and what is said of those that are wrong."""

import dataclasses
import json
import unittest
from datetime import datetime, timedelta, timezone
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from numerai_predict.faults import Code, Fault
from numerai_predict.platform_limits import MEMORY_LIMIT, TIME_LIMIT_S
from numerai_predict.round.manifest import (
    Row,
    Schedule,
    manifest_line,
    read_manifest,
    read_schedule,
    schedule_json,
)
from numerai_predict.round.store import Store
from tests.examples import examples
from tests.round.memory_store import MemoryStore

SIGNATURE = "5ec2e75ec2e7"
FORMS: tuple[Any, ...] = (7, "a", "", {}, {"a": 1}, [])
NO_TRUTHS: tuple[Any, ...] = (1, "true", [])
UPLOAD = {
    "post_url": f"https://bucket/?X-Amz-Signature={SIGNATURE}",
    "post_data": {"key": "m.csv", "policy": SIGNATURE},
}


def line(**more: Any) -> bytes:
    """A line of a manifest, with what is given in place of what would be right."""
    return json.dumps({"id": "m1", "model": "models/m1.pkl", **more}).encode()


class ManifestTestCase(unittest.TestCase):
    """A store with a round's files."""

    def setUp(self) -> None:
        self.store = self.make_store()

    def make_store(self) -> Store:
        return MemoryStore()

    def rows(self, *lines: bytes) -> list[Row]:
        self.store.write("manifest.jsonl", b"\n".join(lines))
        return read_manifest(self.store)

    def schedule(self, **said: Any) -> Schedule:
        self.store.write("round.json", json.dumps(said).encode())
        return read_schedule(self.store)

    def wrong(self, *lines: bytes) -> str:
        """What is said of a manifest that is wrong."""
        with self.assertRaises(Fault) as caught:
            self.rows(*lines)
        self.assertIs(caught.exception.code, Code.USAGE)
        return caught.exception.message

    def wrong_schedule(self, **said: Any) -> str:
        """What is said of a schedule that is wrong."""
        with self.assertRaises(Fault) as caught:
            self.schedule(**said)
        self.assertIs(caught.exception.code, Code.USAGE)
        return caught.exception.message


class ManifestTest(ManifestTestCase):
    def test_row_with_id_and_model_has_the_limits_of_the_platform(self) -> None:
        expected = Row("m1", "models/m1.pkl", time_limit=TIME_LIMIT_S, memory_limit=MEMORY_LIMIT)
        self.assertEqual([expected], self.rows(line()))

    def test_row_with_everything_has_all_of_it(self) -> None:
        given = {"python": "3.11", "sha256": "Ab" * 32, "time_limit": 30.5, "memory_limit": 1 << 30}
        given |= {"cpu_s": 12, "strict": True}
        [row] = self.rows(line(**given, **UPLOAD))
        self.assertEqual({**given, **UPLOAD, "sha256": "ab" * 32}, {name: vars(row)[name] for name in given | UPLOAD})

    def test_rows_come_in_the_order_of_the_file_and_blank_lines_do_not_count(self) -> None:
        rows = self.rows(line(id="b"), b"", b"  \r", line(id="a") + b"\r", b"")
        self.assertEqual(["b", "a"], [row.id for row in rows])

    def test_models_are_keys_absolute_paths_and_urls(self) -> None:
        for model in (
            "m.pkl",
            "a/b/c.pkl",
            "/models/../m.pkl",
            "https://host/m.pkl?X-Amz-Signature=1",
            "modèles/é.pkl",
        ):
            with self.subTest(model):
                self.assertEqual(model, self.rows(line(model=model))[0].model)

    def test_form_that_is_urlencoded_is_read_as_on_the_command_line(self) -> None:
        [row] = self.rows(line(post_url="https://b/", post_data="key=a%2Fb.csv&acl="))
        self.assertEqual({"key": "a/b.csv", "acl": ""}, row.post_data)

    def test_null_is_as_good_as_nothing_where_nothing_is_allowed(self) -> None:
        names = ("python", "sha256", "post_url", "post_data", "cpu_s")
        self.assertEqual(self.rows(line()), self.rows(line(**dict.fromkeys(names))))
        for name in ("id", "model", "time_limit", "memory_limit", "strict"):
            with self.subTest(name):
                self.assertRegex(self.wrong(line(**{name: None})), rf"line 1: {name} is n")

    def test_wrong_values_are_refused_with_their_line_and_name(self) -> None:
        digits = b'{"id": "m1", "model": "m", "cpu_s": ' + b"9" * 5000 + b"}"
        for wrong, says in (
            (b"{", "it is not JSON (Expecting property name"),
            (b"[" * 100_000, "it is not JSON that can be read"),
            (digits, "it is not JSON that can be read"),
            (b"\xff", "it is not UTF-8"),
            (b"[]", "it is not a JSON object"),
            (b'{"model": "m.pkl"}', "there is no id"),
            (b'{"id": "m1"}', "there is no model"),
            (line(modle="x"), "the key 'modle' is unknown"),
            (line(**{f"https://b/?{SIGNATURE}": 1}), "a key is unknown"),
            *(
                (line(id=name), "id is not ")
                for name in ("", ".m", "a/b", "a b", "é", "m" * 101, "m\n", 7, "..", ["m"])
            ),
            *((line(model=key), "model is no plain key") for key in ("../m.pkl", "a/../../m.pkl", "./m.pkl", "..")),
            *((line(model=key), "model does not name a file") for key in ("", "/", "a//b", "a/", "/a/")),
            *((line(model=key), "model is not a text") for key in (7, "a\0b", "a\nb", "\ud800")),
            *((line(model=url), "model is not an http") for url in ("s3://b/m.pkl", "file:///m.pkl", "http://")),
            *((line(python=python), "python is not ") for python in (3.11, "3", "3.11.2", "2.7", "3.١١", "latest")),
            *((line(sha256=digest), "sha256 is not ") for digest in ("ab", "g" * 64, 7)),
            *((line(time_limit=limit), "time_limit is not ") for limit in (-1, "600", True, float("nan"), 1e300)),
            (line(time_limit=float("inf")), "time_limit is not "),
            *((line(memory_limit=limit), "memory_limit is not ") for limit in (-1, "4GiB", 4e9, False, 1 << 63)),
            *((line(cpu_s=cpu), "cpu_s is not ") for cpu in (-1, "7", [7])),
            *((line(strict=strict), "strict is neither true nor false") for strict in NO_TRUTHS),
            *(
                (line(post_url=url, post_data="a=b"), "post_url is not ")
                for url in (7, "ftp://b/", "http://[", "https://")
            ),
            *((line(post_url="https://b/", post_data=form), "post_data ") for form in FORMS),
            (line(post_url="https://b/", post_data='{"key": "a=b"}'), "post_data is neither"),
            (line(post_url="https://b/"), "post_url and post_data need each other"),
            (line(post_data="a=b"), "post_url and post_data need each other"),
        ):
            with self.subTest(wrong[:80]):
                self.assertIn(f"manifest.jsonl line 3: {says}", self.wrong(line(id="m0"), b"", wrong))

    def test_id_that_occurs_twice_is_refused_at_its_second_line(self) -> None:
        self.assertEqual("manifest.jsonl line 3: the id 'a' occurs twice", self.wrong(*map(id_line, "aba")))

    def test_longest_id_is_one_of_a_hundred_characters(self) -> None:
        self.assertEqual("m" * 100, self.rows(line(id="m" * 100))[0].id)

    def test_manifest_that_is_empty_or_missing_is_refused_with_where_it_should_be(self) -> None:
        with self.assertRaises(Fault) as caught:
            read_manifest(self.store)
        self.assertEqual(f"there is no manifest.jsonl in {self.store.address}", caught.exception.message)
        for empty in (b"", b"\n \r\n"):
            self.assertEqual(f"manifest.jsonl in {self.store.address} is empty", self.wrong(empty))

    def test_what_may_hold_signatures_is_not_in_the_text_of_a_row(self) -> None:
        [row] = self.rows(line(model=f"https://host/m?sig={SIGNATURE}", **UPLOAD))
        self.assertNotIn(SIGNATURE, f"{row} {row!r}")

    @given(st.data())
    @examples(200)
    def test_no_message_shows_a_signature(self, data: st.DataObject) -> None:
        values = st.sampled_from(
            [SIGNATURE, f"https:/b/?{SIGNATURE}", f"a b={SIGNATURE}", {SIGNATURE: 1}, [SIGNATURE], 7]
        )
        right = {"id": "m1", "model": f"https://host/m?sig={SIGNATURE}", **UPLOAD}
        text = json.dumps(right | data.draw(st.dictionaries(st.sampled_from(sorted(UPLOAD)), values))).encode()
        cut = data.draw(st.integers(0, len(text)))
        try:
            self.rows(text[:cut] + data.draw(st.binary(max_size=3)) + text[cut + data.draw(st.integers(0, 3)) :])
        except Fault as fault:
            self.assertNotIn(SIGNATURE, f"{fault} {fault.hint}")


def id_line(model_id: str) -> bytes:
    return line(id=model_id)


NAMES = st.from_regex(r"[A-Za-z0-9_-][A-Za-z0-9._-]{0,99}", fullmatch=True)
TEXTS = st.text(st.characters(codec="utf-8"))
ROWS = st.builds(
    Row,
    id=NAMES,
    model=st.one_of(NAMES, NAMES.map("/m/{}".format), NAMES.map("https://host/{}".format)),
    python=st.sampled_from([None, "3.10", "3.13"]),
    sha256=st.none() | st.from_regex(r"[0-9a-f]{64}", fullmatch=True),
    time_limit=st.floats(0, 1e6),
    memory_limit=st.integers(0, 1 << 40),
    cpu_s=st.none() | st.floats(0, 1e6),
    strict=st.booleans(),
)


class ManifestLineTest(ManifestTestCase):
    def test_line_leaves_out_what_has_its_default(self) -> None:
        self.assertEqual(b'{"id": "m1", "model": "models/m1.pkl"}\n', manifest_line(Row("m1", "models/m1.pkl")))

    @given(
        st.lists(ROWS, min_size=1, max_size=3, unique_by=lambda row: row.id), st.dictionaries(TEXTS, TEXTS, min_size=1)
    )
    @examples(100)
    def test_rows_that_are_written_are_read_as_they_were(self, rows: list[Row], form: dict[str, str]) -> None:
        rows[0] = dataclasses.replace(rows[0], post_url="https://bucket/", post_data=form)
        self.store.write("manifest.jsonl", b"".join(map(manifest_line, rows)))
        self.assertEqual(rows, read_manifest(self.store))


class ScheduleTest(ManifestTestCase):
    def test_round_without_a_schedule_has_an_empty_one(self) -> None:
        self.assertEqual(Schedule(), read_schedule(self.store))
        self.assertEqual(Schedule(), self.schedule())
        self.assertEqual(Schedule(), self.schedule(number=None, opening=None, deadline=None))

    def test_schedule_with_everything_has_all_of_it(self) -> None:
        found = self.schedule(number=1200, opening="2026-11-27T13:00:00Z", deadline="2026-11-27T14:00:00Z")
        opening = datetime(2026, 11, 27, 13, tzinfo=timezone.utc)
        self.assertEqual(Schedule(1200, opening, opening + timedelta(hours=1)), found)

    def test_times_are_read_alike_under_every_python(self) -> None:
        expected = datetime(2026, 11, 27, 14, 0, 0, tzinfo=timezone.utc)
        for text, more in (
            ("2026-11-27T14:00Z", 0),
            ("2026-11-27 14:00:00+00:00", 0),
            ("2026-11-27T15:30:00+01:30", 0),
            ("2026-11-27T14:00:00.5Z", 500_000),
            ("2026-11-27T14:00:00.123Z", 123_000),
            ("2026-11-27T06:00:00.123456-08:00", 123_456),
        ):
            with self.subTest(text):
                self.assertEqual(expected + timedelta(microseconds=more), self.schedule(deadline=text).deadline)

    def test_time_without_a_zone_is_refused_with_one_that_has_it(self) -> None:
        says = "round.json: deadline has no time zone; write it as 2026-11-27T14:00:00Z"
        self.assertEqual(says, self.wrong_schedule(deadline="2026-11-27T14:00:00"))
        self.assertRegex(self.wrong_schedule(opening="2026-11-27 14:00"), "opening has no time zone")

    def test_wrong_schedules_are_refused_with_the_name(self) -> None:
        for name, values in {
            "deadline": (
                7,
                "soon",
                "2026-11-27",
                "14:00Z",
                "2026-02-30T14:00:00Z",
                "2026-11-27T25:00Z",
                "२026-11-27T14:00Z",
            ),
            "number": (-1, "1200", 1.5, True),
        }.items():
            for value in values:
                with self.subTest(value):
                    self.assertRegex(self.wrong_schedule(**{name: value}), rf"^round\.json: {name} is not a ")
        self.assertEqual("round.json: the key 'dead_line' is unknown", self.wrong_schedule(dead_line="x"))

    def test_schedule_that_is_written_is_read_as_it_was(self) -> None:
        opening = datetime(2026, 11, 27, 12, 0, 0, 123, tzinfo=timezone.utc)
        for schedule in (Schedule(), Schedule(1342, opening, opening + timedelta(hours=1)), Schedule(opening=opening)):
            with self.subTest(schedule):
                self.store.write("round.json", schedule_json(schedule))
                self.assertEqual(schedule, read_schedule(self.store))

    def test_schedule_that_is_no_json_is_refused(self) -> None:
        self.store.write("round.json", b"{")
        with self.assertRaisesRegex(Fault, r"^round\.json: it is not JSON"):
            read_schedule(self.store)


if __name__ == "__main__":
    unittest.main()
