"""What is kept of a round, and how its models stand by it."""

import dataclasses
import json
import tempfile
import unittest
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

from numerai_predict.api import OpenRound
from numerai_predict.faults import Code, Fault
from numerai_predict.tournament.results import ModelResult, State, read_results
from numerai_predict.tournament.round_folder import RoundFolder, SlotRecord, SubmissionRecord, rounds_in
from tests.tournament.support import slot_record, write_outcome

OPENING = datetime(2026, 11, 24, 12, tzinfo=timezone.utc)
ROUND = OpenRound(1340, OPENING, OPENING + timedelta(hours=1), 20261124)
BEFORE, AFTER = ROUND.deadline - timedelta(minutes=20), ROUND.deadline + timedelta(seconds=1)
READ_BACK = OPENING + timedelta(minutes=10, microseconds=5)
A, B = slot_record("pickle-a"), slot_record("pickle-b")
ON_TIME = SubmissionRecord("accepted", "pickle-a", "csv", "a.csv", ("old",), "id-1", "on-time", at=READ_BACK)
MEMORY_FAULT = {"code": "out_of_memory", "message": "It needed 5 GB.", "hint": "Use less."}


class FolderCase(unittest.TestCase):
    def setUp(self) -> None:
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.tournament = Path(folder.name)
        self.folder = RoundFolder.of(self.tournament, ROUND)


class RoundFolderTest(FolderCase):
    def test_round_is_read_as_it_was_written(self) -> None:
        for round_ in (ROUND, dataclasses.replace(ROUND, number=7, datestamp=None)):
            self.assertEqual(round_, RoundFolder.of(self.tournament, round_).round)

    def test_times_are_written_as_other_programs_read_them(self) -> None:
        written = json.loads((self.folder.path / "round.json").read_text())
        self.assertEqual("2026-11-24T12:00:00Z", written["opening"])

    def test_deadline_that_moved_is_written_again(self) -> None:
        moved = dataclasses.replace(ROUND, deadline=ROUND.deadline + timedelta(minutes=30))
        self.assertEqual(moved, RoundFolder.of(self.tournament, moved).round)

    def test_damaged_round_is_written_again_by_a_start(self) -> None:
        (self.folder.path / "round.json").write_text("{")
        self.assertEqual(ROUND, RoundFolder.of(self.tournament, ROUND).round)

    def test_rounds_come_newest_first_and_other_folders_do_not(self) -> None:
        for number in (999, 10_000):
            RoundFolder.of(self.tournament, dataclasses.replace(ROUND, number=number))
        (self.tournament / "rounds/12").mkdir()
        (self.tournament / "rounds/notes").mkdir()
        self.assertEqual([10_000, 1340, 999], [folder.round.number for folder in rounds_in(self.tournament)])
        self.assertEqual([], rounds_in(self.tournament / "nothing"))

    def test_records_are_read_as_they_were_written(self) -> None:
        slots = {"alice": A, "bob": slot_record("pickle-b", "The account has no such model")}
        self.folder.write_slots(slots)
        self.assertEqual(slots, self.folder.slots())
        record = dataclasses.replace(ON_TIME, state="sending", id="", error="é", at=None, standing=ON_TIME)
        self.folder.write_submission("alice", record)
        self.assertEqual(record, self.folder.submission("alice"))
        self.folder.write_digests({"live.parquet": "abc"})
        self.assertEqual({"live.parquet": "abc"}, self.folder.digests())

    def test_what_is_not_there_yet_is_nothing(self) -> None:
        self.assertEqual(({}, {}, {}), (self.folder.slots(), self.folder.digests(), self.folder.correlations()))
        self.assertIsNone(self.folder.submission("alice"))
        self.assertIsNone(self.folder.end(A))

    def test_submission_of_a_name_with_a_slash_stays_in_the_folder(self) -> None:
        self.folder.write_submission("../../evil", ON_TIME)
        self.assertEqual(ON_TIME, self.folder.submission("../../evil"))
        self.assertEqual(1, len(list((self.folder.path / "submissions").iterdir())))

    def test_damaged_record_is_a_fault_that_names_the_file_and_says_what_to_do(self) -> None:
        self.folder.write_submission("alice", ON_TIME)
        path = self.folder.path / "submissions/alice.json"
        good = json.loads(path.read_text())
        for damage in (
            {"state": "lost"},
            {"known": "old"},
            {"at": "today"},
            {"at": "2026-11-24T12:00:00"},
            {"id": None},
        ):
            with self.subTest(damage=damage):
                path.write_text(json.dumps({**good, **damage}))
                self.assert_damaged(path)
        for content in (b"", b"\x00" * 100, b"[]", b"\xff", b"[" * 100_000):
            with self.subTest(content=content[:10]):
                path.write_bytes(content)
                self.assert_damaged(path)

    def assert_damaged(self, path: Path) -> None:
        with self.assertRaises(Fault) as raised:
            self.folder.submission("alice")
        self.assertIn(str(path), raised.exception.message)
        self.assertIn("Remove this file", raised.exception.hint)
        self.assertIs(Code.INTERNAL_ERROR, raised.exception.code)

    def test_outcome_is_that_of_the_latest_run_that_has_one(self) -> None:
        for run in (9, 10):
            write_outcome(self.folder, A, b"csv", run=run)
        write_outcome(self.folder, B, b"csv", run=11)
        found = self.folder.end(A)
        self.assertIsNotNone(found)
        self.assertEqual(self.folder.path / "runs/10/predictions/row-pickle-a.csv", found and found[1])


