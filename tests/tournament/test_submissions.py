"""Submissions against the stand-in: each once, on time, read back; also after kills and lost answers."""

import dataclasses
import subprocess
import sys
import tempfile
import unittest
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, suppress
from datetime import timedelta
from itertools import chain, repeat
from pathlib import Path
from typing import Any
from unittest import mock

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from numerai_predict.api import ApiError, ApiUnreachable, NumeraiApi, Submission
from numerai_predict.tournament.results import State, read_results
from numerai_predict.tournament.round_folder import RoundFolder, SlotRecord, SubmissionRecord
from numerai_predict.tournament.submissions import Submitter
from tests.api.stand_in import Failure, Sent, StandInSlot
from tests.harness import ROOT
from tests.tournament.support import StandInCase, down, predictions, slot_record, write_outcome

SECOND = timedelta(seconds=1)
A, B = slot_record("pickle-a"), slot_record("pickle-b")
# Submits as a start does, and is killed before the first request of that operation, of which the answers are lost.
CHILD = """
import os, signal, sys
from pathlib import Path
from numerai_predict.api import ApiKeys, NumeraiApi
from numerai_predict.tournament.submissions import Submitter
from numerai_predict.tournament.round_folder import RoundFolder
from tests.api.stand_in import ClockOverHttp
from tests.tournament.support import KEYS, slot_record

url, folder, csv, killed_at = sys.argv[1:]
api = NumeraiApi(KEYS, url)
seen = []

def watched(name):
    real = getattr(api, name)
    def call(*args, **more):
        seen.append(name)
        if killed_at == " ".join(seen):
            os.kill(os.getpid(), signal.SIGKILL)
        return real(*args, **more)
    return call

slot = api.slots()["alice"]
for name in ("current_round", "upload", "submissions", "create_submission"):
    setattr(api, name, watched(name))
kept = RoundFolder(Path(folder))
Submitter(api, kept, kept.round, ClockOverHttp(url), None).submit("alice", slot, slot_record("pickle-a"), Path(csv))
"""


class Killed(BaseException):
    """A start that ends here."""


class SubmitterCase(StandInCase):
    """The round's folder, with predictions of two pickles."""

    def setUp(self) -> None:
        super().setUp()
        self.kept = RoundFolder.of(self.folder, self.round())
        self.kept.write_slots({"alice": A})
        self.csv_a, self.csv_b = predictions(self.tuesday.live, "a"), predictions(self.tuesday.live, "b")
        self.csvs = {A: write_outcome(self.kept, A, self.csv_a), B: write_outcome(self.kept, B, self.csv_b, run=2)}

    def submitter(self) -> Submitter:
        return Submitter(self.api, self.kept, self.round(), self.clock, "trigger-1")

    def submit(self, record: SlotRecord = A, name: str = "alice") -> None:
        """As a start does: whose slots are those of its beginning."""
        slot = self.slot(name)
        submitter = self.submitter()
        if not submitter.is_settled(name, slot, record):
            submitter.submit(name, slot, record, self.csvs[record])

    @property
    def record(self) -> SubmissionRecord:
        found = self.kept.submission("alice")
        assert found is not None
        return found

    def statuses(self) -> list[tuple[bytes, str]]:
        """What the stand-in has, once all is processed."""
        self.clock.sleep(60)
        return [(one.csv, one.status) for one in self.stand_in.sent]

    def state(self) -> State:
        return read_results(self.kept, self.clock.now()).models[0].state

    def to_deadline(self, seconds: float) -> None:
        """Go to so many seconds before it."""
        self.clock.set(self.tuesday.deadline - seconds * SECOND)

    def sent_by_another(self, status: str = "on-time") -> Sent:
        csv = predictions(self.tuesday.live, "other")
        other = Sent("theirs", "id-alice", self.tuesday.number, csv, "web.csv", self.clock.now(), status)
        self.stand_in.sent.append(other)
        return other

    @contextmanager
    def dying_at(self, method: str, after: bool = False) -> Iterator[None]:
        """The start ends when it calls that method of the API, or when it has the answer."""
        real = getattr(NumeraiApi, method)

        def dies(*args: Any, **more: Any) -> None:
            if after:
                real(*args, **more)
            raise Killed

        with mock.patch.object(NumeraiApi, method, dies), self.assertRaises(Killed):
            yield

    def hiding_submissions(self, times: int) -> AbstractContextManager[object]:
        """So many answers are older than what was submitted."""
        real, hidden = NumeraiApi.submissions, [True] * times

        def behind(api: NumeraiApi, model_id: str) -> list[Submission]:
            there = real(api, model_id)
            return [] if hidden and hidden.pop() else there

        return mock.patch.object(NumeraiApi, "submissions", behind)

    def tearDown(self) -> None:
        self.assertEqual([], self.stand_in.violations)


