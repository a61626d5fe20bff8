"""A morning: waits for the round, runs the models, submits each that is ready, and says how it went."""

import contextlib
import json
import logging
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

from numerai_predict.api import ApiError, ApiRefused, ApiUnreachable, NumeraiApi, OpenRound, Slot
from numerai_predict.faults import Blame, Code, Fault
from numerai_predict.files import write_whole
from numerai_predict.inspection import sha256
from numerai_predict.round import StoreError
from numerai_predict.tournament.clock import Clock
from numerai_predict.tournament.correlations import correlate
from numerai_predict.tournament.live_data import get_live_data
from numerai_predict.tournament.messages import Messenger, headline, results_table
from numerai_predict.tournament.model_slots import slot_problem
from numerai_predict.tournament.opening import wait_for_round
from numerai_predict.tournament.page import PAGE, write_page
from numerai_predict.tournament.results import RoundResults, read_results
from numerai_predict.tournament.round_folder import RoundFolder, SlotRecord, rounds_in
from numerai_predict.tournament.runs import row_id, run_models
from numerai_predict.tournament.settings import Settings, TournamentModel
from numerai_predict.tournament.submissions import Submitter

# Submissions at a time: each waits for the platform most of the time.
SENDERS = 4
CORRELATIONS = "correlations.json"
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
        account = self._account(round_) if self._wishes.submit else None
        records = slot_records(self._settings.models, account)
        folder.write_slots(records)
        get_live_data(folder, [one for one in rounds_in(self._settings.folder) if one.path != folder.path], self._clock)
        submitter = Submitter(self._api, folder, round_, self._clock, self._trigger_id)
        models = [model for model in self._settings.models if self._is_to_run(model, records, account, submitter)]
        with _senders() as senders:
            under_way: list[Future[None]] = []

            def on_end(row: str) -> None:
                for name in self._to_submit(row, models, records):
                    send = partial(self._submit, submitter, name, (account or {})[name], records[name], folder)
                    under_way.append(senders.submit(send))

            run_models(
                folder,
                models,
                self._clock,
                self._wishes.slots,
                self._wishes.native,
                on_end if account is not None else lambda row: None,
                again=bool(self._wishes.again),
            )
            for sent in under_way:
                sent.result()
        for name, slot in (account or {}).items():
            if name in records:
                self._read_back(submitter, name, slot)

    def _account(self, round_: OpenRound) -> dict[str, Slot]:
        """The slots of the account, for which the API is asked until the deadline. Raises ApiUnreachable, and Fault for
        keys that are refused.
        """
        while True:
            try:
                return self._api.slots()
            except ApiRefused as error:
                hint = "Say `numerai-predict tournament check` to see what they allow."
                raise Fault(Code.USAGE, f"Numerai refuses the keys: {error}.", hint) from None
            except ApiUnreachable as error:
                if self._clock.now() >= round_.deadline:
                    raise
                _log.warning("%s; it is asked again", error)
                self._clock.sleep(RETRY_S)

    def _is_to_run(
        self,
        model: TournamentModel,
        records: Mapping[str, SlotRecord],
        account: Mapping[str, Slot] | None,
        submitter: Submitter,
    ) -> bool:
        """Whether its predictions are wanted: those that are on time already are not."""
        if self._wishes.again:
            return model.name in self._wishes.again
        if account is None:
            return True
        record = records[model.name]
        return not record.problem and not submitter.is_settled(model.name, account[model.name], record)

    @staticmethod
    def _to_submit(row: str, models: Sequence[TournamentModel], records: Mapping[str, SlotRecord]) -> list[str]:
        """The slots that the predictions of this row are for."""
        return [model.name for model in models if records[model.name].row == row and not records[model.name].problem]

    def _submit(self, submitter: Submitter, name: str, slot: Slot, record: SlotRecord, folder: RoundFolder) -> None:
        """Submit what a model predicted, if it did; what goes wrong is in its record, or in the log."""
        found = folder.outcome(record)
        if found is None or found[0]["status"] != "success":
            return
        try:
            submitter.submit(name, slot, record, found[1])
        except (ApiError, OSError) as error:
            _log.error("%s is not submitted: %s", name, _sentence(error))

    @staticmethod
    def _read_back(submitter: Submitter, name: str, slot: Slot) -> None:
        """Find out what became of what a start that was killed has sent, if nothing was sent since."""
        try:
            submitter.read_back(name, slot)
        except (ApiError, OSError) as error:
            _log.warning("%s: it is not known what became of its submission: %s", name, _sentence(error))

    def _end(self, folder: RoundFolder, problem: Exception | None) -> Ended:
        earlier = next(
            (one for one in rounds_in(self._settings.folder) if one.round.number < folder.round.number), None
        )
        self._note_correlations(folder, earlier)
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
        """Whether that is something else than the last message about this round said; it is kept for next time."""
        last = folder.path / MESSAGE
        before = last.read_text() if last.is_file() else ""
        with contextlib.suppress(OSError):
            write_whole(text.encode(), last)
        return text != before


def slot_records(models: Sequence[TournamentModel], account: Mapping[str, Slot] | None) -> dict[str, SlotRecord]:
    """What each slot is to get; without an account nobody knows whether it takes it. Raises Fault for a pickle that
    cannot be read.
    """
    digests = {pickle: digest_of(pickle) for pickle in {model.pickle for model in models}}
    return {
        model.name: SlotRecord(
            row=row_id(model.pickle, digests[model.pickle]),
            pickle_sha256=digests[model.pickle],
            time_limit=model.time_limit,
            memory_limit=model.memory_limit,
            problem=" ".join(slot_problem(model.name, model.pickle.name, account) or ()) if account is not None else "",
        )
        for model in models
    }


def digest_of(pickle: Path) -> str:
    """The SHA-256 of the file. Raises Fault if it cannot be read."""
    try:
        return sha256(pickle)
    except OSError as error:
        raise Fault(Code.MODEL_NOT_FOUND, f"{pickle} cannot be read: {error.strerror or error}.") from error


def _predictions(folder: RoundFolder) -> dict[str, Path]:
    """The CSV of each slot that has one, by the slot's name."""
    found = {name: folder.outcome(record) for name, record in folder.slots().items()}
    return {name: one[1] for name, one in found.items() if one and one[0]["status"] == "success"}


@contextlib.contextmanager
def _senders() -> Iterator[ThreadPoolExecutor]:
    """Threads that submit. A signal does not wait for them: what they have begun, the next start finds."""
    pool = ThreadPoolExecutor(SENDERS, thread_name_prefix="sender")
    try:
        yield pool
    except BaseException:
        pool.shutdown(wait=False, cancel_futures=True)
        raise
    pool.shutdown()


def _status_of(error: Exception) -> int:
    return error.code.blame.exit_status if isinstance(error, Fault) else Blame.RUNTIME.exit_status


def _sentence(error: Exception) -> str:
    if isinstance(error, Fault):
        return f"{error.message} {error.hint}"
    return str(error.strerror or error) if isinstance(error, OSError) else str(error)
