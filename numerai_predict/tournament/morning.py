"""A morning: waits for the round, runs the models, submits each that is ready, and says how it went."""

import contextlib
import json
import logging
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from numerai_predict.api import ApiError, ApiRefused, ApiUnreachable, NumeraiApi, OpenRound, Slot
from numerai_predict.faults import Blame, Code, Fault
from numerai_predict.files import write_whole
from numerai_predict.round import SUCCESS, StoreError
from numerai_predict.tournament.clock import Clock
from numerai_predict.tournament.correlations import correlate
from numerai_predict.tournament.live_data import get_live_data
from numerai_predict.tournament.messages import Messenger, headline, results_table
from numerai_predict.tournament.model_slots import slot_problem
from numerai_predict.tournament.opening import wait_for_round
from numerai_predict.tournament.page import PAGE, write_page
from numerai_predict.tournament.results import RoundResults, read_results
from numerai_predict.tournament.round_folder import CORRELATIONS, RoundFolder, SlotRecord, rounds_in
from numerai_predict.tournament.runs import PickleToRun, pickles_of, run_pickles
from numerai_predict.tournament.sender import Sender
from numerai_predict.tournament.settings import Settings
from numerai_predict.tournament.submissions import Submitter

# Between two tries to reach the API, each of which took some time itself.
RETRY_S = 15.0
# What the last message said, so that a second start repeats none.
MESSAGE = "message.txt"

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Wishes:
    """What a start is asked for: to submit, in how many slots (None: as many as fit), in processes of this Python
    instead of containers, and which models to run again whatever became of them (none: those that are left).
    """

    submit: bool = False
    slots: int | None = None
    native: bool = False
    again: tuple[str, ...] = ()


@dataclass(frozen=True)
class Ended:
    """How a morning ended: its results (None: no round), its exit status, and a line that says it."""

    results: RoundResults | None
    exit_status: int
    text: str