class OneStartTest(SubmitterCase):
    def test_predictions_arrive_whole_and_are_read_back_before_they_count(self) -> None:
        self.submit()
        [sent] = self.stand_in.sent
        self.assertEqual((self.csv_a, "on-time", "trigger-1"), (sent.csv, sent.status, sent.trigger_id))
        self.assertEqual(self.tuesday.datestamp, sent.datestamp)
        self.assertEqual(("accepted", "on-time", sent.id), (self.record.state, self.record.status, self.record.id))
        self.assertGreaterEqual(self.asked("submissions"), 2)
        self.assertIs(State.ON_TIME, self.state())

    def test_put_of_403_is_no_submission_and_is_tried_again(self) -> None:
        self.stand_in.failures = [Failure("put", times=7, status=403)]
        self.submit()
        self.assertEqual([(self.csv_a, "on-time")], self.statuses())

    def test_put_that_fails_until_the_deadline_leaves_nothing_and_says_why(self) -> None:
        self.stand_in.failures = [Failure("put", times=10_000, status=403)]
        with self.assertRaises(ApiUnreachable):
            self.submit()
        self.assertEqual(("begun", ""), (self.record.state, self.record.id))
        self.to_deadline(-1)
        self.submit()
        self.assertEqual(([], 0), (self.statuses(), self.asked("createSubmission")))
        [model] = read_results(self.kept, self.clock.now()).models
        self.assertIs(State.LATE, model.state)
        self.assertIn("403", model.message)

    def test_lost_answer_of_create_submission_makes_no_second_one(self) -> None:
        self.stand_in.failures = [Failure("createSubmission", cut=True, after=True)]
        self.submit()
        self.assertEqual([(self.csv_a, "on-time")], self.statuses())
        self.assertEqual(1, self.asked("createSubmission"))
        self.assertEqual("accepted", self.record.state)

    def test_create_submission_that_never_arrived_is_asked_for_again_after_a_look(self) -> None:
        for status in (429, 502):
            self.stand_in.failures.append(Failure("createSubmission", status=status))
        self.submit()
        self.assertEqual([(self.csv_a, "on-time")], self.statuses())
        self.assertEqual(3, self.asked("createSubmission"))

    def test_submission_that_shows_late_is_found_when_it_is_looked_for_again(self) -> None:
        self.stand_in.failures = [Failure("createSubmission", status=504, after=True)]
        with self.hiding_submissions(3):  # Before it, and at both looks.
            self.submit()
        self.assertEqual([(self.csv_a, "on-time")], self.statuses())
        self.assertEqual(("accepted", "pickle-a"), (self.record.state, self.record.pickle_sha256))

    def test_read_back_that_is_down_for_a_while_is_asked_again(self) -> None:
        self.stand_in.processing_s = 120
        slot = self.slot()
        with mock.patch.object(self.clock, "sleep", self._breaking_once(self.clock.sleep)):
            self.submitter().submit("alice", slot, A, self.csvs[A])
        self.assertEqual(("accepted", "on-time"), (self.record.state, self.record.status))

    def _breaking_once(self, sleep: Callable[[float], None]) -> Callable[[float], None]:
        """The first pause ends with an API that is down."""
        failures = [down("submissions")]

        def slept(seconds: float) -> None:
            sleep(seconds)
            self.stand_in.failures += [failures.pop()] if failures else []

        return slept

    def test_submission_that_stays_pending_is_an_error_after_the_deadline_and_not_sent_again(self) -> None:
        self.stand_in.processing_s = 1e6
        self.submit()
        self.assertEqual("sent", self.record.state)
        self.assertGreater(self.clock.now(), self.tuesday.deadline)
        self.assertIs(State.ERROR, self.state())
        self.submit()
        self.assertEqual(1, self.asked("createSubmission"))

    def test_predictions_that_the_platform_refuses_are_rejected_with_its_words(self) -> None:
        self.csvs[A].write_bytes(b"id,prediction\nx,0.5\n")
        self.submit()
        self.assertEqual(("rejected", "none"), (self.record.state, self.record.status))
        self.assertIn("ids are missing", self.record.error)
        self.assertIs(State.REJECTED, self.state())

    def test_slot_with_a_pickle_is_rejected_with_the_words_of_the_api(self) -> None:
        slot = self.slot()
        self.stand_in.slots[0].has_pickle = True
        self.submitter().submit("alice", slot, A, self.csvs[A])
        self.assertEqual("This model has a pickle uploaded and takes no submissions", self.record.error)
        self.assertEqual(("rejected", ""), (self.record.state, self.record.id))

    def test_key_without_the_scope_is_rejected_and_the_next_start_with_it_submits(self) -> None:
        [scopes] = self.stand_in.scopes.values()
        scopes.remove("upload_submission")
        self.submit()
        self.assertIs(State.REJECTED, self.state())
        self.assertIn("upload_submission", self.record.error)
        scopes.add("upload_submission")
        self.submit()
        self.assertEqual([(self.csv_a, "on-time")], self.statuses())
        self.assertIs(State.ON_TIME, self.state())

    def test_threads_submit_for_their_slots_side_by_side(self) -> None:
        from concurrent.futures import ThreadPoolExecutor

        names = [f"model_{number}" for number in range(6)]
        self.stand_in.slots = [StandInSlot(f"id-{name}", name) for name in names]
        slots, submitter = self.api.slots(), self.submitter()
        with ThreadPoolExecutor(len(names)) as pool:
            list(pool.map(lambda name: submitter.submit(name, slots[name], A, self.csvs[A]), names))
        self.assertEqual(dict.fromkeys(names, 1), {n: len(sent) for n, sent in self._on_time().items()})

    def _on_time(self) -> dict[str, list[Sent]]:
        return self.stand_in.on_time(self.tuesday.number)


