"""The evening before: whether the keys, the slots, the images and the pickles are as they must be. Submits nothing."""

import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from numerai_predict.api import ApiRefused, ApiUnreachable, NumeraiApi, Slot
from numerai_predict.faults import Blame, Code, Fault
from numerai_predict.files import open_file
from numerai_predict.inspection import THIS_PYTHON, platform_version
from numerai_predict.platform_limits import BENCHMARKS, DATASET
from numerai_predict.report import InspectionPart, RunReport
from numerai_predict.round import (
    ModelEnd,
    Row,
    Schedule,
    StoreError,
    check_engine,
    container_engine,
    image_of,
    look_into_all,
    open_store,
    python_of,
    write_round,
)
from numerai_predict.runner import get_data
from numerai_predict.tournament.model_slots import slot_problem
from numerai_predict.tournament.round_folder import rounds_in
from numerai_predict.tournament.runs import (
    Ends,
    PickleToRun,
    pickles_of,
    pythons_here,
    row_of,
    run_here,
)
from numerai_predict.tournament.settings import MODELS, SETTINGS, Settings, TournamentModel
from numerai_predict.transfer import DatasetDownloads
from numerai_predict.visible import visible

# What a morning asks the API for with the keys.
SCOPES = ("upload_submission", "read_submission_info", "read_user_info")
NEW_KEY_HINT = f"Make a new key at https://numer.ai/account with {', '.join(SCOPES)}."
ABOUT_KEYS, ABOUT_ACCOUNT = "keys", "account"
ABOUT_CONTAINERS, ABOUT_DATA, ABOUT_RUNS = "containers", "live data", "runs"
GIB = 1 << 30
_MODEL, _USAGE, _RUNTIME = (blame.exit_status for blame in Blame)


@dataclass(frozen=True)
class Finding:
    """What was checked (`keys`, or a slot's name), whether it is as it must be, in a sentence; a hint if it is not; and
    the exit status that it leads to (0, 1: a model, 2: keys or settings, 3: the network).
    """

    about: str
    message: str
    hint: str = ""
    exit_status: int = 0


def check_tournament(
    api: NumeraiApi, settings: Settings, native: bool, run: bool, say: Callable[[Finding], None]
) -> int:
    """Check everything, saying each finding as soon as it is known; returns the exit status. With `run`, each pickle is
    run on the last live data, under the acceptance rules.
    """
    status = 0

    def note(finding: Finding) -> None:
        nonlocal status
        status = max(status, finding.exit_status)
        say(finding)

    for finding in _of_account(api, settings):
        note(finding)
    readable = []
    for model in settings.models:
        if unreadable := _unreadable(model):
            note(unreadable)
        else:
            readable.append(model)
    try:
        pickles = pickles_of(readable)
    except Fault as fault:
        note(Finding(SETTINGS, fault.message, fault.hint, fault.code.blame.exit_status))
    else:
        _check_pickles(pickles, settings.folder, native, run, note)
    return status


def _of_account(api: NumeraiApi, settings: Settings) -> Iterator[Finding]:
    """What is to be said of the keys, and of the slots as far as the keys show them."""
    try:
        scopes = api.scopes()
        yield _of_keys(scopes)
        if "read_user_info" in scopes:
            slots = api.slots()
            yield from (_of_slot(model, slots) for model in settings.models)
            yield from _of_others(slots, settings.models)
    except ApiRefused as error:
        yield Finding(ABOUT_KEYS, f"Numerai refuses the keys: {error}.", NEW_KEY_HINT, _USAGE)
    except ApiUnreachable as error:
        yield Finding(ABOUT_ACCOUNT, f"{error}.", "Check the network, and try again.", _RUNTIME)


def _of_keys(scopes: frozenset[str]) -> Finding:
    if missing := [scope for scope in SCOPES if scope not in scopes]:
        return Finding(ABOUT_KEYS, f"They do not allow {' and '.join(missing)}.", NEW_KEY_HINT, _USAGE)
    return Finding(ABOUT_KEYS, "They are good, and allow to submit and to read back.")


def _of_slot(model: TournamentModel, slots: Mapping[str, Slot]) -> Finding:
    if problem := slot_problem(model.name, model.pickle.name, slots):
        return Finding(model.name, *problem, _MODEL)
    return Finding(model.name, "The account has this model, and it takes submissions.")


