"""What the stand-in answers to each field of its API, from its state."""

from collections.abc import Callable
from datetime import datetime
from typing import Any

from tests.api.stand_in_state import HOUR, PENDING, Diagnosed, NumeraiStandIn, Sent, StandInRound, StandInSlot
from tests.api.stand_in_storage import Storage
from tests.api.stand_in_submissions import NotPossible, Submissions

TOURNAMENT = 8
IMAGES = [
    {"id": f"image-3-{minor}", "name": f"Python 3.{minor}", "tag": f"3_{minor}", "default": minor == 11}
    for minor in range(10, 14)
]


class Answers:
    """The fields of the API. What cannot be done raises NotPossible."""

    def __init__(self, state: NumeraiStandIn, storage: Storage) -> None:
        self._state = state
        self._storage = storage
        self._submissions = Submissions(state)

    def fields(self) -> dict[str, Callable[..., object]]:
        """Of each top-level field what answers it: called with the key of who asks, and the field's arguments."""
        return {
            "rounds": lambda _key, **given: self._rounds(**given),
            "pipelineStatus": lambda _key, **given: self._pipeline_status(**given),
            "listDatasets": lambda _key, **_given: self._storage.names(),
            "dataset": lambda _key, **given: self._dataset(**given),
            "account": self._account,
            "apiTokenInfo": self._token,
            "submissions": lambda _key, **given: self._sent_of(**given),
            "submissionUploadAuth": lambda _key, **given: self._upload_auth(True, **given),
            "createSubmission": lambda _key, **given: self._create_submission(**given),
            "computePickleDockerImages": lambda _key: IMAGES,
            "computePickles": lambda _key, **given: self._pickles(**given),
            "diagnosticsUploadAuth": lambda _key, **given: self._upload_auth(False, **given),
            "createDiagnostics": lambda _key, **given: self._create_diagnostics(**given),
            "diagnostics": lambda _key, **given: self._diagnostics(**given),
        }

    def _rounds(self, number: int | None = None, tournament: int | None = None) -> list[dict[str, object] | None]:
        now = self._state.clock.now()
        rounds = self._state.rounds if tournament == TOURNAMENT else []
        if number is None:
            begun = [one for one in rounds if one.opening <= now]
            return [_round(one) for one in sorted(begun, key=lambda one: -one.number)]
        if number:
            return [_round(one) for one in rounds if one.number == number]
        current = self._state.open_round() if rounds else None
        if current is None and self._state.between_rounds == "last":
            current = self._state.last_round()
        if current is None and self._state.between_rounds == "next":
            current = self._state.next_round()
        if current is None and self._state.between_rounds != "null":
            raise NotPossible("Current round not open for submissions")
        return [_round(current) if current else None]

    def _pipeline_status(self, tournament: str, date: str | None = None) -> dict[str, object] | None:
        now = self._state.clock.now()
        day = date or f"{now:%Y-%m-%d}"
        found = [one for one in self._state.rounds if f"{one.opening:%Y-%m-%d}" == day]
        if tournament != "classic" or not found:
            return None
        return {
            "dataReadyAt": _time(found[0].ready) if found[0].ready <= now else None,
            "dataP90Eta": _time(found[0].p90),
            "dataP99Eta": _time(found[0].p99),
            "isScoringDay": True,
            "tournament": tournament,
        }

    def _dataset(self, filename: str, round: int | None = None, tournament: int | None = None) -> str:
        """Of no round: of the last whose data is there."""
        now = self._state.clock.now()
        ready = [one for one in self._state.rounds if one.ready <= now and round in (None, 0, one.number)]
        try:
            return self._storage.dataset_url(filename, max(ready, key=lambda one: one.opening, default=None))
        except KeyError:
            raise NotPossible(f"Dataset {filename} not found") from None

    def _account(self, key: str) -> dict[str, object]:
        return {
            "id": "account-1",
            "username": "tester",
            "status": "VERIFIED",
            "mfaEnabled": False,
            "availableNmr": "0.0",
            "apiTokens": [self._token(key)],
            "models": [self._model(slot) for slot in self._state.slots],
        }

    def _token(self, key: str) -> dict[str, object]:
        return {"name": "key", "public_id": key.partition("$")[0], "scopes": sorted(self._state.scopes[key])}

    def _model(self, slot: StandInSlot) -> dict[str, object]:
        sent = [one for one in self._state.sent if one.model == slot.id]
        latest = {one.round: one for one in sent}
        return {
            "id": slot.id,
            "name": slot.name,
            "tournament": slot.tournament,
            "computePickleUpload": _pickle(slot) if slot.has_pickle else None,
            "submissions": [self._submission(one) for one in reversed(sent)],
            "latestSubmissions": [
                {
                    "roundNumber": number,
                    "status": latest[number].status,
                    "filename": latest[number].file_name,
                    "timestamp": _time(latest[number].at),
                }
                for number in sorted(latest, reverse=True)
            ],
        }

    def _sent_of(self, model_id: str | None = None) -> list[dict[str, object]]:
        slots = {slot.id for slot in self._state.slots}
        if model_id is not None and model_id not in slots:
            raise NotPossible("Model not found")
        return [self._submission(one) for one in reversed(self._state.sent) if model_id in (None, one.model)]

    def _submission(self, sent: Sent) -> dict[str, object]:
        is_checked = sent.status != PENDING
        return {
            "id": sent.id,
            "filename": sent.file_name,
            "insertedAt": _time(sent.at, "microseconds"),
            "status": sent.status,
            "selected": sent.selected,
            "errorInfo": sent.error or None if is_checked else None,
            "filteredCount": sent.unknown_ids if is_checked else None,
            "triggerId": sent.trigger_id,
            "round": next((_round(one) for one in self._state.rounds if one.number == sent.round), None),
        }

    def _upload_auth(
        self, is_submission: bool, filename: str, tournament: int, model_id: str | None = None
    ) -> dict[str, str]:
        slot = self._submissions.slot(model_id, tournament)
        return self._storage.upload_address(filename, slot.id, is_submission)

    def _create_submission(self, source: str = "", **given: Any) -> dict[str, object]:
        del source  # The name of the client.
        return self._submission(self._submissions.create(**given))

    def _create_diagnostics(self, **given: Any) -> dict[str, object]:
        return self._diagnosed(self._submissions.diagnose(**given))

    def _pickles(self, model_id: str | None = None) -> list[dict[str, object]]:
        return [_pickle(slot) for slot in self._state.slots if slot.has_pickle and model_id in (None, slot.id)]

    def _diagnostics(self, model_id: str, id: str | None = None) -> list[dict[str, object]]:
        found = [one for one in self._state.diagnosed if one.model == model_id and id in (None, one.id)]
        return [self._diagnosed(one) for one in reversed(found)]

    def _diagnosed(self, one: Diagnosed) -> dict[str, object]:
        return {
            "id": one.id,
            "status": one.status,
            "message": one.message or None,
            "updatedAt": _time(one.at),
            "erasAcceptedCount": one.eras,
            "perEraDiagnostics": [],
            "validationCorrMean": None if one.message else self._state.validation_corr,
        }


def _time(time: datetime | None, precision: str = "seconds") -> str | None:
    return None if time is None else time.replace(tzinfo=None).isoformat(timespec=precision) + "Z"


def _round(one: StandInRound) -> dict[str, object]:
    return {
        "number": one.number,
        "openTime": _time(one.opening),
        "closeStakingTime": _time(one.deadline),
        "closeTime": _time(one.deadline + HOUR),  # Later than the deadline, as there.
        "dataDatestamp": one.datestamp,
        "resolvedGeneral": False,
        "resolvedStaking": False,
    }


def _pickle(slot: StandInSlot) -> dict[str, object]:
    return {
        "id": f"pickle-{slot.id}",
        "filename": f"{slot.name}.pkl",
        "validationStatus": "success",
        "assignedModelSlots": [slot.name],
    }