class DeadlineTest(SubmitterCase):
    def test_nothing_is_sent_after_the_deadline(self) -> None:
        self.to_deadline(-1)
        self.submit()
        self.assertEqual(([], 0), (self.statuses(), self.asked("submissionUploadAuth")))
        self.assertIs(State.LATE, self.state())

    def test_upload_that_takes_until_the_deadline_is_not_submitted(self) -> None:
        real = NumeraiApi.upload

        def slow(*args: Any) -> str:
            self.to_deadline(3)
            return real(*args)

        with mock.patch.object(NumeraiApi, "upload", slow):
            self.submit()
        self.assertEqual(0, self.asked("createSubmission"))
        self.assertIn("no time left", self.record.error)

    def test_create_submission_has_no_more_time_than_is_left(self) -> None:
        self.to_deadline(30)
        with mock.patch.object(NumeraiApi, "create_submission", side_effect=ApiUnreachable("down")) as create:
            self.submit()
        self.assertTrue(create.mock_calls)
        for call in create.mock_calls:
            self.assertLessEqual(call.kwargs["within_s"], 30)

    def test_predictions_of_an_old_round_never_go_to_a_new_one(self) -> None:
        self.clock.set(self.wednesday.opening + 60 * SECOND)
        self.submit()
        self.assertEqual([], self.stand_in.sent)

    def test_deadline_that_was_moved_forward_counts(self) -> None:
        later = dataclasses.replace(self.round(), deadline=self.tuesday.deadline + 600 * SECOND)
        self.stand_in.between_rounds = "last"
        self.to_deadline(-1)
        Submitter(self.api, self.kept, later, self.clock, None).submit("alice", self.slot(), A, self.csvs[A])
        self.assertEqual([], self.stand_in.sent)

    def test_round_that_has_yet_to_open_gets_nothing(self) -> None:
        self.stand_in.between_rounds = "next"
        self.clock.set(self.tuesday.opening - 60 * SECOND)
        self.submit()
        self.assertEqual([], self.stand_in.sent)
        self.assertIn("between rounds", self.record.error)

    def test_platform_that_is_in_another_round_before_the_deadline_gets_nothing(self) -> None:
        self.tuesday.deadline = self.clock.now() - SECOND
        self.wednesday.opening = self.clock.now() - SECOND
        kept = self.round()
        kept = dataclasses.replace(kept, deadline=self.clock.now() + 3000 * SECOND)
        Submitter(self.api, self.kept, kept, self.clock, None).submit("alice", self.slot(), A, self.csvs[A])
        self.assertEqual([], self.stand_in.sent)
        self.assertIn(f"Numerai is in round {self.wednesday.number}", self.record.error)

    def test_submission_that_went_to_another_round_is_an_error_in_a_sentence(self) -> None:
        current = mock.patch.object(NumeraiApi, "current_round", return_value=self.round())
        self.wednesday.opening, self.tuesday.deadline = self.clock.now() - SECOND, self.clock.now() - SECOND
        kept = dataclasses.replace(self.round(), deadline=self.clock.now() + 3000 * SECOND, datestamp=None)
        with current, mock.patch.object(type(self), "round", return_value=kept):
            self.submit()
            self.submit()
        self.assertEqual(1, len(self.stand_in.sent))
        self.assertEqual("rejected", self.record.state)
        wednesday, tuesday = self.wednesday.number, self.tuesday.number
        self.assertEqual(f"It went to round {wednesday}, not to round {tuesday}.", self.record.error)
        self.stand_in.violations.clear()  # That the ids are of another round: the stand-in was made to do it.

    def test_late_submission_is_late_and_not_sent_again(self) -> None:
        with self.dying_at("create_submission", after=True):
            self.submit()
        self.stand_in.sent[0].outcome = "late"
        self.submit()
        self.assertEqual(("accepted", "late"), (self.record.state, self.record.status))
        self.assertIs(State.LATE, self.state())
        self.submit()
        self.assertEqual(1, self.asked("createSubmission"))

    def test_queued_submission_is_late_once_it_is_not_looked_for_any_more(self) -> None:
        with self.dying_at("create_submission", after=True):
            self.submit()
        self.stand_in.sent[0].outcome = "queued"
        self.submit()
        self.assertEqual(("accepted", "queued"), (self.record.state, self.record.status))
        self.assertIs(State.LATE, self.state())