class Morning:
    """One start for the round that opens today. `trigger_id` is what Numerai's webhook calls it by, if it did."""

    def __init__(
        self,
        api: NumeraiApi,
        settings: Settings,
        wishes: Wishes,
        clock: Clock,
        messenger: Messenger,
        trigger_id: str | None = None,
    ) -> None:
        self._api = api
        self._settings = settings
        self._wishes = wishes
        self._clock = clock
        self._messenger = messenger
        self._trigger_id = trigger_id

    def run(self) -> Ended:
        """Do all of it. Whatever keeps all models is in the result and in a message, and nothing but a signal is
        raised.
        """
        try:
            round_ = wait_for_round(self._api, self._clock, _log.info)
        except ApiError as error:
            return self._end_early(f"No round could be found: {_sentence(error)}", error)
        if round_ is None:  # Without a ping: after a round that failed, it would say that all is well.
            return Ended(None, 0, "No round is open.")
        self._messenger.start()
        try:
            return self._run_round(round_)
        except (Fault, OSError) as error:
            return self._end_early(f"Round {round_.number}: {_sentence(error)}", error)

    def _run_round(self, round_: OpenRound) -> Ended:
        """Do all for this round. Raises OSError, and Fault, if not even its folder can be used."""
        folder = RoundFolder.of(self._settings.folder, round_)
        problem: Exception | None = None
        try:
            self._predict_and_submit(round_, folder)
        except (ApiError, Fault, StoreError, OSError) as error:
            problem = error
        return self._end(folder, problem)

    def _predict_and_submit(self, round_: OpenRound, folder: RoundFolder) -> None:
        """Run what is wanted, and submit it if asked to. Raises ApiError, Fault, StoreError and OSError."""
        account = self._account(round_) if self._wishes.submit else None
        pickles = pickles_of(self._settings.models)
        records = slot_records(pickles, account)
        folder.write_slots(records)
        get_live_data(folder, rounds_in(self._settings.folder), self._clock)
        if account is None:
            self._run(folder, pickles, self._wishes.again or records, lambda row: None)
            return
        submitter = Submitter(self._api, folder, round_, self._clock, self._trigger_id)
        takers = {name: account[name] for name, record in records.items() if not record.problem}
        with Sender(submitter, folder, takers, records) as sender:
            self._run(folder, pickles, self._wishes.again or sender.left(), sender.send)
        sender.read_back()

    def _run(
        self,
        folder: RoundFolder,
        pickles: Mapping[str, PickleToRun],
        names: Collection[str],
        on_end: Callable[[str], None],
    ) -> None:
        """Run the pickles of the slots of these names."""
        wanted = {row: pickle for row, pickle in pickles.items() if {*pickle.slots} & {*names}}
        wishes = self._wishes
        run_pickles(folder, wanted, self._clock, wishes.slots, wishes.native, on_end, again=bool(wishes.again))

    def _account(self, round_: OpenRound) -> dict[str, Slot]:
        """The slots of the account, for which the API is asked until the deadline. Raises ApiUnreachable, and Fault for
        keys that are refused.
        """
        while True:
            try:
                return self._api.slots()
            except ApiRefused as error:
                hint = "Run `numerai-predict tournament check` to see what they allow."
                raise Fault(Code.USAGE, f"Numerai refuses the keys: {error}.", hint) from None
            except ApiUnreachable as error:
                if self._clock.now() >= round_.deadline:
                    raise
                _log.warning("%s; it is asked again", error)
                self._clock.sleep(RETRY_S)

    def _end(self, folder: RoundFolder, problem: Exception | None) -> Ended:
        earlier = [one for one in rounds_in(self._settings.folder) if one.number < folder.number]
        self._note_correlations(folder, earlier[0] if earlier else None)
        now = self._clock.now()
        results = read_results(folder, now)
        exit_status = results.exit_status
        if problem is not None:
            results = replace(results, problem=_sentence(problem))
            exit_status = _status_of(problem)
        text = headline(results, (results.deadline - now).total_seconds())
        self._write_page()
        is_news = self._is_news(folder, headline(results, 0))
        self._messenger.end(exit_status, text, results_table(results), is_news)
        return Ended(results, exit_status, text)

    def _end_early(self, text: str, problem: Exception) -> Ended:
        self._messenger.end(_status_of(problem), text)
        return Ended(None, _status_of(problem), text)

    def _note_correlations(self, folder: RoundFolder, earlier: RoundFolder | None) -> None:
        """Correlations help who reads the page; the morning does not fail for want of them."""
        try:
            found = correlate(_predictions(folder), _predictions(earlier) if earlier else {}, folder.benchmarks)
            write_whole(json.dumps(found, indent=2).encode() + b"\n", folder.path / CORRELATIONS)
        except (Fault, OSError, ValueError) as error:
            _log.warning("The predictions are not compared with others: %s", error)

    def _write_page(self) -> None:
        page = self._settings.folder / PAGE
        try:
            write_page([read_results(one, self._clock.now()) for one in rounds_in(self._settings.folder)], page)
            _log.info("The page is %s", page)
        except (Fault, OSError) as error:
            _log.warning("%s is not written: %s", page, error)

    @staticmethod
    def _is_news(folder: RoundFolder, text: str) -> bool:
        """Whether the last message about this round was another one; this one is kept for next time."""
        last, content = folder.path / MESSAGE, text.encode()
        is_news = not last.is_file() or last.read_bytes() != content
        with contextlib.suppress(OSError):
            write_whole(content, last)
        return is_news


def slot_records(pickles: Mapping[str, PickleToRun], account: Mapping[str, Slot] | None) -> dict[str, SlotRecord]:
    """What each slot is to get, by the slots' names; without an account nobody knows whether it takes it."""
    records = {}
    for row, pickle in pickles.items():
        for name in pickle.slots:
            problem = slot_problem(name, pickle.path.name, account) if account is not None else None
            why = " ".join(problem or ())
            records[name] = SlotRecord(row, pickle.sha256, pickle.time_limit, pickle.memory_limit, why)
    return records


def _predictions(folder: RoundFolder) -> dict[str, Path]:
    """The CSV of each slot that has one, by the slot's name."""
    found = {name: folder.end(record) for name, record in folder.slots().items()}
    return {name: ended[1] for name, ended in found.items() if ended and ended[0].status == SUCCESS}


def _status_of(error: Exception) -> int:
    return error.code.blame.exit_status if isinstance(error, Fault) else Blame.RUNTIME.exit_status


def _sentence(error: Exception) -> str:
    if isinstance(error, Fault):
        return f"{error.message} {error.hint}"
    return str(error.strerror or error) if isinstance(error, OSError) else str(error)