def _of_others(slots: Mapping[str, Slot], models: Sequence[TournamentModel]) -> Iterator[Finding]:
    """In one line, the models that nothing is submitted for."""
    taken = {model.name for model in models}
    if others := sorted(name for name, slot in slots.items() if name not in taken and not slot.has_pickle):
        yield Finding(ABOUT_ACCOUNT, f"{MODELS}/ has no pickle for {', '.join(others)}: nothing is submitted for them.")


def _unreadable(model: TournamentModel) -> Finding | None:
    try:
        open_file(model.pickle).close()
    except OSError as error:
        message = f"{model.pickle} cannot be read: {error.strerror or error}."
        return Finding(model.name, message, "Check that it is there, and its permissions.", _MODEL)
    return None


def _check_pickles(
    pickles: Mapping[str, PickleToRun], folder: Path, native: bool, run: bool, note: Callable[[Finding], None]
) -> None:
    """Look into each, and run those that can be run if asked for."""
    with tempfile.TemporaryDirectory(prefix="tournament-check-") as temporary:
        place = Place(None if native else container_engine())
        if place.engine and (finding := _problem_of_engine(place.engine)):
            note(finding)
            place, run = Place(place.engine, answers=False), False
        data = None
        if run:
            try:
                data = _last_data(folder, Path(temporary))
            except Fault as fault:
                note(Finding(ABOUT_DATA, fault.message, fault.hint, fault.code.blame.exit_status))
        rows = []
        reports = look_into_all(pickle.path for pickle in pickles.values())
        for pickle, report in zip(pickles.values(), reports, strict=True):
            look = Look(pickle, report, place)
            for finding in look.findings(will_run=data is not None):
                note(finding)
            if look.can_run:
                rows.append(row_of(pickle, look.python))
        if data and rows:
            _run(pickles, rows, data, native, Path(temporary) / "round", note)


def _problem_of_engine(engine: str) -> Finding | None:
    try:
        check_engine(engine)
    except Fault as fault:
        return Finding(ABOUT_CONTAINERS, f"{fault.message}.", "", fault.code.blame.exit_status)
    return None


@dataclass(frozen=True)
class _Data:
    """Live data, and whose it is in words."""

    live: Path
    benchmarks: Path
    shown: str


def _last_data(folder: Path, temporary: Path) -> _Data:
    """That of the newest round which has it here, else what Numerai has now. Raises Fault."""
    for round_ in rounds_in(folder):
        if round_.live.is_file() and round_.benchmarks.is_file():
            return _Data(round_.live, round_.benchmarks, f"the live data of round {round_.path.name}")
    downloads = DatasetDownloads()
    live, benchmarks = (get_data(name, temporary, downloads) for name in (DATASET, BENCHMARKS))
    return _Data(live, benchmarks, "the live data of today")


@dataclass(frozen=True)
class Place:
    """Where models run: in containers of an engine, which may not answer, or without one in this Python."""

    engine: str | None
    answers: bool = True
    images: dict[str, tuple[str, bool]] = field(default_factory=dict)

    def image(self, python: str) -> tuple[str, bool]:
        """The image of that Python, and whether it is here."""
        if python not in self.images:
            self.images[python] = image_of(python, self.engine or "")
        return self.images[python]