class SecondStartTest(SubmitterCase):
    def test_second_start_sends_nothing(self) -> None:
        self.submit()
        self.submit()
        self.submitter().submit("alice", self.slot(), A, self.csvs[A])
        self.assertEqual((1, 1), (self.asked("createSubmission"), self.asked("submissionUploadAuth")))

    def test_changed_pickle_replaces_what_is_on_time(self) -> None:
        self.submit()
        self.kept.write_slots({"alice": B})
        self.submit(B)
        self.submit(B)
        self.assertEqual([(self.csv_a, "on-time"), (self.csv_b, "on-time")], self.statuses())
        self.assertEqual(("pickle-b", None), (self.record.pickle_sha256, self.record.standing))

    def test_changed_pickle_replaces_nothing_when_a_late_one_is_possible(self) -> None:
        self.submit()
        self.kept.write_slots({"alice": B})
        self.to_deadline(60)
        self.submit(B)
        self.assertEqual(1, self.asked("createSubmission"))
        [model] = read_results(self.kept, self.clock.now()).models
        self.assertIs(State.ON_TIME, model.state)
        self.assertRegex(model.message, r"no time left.* The submission of 12:10 UTC stays\.$")

    def test_record_of_what_is_on_time_outlives_a_changed_pickle_that_is_refused(self) -> None:
        self.submit()
        [scopes] = self.stand_in.scopes.values()
        scopes.remove("upload_submission")
        self.kept.write_slots({"alice": B})
        self.submit(B)
        [model] = read_results(self.kept, self.clock.now()).models
        self.assertIs(State.REJECTED, model.state)
        self.assertRegex(model.message, r"upload_submission.* The submission of 12:10 UTC stays\.$")
        self.assertEqual(self.stand_in.sent[0].id, self.record.standing and self.record.standing.id)

    def test_record_of_what_is_on_time_outlives_a_kill_while_a_changed_pickle_is_sent(self) -> None:
        self.submit()
        with self.dying_at("create_submission"):
            self.submit(B)
        self.assertEqual("sending", self.record.state)
        self.to_deadline(10)
        self.submit(B)
        self.assertEqual([(self.csv_a, "on-time")], self.statuses())
        self.assertEqual("pickle-a", self.record.on_time and self.record.on_time.pickle_sha256)

    def test_pickle_that_changes_back_is_submitted_again(self) -> None:
        for record in (A, B):
            self.submit(record)
        self.csvs[A].write_bytes(predictions(self.tuesday.live, "c"))
        self.submit(A)
        self.assertEqual(3, len(self.stand_in.sent))

    def test_pickle_that_changes_back_to_the_one_that_is_on_time_is_not_submitted_again(self) -> None:
        self.submit(A)
        self.csvs[B].write_bytes(b"id,prediction\nx,0.5\n")
        self.submit(B)
        self.assertEqual("rejected", self.record.state)
        self.stand_in.violations.clear()  # That such a one was sent: no check of the CSV was made here.
        self.submit(A)
        self.assertEqual(2, self.asked("createSubmission"))
        self.assertIs(State.ON_TIME, self.state())

    def test_predictions_that_were_rejected_are_not_sent_again_but_other_ones_are(self) -> None:
        bad = b"id,prediction\nx,0.5\n"
        write_outcome(self.kept, A, bad)
        self.submit()
        self.submit()
        self.assertEqual(1, self.asked("createSubmission"))
        write_outcome(self.kept, A, self.csv_a)
        self.submit()
        self.assertEqual([(bad, "none"), (self.csv_a, "on-time")], self.statuses())

    def test_submission_of_somebody_else_that_is_on_time_stays(self) -> None:
        self.sent_by_another()
        self.submit()
        self.submit(B)
        self.assertEqual((1, 0), (len(self.stand_in.sent), self.asked("submissionUploadAuth")))
        self.assertIs(State.ON_TIME, self.state())

    def test_submission_of_somebody_else_that_comes_while_the_model_runs_stays(self) -> None:
        slot = self.slot()
        self.sent_by_another()
        self.submitter().submit("alice", slot, A, self.csvs[A])
        self.assertEqual((1, 0), (len(self.stand_in.sent), self.asked("createSubmission")))
        self.assertIs(State.ON_TIME, self.state())

    def test_submission_of_somebody_else_that_took_the_place_of_ours_stays(self) -> None:
        self.submit()
        self.sent_by_another()
        self.submit(B)
        self.assertEqual(1, self.asked("createSubmission"))

    def test_submission_of_somebody_else_that_is_late_or_of_another_round_keeps_nobody(self) -> None:
        self.sent_by_another("late")
        self.sent_by_another().round -= 1
        self.submit()
        self.assertEqual("on-time", self.statuses()[-1][1])