class ResultsTest(FolderCase):
    def result(self, slot: SlotRecord = A, now: datetime = BEFORE) -> ModelResult:
        self.folder.write_slots({"alice": slot})
        return read_results(self.folder, now).models[0]

    def submitted(self, **changes: Any) -> None:
        self.folder.write_submission("alice", dataclasses.replace(ON_TIME, **changes))

    def states(self, slot: SlotRecord = A) -> tuple[State, State]:
        """Before and after the deadline."""
        return self.result(slot, BEFORE).state, self.result(slot, AFTER).state

    def test_model_without_an_outcome_waits_until_the_deadline_and_is_late_then(self) -> None:
        self.assertEqual((State.WAITING, State.LATE), self.states())
        self.assertIn("deadline", self.result(now=AFTER).message)

    def test_predictions_that_nobody_asked_to_submit_are_ready(self) -> None:
        write_outcome(self.folder, A, b"csv")
        self.assertEqual((State.READY, State.READY), self.states())
        result = self.result()
        self.assertEqual((12.5, 1 << 30, 600.0, 4 << 30), dataclasses.astuple(result)[6:10])

    def test_model_that_failed_says_why(self) -> None:
        write_outcome(self.folder, A, None, MEMORY_FAULT)
        result = self.result()
        self.assertIs(State.FAILED, result.state)
        self.assertEqual(("out_of_memory", "It needed 5 GB.", "Use less."), (result.code, result.message, result.hint))

    def test_model_that_something_else_kept_is_an_error(self) -> None:
        write_outcome(self.folder, A, None, {**MEMORY_FAULT, "status": "error"})
        self.assertEqual((State.ERROR, State.ERROR), self.states())

    def test_slot_that_takes_nothing_says_why(self) -> None:
        result = self.result(slot_record("pickle-a", "It has an uploaded pickle"))
        self.assertEqual((State.NO_SLOT, "It has an uploaded pickle."), (result.state, result.message))

    def test_submission_counts_as_it_was_read_back(self) -> None:
        cases: list[tuple[dict[str, Any], State, State]] = [
            ({}, State.ON_TIME, State.ON_TIME),
            ({"status": "late"}, State.LATE, State.LATE),
            ({"status": "queued"}, State.LATE, State.LATE),
            ({"state": "rejected", "error": "ids are missing"}, State.REJECTED, State.REJECTED),
            ({"state": "sending", "status": ""}, State.WAITING, State.ERROR),
            ({"state": "sent", "status": ""}, State.WAITING, State.ERROR),
            ({"state": "begun", "status": "", "error": "HTTP 503"}, State.WAITING, State.LATE),
        ]
        write_outcome(self.folder, A, b"csv")
        for changes, *expected in cases:
            with self.subTest(**changes):
                self.submitted(**changes)
                self.assertEqual(tuple(expected), self.states())

    def test_result_has_the_time_of_the_read_back_and_the_words_of_the_platform(self) -> None:
        self.submitted()
        self.assertEqual(READ_BACK, self.result().submitted)
        self.submitted(state="rejected", error="ids are missing")
        self.assertEqual("ids are missing.", self.result().message)
        self.submitted(state="begun", status="", error="HTTP 503")
        self.assertEqual("HTTP 503.", self.result(now=AFTER).message)

    def test_changed_pickle_that_failed_says_that_the_submission_before_stays(self) -> None:
        self.submitted()
        write_outcome(self.folder, B, None, MEMORY_FAULT)
        result = self.result(B)
        self.assertIs(State.FAILED, result.state)
        self.assertEqual("It needed 5 GB. The submission of 12:10 UTC stays.", result.message)

    def test_changed_pickle_that_is_not_submitted_leaves_the_slot_on_time(self) -> None:
        self.submitted()
        for _ in range(2):
            self.assertEqual((State.ON_TIME, State.ON_TIME), self.states(B))
            self.assertIn("changed", self.result(B).message)
            write_outcome(self.folder, B, b"csv")

    def test_submission_of_an_earlier_pickle_that_was_no_good_says_nothing_of_the_new_one(self) -> None:
        for changes in ({"status": "late"}, {"state": "rejected"}, {"state": "sent"}):
            self.submitted(**changes)
            self.assertEqual((State.WAITING, State.LATE), self.states(B))

    def test_changed_pickle_that_was_rejected_says_that_the_submission_before_stays(self) -> None:
        self.submitted(state="rejected", pickle_sha256="pickle-b", error="No", standing=ON_TIME)
        result = self.result(B)
        self.assertEqual((State.REJECTED, "No. The submission of 12:10 UTC stays."), (result.state, result.message))

    def test_correlations_are_those_of_the_file_and_unknown_ones_are_left_out(self) -> None:
        content = '{"alice": {"yesterday": 0.93, "v53_lgbm": 1, "other": NaN}, "bob": {}}'
        (self.folder.path / "correlations.json").write_text(content)
        self.assertEqual({"yesterday": 0.93, "v53_lgbm": 1.0}, self.result().correlations)

    def test_damage_of_one_model_leaves_the_others(self) -> None:
        self.folder.write_slots({"bob": A, "alice": A})
        self.submitted()
        (self.folder.path / "submissions/bob.json").write_text("{")
        results = read_results(self.folder, BEFORE)
        self.assertEqual(["alice", "bob"], [model.name for model in results.models])
        self.assertEqual([State.ON_TIME, State.ERROR], [model.state for model in results.models])
        self.assertIn("bob.json is damaged", results.models[1].message)
        self.assertEqual((1340, OPENING, ROUND.deadline, 3), (*dataclasses.astuple(results)[:3], results.exit_status))


if __name__ == "__main__":
    unittest.main()