@dataclass(frozen=True)
class Look:
    """What a look into a pickle found, for where it is to run."""

    pickle: PickleToRun
    report: RunReport
    place: Place

    @property
    def python(self) -> str | None:
        """The Python that it is run with; None: any."""
        return self.pickle.python or python_of(self.report)

    @property
    def can_run(self) -> bool:
        """Whether it can be tried."""
        return self.report.model.inspection is not None and self._has_python

    @property
    def _has_python(self) -> bool:
        return self.python in (None, *pythons_here(self.place.engine is None))

    def findings(self, will_run: bool) -> Iterator[Finding]:
        """What is to be said of it. If it `will_run`, what looks wrong is only expected."""
        if not self._has_python:
            message = f"{self._file} needs Python {self.python}, and --native runs models with {THIS_PYTHON} only."
            hint = f"Start without --native, or with Python {self.python}."
            yield Finding(self.pickle.shown, message, hint, _MODEL)
            return
        problems = list(self._problems())
        is_tried = will_run and self.can_run
        for code, message, hint in problems:
            status = 0 if is_tried else Code[code.upper()].blame.exit_status
            said = "is expected to fail" if is_tried else "fails"
            yield Finding(self.pickle.shown, f"{self._file} {said}: {code}: {visible(message)}", hint, status)
        if self.python and not (problems and not is_tried):
            yield self._of_python(self.python)

    def _of_python(self, python: str) -> Finding:
        needs = f"{self._file} runs with Python {python}"
        if self.place.engine is None:
            return Finding(self.pickle.shown, f"{needs}, which this is.")
        if not self.place.answers:
            return Finding(self.pickle.shown, f"{needs}.")
        image, is_here = self.place.image(python)
        if is_here:
            return Finding(self.pickle.shown, f"{needs}, in the image {image}, which is here.")
        hint = f"To have it before the round opens: docker pull {image}"
        return Finding(self.pickle.shown, f"{needs}, in the image {image}, which will be pulled.", hint)

    @property
    def _file(self) -> str:
        return visible(self.pickle.path.name)

    def _problems(self) -> Iterator[tuple[str, str, str]]:
        """Codes, messages and hints of what is expected to end it."""
        fault, found = self.report.fault, self.report.model.inspection
        if found is None or not found.problems:
            if fault:
                yield fault.code, fault.message, fault.hint
        else:
            for problem in found.problems:
                if self.place.engine is None or self._is_so_in_image(problem.code, found):
                    yield problem.code, problem.message, problem.hint
        if found and found.python and self.python not in (None, THIS_PYTHON, *found.python):
            message = f"{SETTINGS} gives it Python {self.python}, and Python {' or '.join(found.python)} wrote it."
            yield Code.PYTHON_VERSION_MISMATCH.label, message, f"Remove its python from {SETTINGS}."

    def _is_so_in_image(self, code: str, found: InspectionPart) -> bool:
        """Whether a problem that is expected in this environment is one in the image too, which has other packages."""
        python = self.python or THIS_PYTHON
        if code == Code.PYTHON_VERSION_MISMATCH.label:
            return python not in found.python
        if code == Code.MISSING_MODULE.label:
            missing = [module.name for module in found.modules if module.status == "missing"]
            return not missing or any(platform_version(name, python) is None for name in missing)
        if code == Code.INCOMPATIBLE_LIBRARY.label:
            wrong = [difference for difference in found.differences if difference.breaks]
            return any(one.here == platform_version(one.library, python) for one in wrong)
        return True


def _run(
    pickles: Mapping[str, PickleToRun],
    rows: Sequence[Row],
    data: _Data,
    native: bool,
    place: Path,
    note: Callable[[Finding], None],
) -> None:
    """Run them, and say how each ended; nothing of it is kept."""
    ends = Ends(pickles, lambda pickle, end: note(_of_end(pickle, end, data)))
    try:
        place.mkdir()
        write_round(open_store(str(place)), rows, data.live, data.benchmarks, Schedule())
        standing = run_here(place, native, None, ends)
    except (Fault, StoreError, OSError) as error:
        hint = "Check that there is space on the disk, and start again."
        note(Finding(ABOUT_RUNS, f"The models cannot be run: {visible(str(error))}.", hint, _RUNTIME))
        return
    for row in standing.left:
        message = f"It was not run on {data.shown}, as its worker ended."
        hint = "The log says why; start again."
        note(Finding(pickles[row.id].shown, message, hint, _RUNTIME))


def _of_end(pickle: PickleToRun, end: ModelEnd, data: _Data) -> Finding:
    used = f"{end.wall_s:.1f} s{_of(f'{pickle.time_limit:g} s', pickle.time_limit)} and "
    used += f"{end.peak_memory_bytes / GIB:.2f} GiB"
    used += _of(f"{pickle.memory_limit / GIB:g} GiB", pickle.memory_limit)
    if not end.code:
        return Finding(pickle.shown, f"It predicts on {data.shown}, in {used}.")
    message = f"It fails on {data.shown}, after {used}: {end.code}: {visible(end.message)}"
    status = _MODEL if end.status == Blame.MODEL.status else _RUNTIME
    return Finding(pickle.shown, message, end.hint, status)


def _of(limit: str, is_limited: float) -> str:
    return f" of {limit}" if is_limited else ""