class KillTest(SubmitterCase):
    def submit_killed(self, steps: str) -> None:
        """In a process of its own, which is killed when it takes the last of these steps."""
        argv = [sys.executable, "-c", CHILD, self.stand_in.url, str(self.kept.path), str(self.csvs[A]), steps]
        self.assertEqual(-9, subprocess.run(argv, cwd=ROOT, capture_output=True, check=False, timeout=60).returncode)

    def test_start_that_was_killed_between_create_and_read_back_is_gone_on_with(self) -> None:
        self.submit_killed("current_round upload submissions create_submission submissions")
        self.assertEqual("sent", self.record.state)
        self.submit()
        self.assertEqual(([(self.csv_a, "on-time")], 1), (self.statuses(), self.asked("createSubmission")))
        self.assertEqual("accepted", self.record.state)

    def test_start_that_was_killed_when_the_answer_of_create_was_lost_is_gone_on_with(self) -> None:
        self.stand_in.failures = [Failure("createSubmission", cut=True, after=True)]
        self.submit_killed("current_round upload submissions create_submission submissions")
        self.assertEqual("sending", self.record.state)
        self.submit()
        self.assertEqual(([(self.csv_a, "on-time")], 1), (self.statuses(), self.asked("createSubmission")))

    def test_submission_of_a_killed_start_that_shows_late_is_not_sent_again(self) -> None:
        with self.dying_at("create_submission", after=True):
            self.submit()
        with self.hiding_submissions(1):
            self.submit()
        self.assertEqual(([(self.csv_a, "on-time")], 1), (self.statuses(), self.asked("createSubmission")))

    def test_submission_that_shows_after_an_upload_failed_is_not_sent_again(self) -> None:
        self.stand_in.failures = [Failure("createSubmission", status=504, after=True)]
        uploads = chain([NumeraiApi.upload(self.api, "id-alice", self.csv_a, "a.csv")], repeat(ApiUnreachable("down")))
        with (
            self.hiding_submissions(4),
            mock.patch.object(NumeraiApi, "upload", side_effect=uploads),
            self.assertRaises(ApiUnreachable),
        ):
            self.submit()
        self.assertEqual("begun", self.record.state)
        self.submit()
        self.assertEqual(("accepted", "pickle-a"), (self.record.state, self.record.pickle_sha256))
        self.assertEqual(1, self.asked("createSubmission"))

    def test_pickle_that_changes_back_after_a_kill_is_sent_again(self) -> None:
        self.submit(A)
        with self.dying_at("create_submission", after=True):
            self.submit(B)
        self.submit(A)
        self.assertEqual([self.csv_a, self.csv_b, self.csv_a], [csv for csv, _ in self.statuses()])
        self.stand_in.violations.clear()  # That the first was sent again: the second had taken its place.

    def test_start_that_was_killed_before_create_sends_once(self) -> None:
        self.submit_killed("current_round upload submissions create_submission")
        self.assertEqual(("sending", 0), (self.record.state, self.asked("createSubmission")))
        self.submit()
        self.assertEqual(([(self.csv_a, "on-time")], 1), (self.statuses(), self.asked("createSubmission")))

    def test_what_was_killed_is_read_back_after_the_deadline_too(self) -> None:
        with self.dying_at("create_submission", after=True):
            self.submit()
        self.to_deadline(-7200)
        self.submitter().read_back("alice", self.slot())
        self.assertIs(State.ON_TIME, self.state())

    def test_what_was_killed_before_create_is_late_after_the_deadline(self) -> None:
        with self.dying_at("create_submission"):
            self.submit()
        self.to_deadline(-7200)
        self.assertIs(State.ERROR, self.state())
        self.submit()
        self.assertEqual([], self.stand_in.sent)
        self.assertIs(State.LATE, self.state())

    def test_pickle_that_changes_after_a_kill_is_sent_after_what_was_begun_is_known(self) -> None:
        with self.dying_at("create_submission", after=True):
            self.submit(A)
        self.submit(B)
        self.assertEqual([(self.csv_a, "on-time"), (self.csv_b, "on-time")], self.statuses())


FAILURES = st.one_of(
    st.builds(Failure, st.just("put"), times=st.integers(1, 5), status=st.sampled_from([403, 503])),
    st.builds(Failure, st.just("createSubmission"), cut=st.just(True), after=st.booleans()),
    st.builds(Failure, st.just("createSubmission"), status=st.sampled_from([429, 502, 504]), after=st.booleans()),
    st.builds(Failure, st.just("*"), times=st.integers(1, 8), status=st.sampled_from([429, 500, 503])),
    st.builds(Failure, st.sampled_from(["submissions", "rounds", "*"]), error=st.just("Internal server error")),
    st.builds(Failure, st.just("submissions"), times=st.integers(1, 8), body=st.just(b"<html>")),
)
METHODS = ("current_round", "upload", "submissions", "create_submission")
# A start: which pickle, what fails, which call of the API kills it (None: none), before or after it is made.
STARTS = st.lists(
    st.tuples(
        st.sampled_from([A, B]),
        st.lists(FAILURES, max_size=3),
        st.none() | st.tuples(st.sampled_from(METHODS), st.integers(1, 3), st.booleans()),
        st.sampled_from([1, 60, 900]),
    ),
    min_size=1,
    max_size=4,
).map(lambda starts: sorted(starts, key=lambda start: start[0].pickle_sha256))  # It changes once.


class AnySequenceTest(SubmitterCase):
    @settings(max_examples=40, deadline=None, suppress_health_check=list(HealthCheck))
    @given(STARTS)
    def test_whatever_fails_each_pickle_is_submitted_at_most_once_and_in_time(self, starts: Any) -> None:
        with tempfile.TemporaryDirectory() as folder:
            self.begin(Path(folder))
            for record, failures, kill, pause in starts:
                self.stand_in.failures = [Failure(**vars(one)) for one in failures]
                self.start(record, kill)
                self.clock.sleep(pause)
            self.stand_in.failures = []
            last = starts[-1][0]
            is_in_time = self.clock.now() < self.tuesday.deadline - 120 * SECOND
            self.start(last, None)
            self.check(last, is_in_time)

    def begin(self, folder: Path) -> None:
        for seen in (self.stand_in.sent, self.stand_in.asked, self.stand_in.violations):
            seen.clear()
        self.clock.set(self.tuesday.opening + 60 * SECOND)
        self.folder = folder
        self.kept = RoundFolder.of(folder, self.round())
        self.csvs = {A: write_outcome(self.kept, A, self.csv_a), B: write_outcome(self.kept, B, self.csv_b, run=2)}

    def start(self, record: SlotRecord, kill: tuple[str, int, bool] | None) -> None:
        method, count, after = kill or ("", 0, False)
        self.kept.write_slots({"alice": record})
        patch = mock.patch.object(NumeraiApi, method, self.dies(method, count, after)) if method else mock.MagicMock()
        with patch, suppress(ApiError, Killed):
            self.submit(record)

    def dies(self, method: str, count: int, after: bool) -> Callable[..., Any]:
        real, left = getattr(NumeraiApi, method), [None] * (count - 1)

        def call(*args: Any, **more: Any) -> Any:
            if left:
                left.pop()
                return real(*args, **more)
            if after:
                real(*args, **more)
            raise Killed

        return call

    def check(self, last: SlotRecord, is_in_time: bool) -> None:
        sent = self.stand_in.sent
        times = [one.at for one in self.stand_in.asked if one.operation == "createSubmission"]
        self.assertEqual([], [time for time in times if time >= self.tuesday.deadline])
        self.assertEqual(len({one.csv for one in sent}), len(sent), "the same pickle was submitted twice")
        self.assertEqual(["on-time"] * len(sent), [status for _, status in self.statuses()])
        if is_in_time:
            self.assertEqual({A: self.csv_a, B: self.csv_b}[last], sent[-1].csv)
            self.assertIs(State.ON_TIME, self.state())
        self.assertEqual([], self.stand_in.violations)


if __name__ == "__main__":
    unittest.main()
