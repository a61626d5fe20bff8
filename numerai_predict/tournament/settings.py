"""The folder of a tournament: which models it has, and tournament.toml for what differs from the usual."""

import os
import re
import sys
from collections.abc import Callable, Mapping, MutableMapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from numerai_predict.api import take_secret
from numerai_predict.faults import Code, Fault
from numerai_predict.files import open_file, other_than_file
from numerai_predict.inspection import IMAGES
from numerai_predict.platform_limits import MEMORY_LIMIT, TIME_LIMIT_S
from numerai_predict.round import LARGEST_NUMBER, MODEL_NAME
from numerai_predict.runner import size_in
from numerai_predict.transfer import has_host

SETTINGS = "tournament.toml"
MODELS = "models"
# Numerai's own rule is narrower (letters, digits and underscores, 3 to 20), and may change.
SLOT_NAME = re.compile(r"[A-Za-z0-9_-]{1,50}")
_NAME_HINT = "Name it like your model at Numerai: letters, digits, hyphens and underscores, 50 at most."
# The keys of [notify], and the secrets of the environment that say the same.
CHANNELS = {"ping": "NUMERAI_PING_URL", "webhook": "NUMERAI_WEBHOOK_URL", "apprise": "NUMERAI_APPRISE_URL"}


@dataclass(frozen=True)
class TournamentModel:
    """A model slot, by its name at Numerai, and the pickle whose predictions go there. `python` is None where the
    pickle decides. Limits as in RunRequest.
    """

    name: str
    pickle: Path
    python: str | None = None
    time_limit: float = TIME_LIMIT_S
    memory_limit: int = MEMORY_LIMIT


@dataclass(frozen=True)
class Channels:
    """Where messages go; these addresses are secrets. `ping` is an address as of healthchecks.io, `webhook` one of
    Discord, Slack or anything that takes JSON, `apprise` one of https://github.com/caronc/apprise.
    """

    ping: str | None = field(default=None, repr=False)
    webhook: str | None = field(default=None, repr=False)
    apprise: str | None = field(default=None, repr=False)

    @property
    def secrets(self) -> list[str]:
        """What must not be shown: the addresses, and what of them libraries quote without the rest."""
        urls = [url for url in (self.ping, self.webhook) if url]
        parts = [part for url in urls for part in _without_host(url).split("?") if part]
        apprise = [self.apprise, self.apprise.partition("://")[2]] if self.apprise else []
        return [*urls, *parts, *apprise]


@dataclass(frozen=True)
class Settings:
    """A tournament's folder and what is in it: models sorted by name, and where messages go."""

    folder: Path
    models: Sequence[TournamentModel]
    channels: Channels


def read_settings(folder: Path, environment: MutableMapping[str, str]) -> Settings:
    """What `models/NAME.pkl` and tournament.toml say. A pickle that tournament.toml gives to other slots is no slot of
    its own unless it names that too. Channels may be secrets of the environment as well (`take_secret`):
    NUMERAI_PING_URL, NUMERAI_WEBHOOK_URL, NUMERAI_APPRISE_URL. Raises Fault for what is wrong, with the line or key.
    """
    file = folder / SETTINGS
    settings = _Table(file, "", _parsed(file))
    settings.check_keys("models", "notify")
    channels = _channels(settings.table("notify"), environment)
    return Settings(folder, _models(settings.table("models"), _pickles(folder / MODELS)), channels)


@dataclass(frozen=True)
class _Table:
    """A table of tournament.toml; its values are not shown, as some are secrets."""

    file: Path
    name: str
    values: Mapping[str, Any] = field(repr=False)

    def fault(self, key: str, problem: str, hint: str) -> Fault:
        """What is wrong with that key."""
        return Fault(Code.USAGE, f"{self.file}: {self._path(key)} {problem}.", hint)

    def table(self, key: str) -> "_Table":
        """The table of that key, empty if there is none. Raises Fault for anything else."""
        value = self.values.get(key, {})
        if not isinstance(value, dict):
            path = self._path(key)
            raise self.fault(key, "is not a table", f"Write [{path}] on a line of its own, and its keys below.")
        return _Table(self.file, self._path(key), value)

    def check_keys(self, *known: str) -> None:
        """Raises Fault for any other key. One that is no word is not shown: it may be a value at the wrong place."""
        of_table = f" of [{self.name}]" if self.name else ""
        for key in self.values:
            if key not in known:
                shown = f"the key {self._path(key)}" if SLOT_NAME.fullmatch(key) else f"a key{of_table}"
                raise Fault(Code.USAGE, f"{self.file}: {shown} is unknown.", f"Known are {', '.join(known)}.")

    def _path(self, key: str) -> str:
        return f"{self.name}.{key}" if self.name else key


def _parsed(file: Path) -> dict[str, Any]:
    """What is in the file; nothing if there is none."""
    try:
        with open_file(file) as opened:
            content = opened.read()
    except FileNotFoundError:
        return {}
    except OSError as error:
        message = f"{file} cannot be read: {error.strerror or error}."
        raise Fault(Code.USAGE, message, "Check its rights and its folder's.") from None
    parse = _toml_parser()
    try:
        return parse(content.decode())
    except UnicodeDecodeError:
        raise Fault(Code.USAGE, f"{file} is not UTF-8.", "Save it again in this encoding.") from None
    except (ValueError, RecursionError) as error:  # It shows keys at most, and no value.
        hint = 'Write texts as "text" and tables as [models.NAME]: https://toml.io/en/v1.0.0'
        raise Fault(Code.USAGE, f"{file} is not TOML: {error}.", hint) from None


def _toml_parser() -> Callable[[str], dict[str, Any]]:
    try:
        if sys.version_info >= (3, 11):
            from tomllib import loads
        else:
            from tomli import loads
    except ModuleNotFoundError as error:
        message = f"{error.name} is not installed, which reads {SETTINGS}."
        raise Fault(Code.MISSING_PACKAGES, message, "pip install tomli, or use Python 3.11 or later.") from None
    return loads


def _pickles(folder: Path) -> list[Path]:
    """The pickles of the folder, in the order of their names. Hidden files are those that are still being copied."""
    try:
        names = sorted(name for name in os.listdir(folder) if not name.startswith("."))
    except FileNotFoundError:
        names = []
    except OSError as error:
        raise Fault(Code.USAGE, f"{folder} cannot be read: {error.strerror or error}.", "Check its rights.") from None
    pickles = [folder / name for name in names if MODEL_NAME.fullmatch(name)]
    if not pickles:
        hint = f"Put NAME.pkl, named like your model at Numerai, into {MODELS}/."
        raise Fault(Code.USAGE, f"There is no *.pkl in {folder}.", hint)
    for pickle in pickles:
        if not pickle.is_file():
            kind = other_than_file(pickle) or "a link to nothing"
            raise Fault(Code.USAGE, f"{_shown(pickle)} is {kind}, not a file.", "Remove it, or put the pickle there.")
    return pickles


def _models(tables: _Table, pickles: Sequence[Path]) -> list[TournamentModel]:
    given = {name: _slot_table(tables, name) for name in tables.values}
    files = {name: _pickle_of(table, pickles) for name, table in given.items() if "pickle" in table.values}
    elsewhere = set(files.values())
    for pickle in pickles:
        name = _id_of(pickle)
        if pickle in elsewhere and (name not in given or "pickle" in given[name].values):
            continue
        if name in files:
            message = f"{_shown(files[name])} and {_shown(pickle)} are both for the model {name}."
            raise Fault(Code.USAGE, message, f"Move one of them out of {MODELS}/.")
        files[_slot_of(pickle)] = pickle
    for name in sorted(given.keys() - files.keys()):
        hint = f'Put {name}.pkl into {MODELS}/, or name a pickle of that folder: pickle = "….pkl".'
        raise tables.fault(name, "has no pickle", hint)
    return [_model(name, files[name].absolute(), given.get(name)) for name in sorted(files)]


def _slot_table(tables: _Table, name: str) -> _Table:
    if not SLOT_NAME.fullmatch(name):
        raise Fault(Code.USAGE, f"{tables.file}: a key of [models] is not the name of a model.", _NAME_HINT)
    table = tables.table(name)
    table.check_keys("pickle", *_VALUES)
    return table


def _pickle_of(table: _Table, pickles: Sequence[Path]) -> Path:
    for pickle in pickles:
        if pickle.name == table.values["pickle"]:
            return pickle
    hint = f"Write the whole name of a *.pkl in {MODELS}/, without the folder."
    raise table.fault("pickle", f"does not name a pickle in {MODELS}/", hint)


def _id_of(pickle: Path) -> str:
    match = MODEL_NAME.fullmatch(pickle.name)
    assert match
    return match["id"]


def _slot_of(pickle: Path) -> str:
    name = _id_of(pickle)
    if not SLOT_NAME.fullmatch(name):
        raise Fault(Code.USAGE, f"{_shown(pickle)} is not named like a model.", _NAME_HINT)
    return name


def _shown(pickle: Path) -> str:
    """The path with escapes for bytes that are no text."""
    return os.fsencode(pickle).decode(errors="backslashreplace")


def _model(name: str, pickle: Path, table: _Table | None) -> TournamentModel:
    given = table.values if table else {}
    return TournamentModel(name, pickle, **{key: take(table, key) for key, take in _VALUES.items() if key in given})


def _python(table: _Table, key: str) -> str:
    value = table.values[key]
    if value not in IMAGES:
        hint = f"Write one of {', '.join(IMAGES)} in quotes, or leave it out: the pickle says it."
        raise table.fault(key, "is not a version of Python that there is an image of", hint)
    return str(value)


def _time_limit(table: _Table, key: str) -> float:
    value = table.values[key]
    if not _is_number(value, int | float):
        raise table.fault(key, "is not a number of seconds", "Write it without quotes: 600; 0 is no limit.")
    return float(value)


def _memory_limit(table: _Table, key: str) -> int:
    value = table.values[key]
    try:
        value = size_in(value) if isinstance(value, str) else value
    except ValueError:
        value = None
    if not _is_number(value, int):
        raise table.fault(key, "is not a size", 'Write it as "4GiB" or "512MB"; 0 is no limit.')
    return int(value)


def _is_number(value: Any, kind: Any) -> bool:
    """Whether it is one, zero or more. TOML has inf and nan too."""
    return isinstance(value, kind) and not isinstance(value, bool) and 0 <= value <= LARGEST_NUMBER


_VALUES: dict[str, Callable[[Any, str], Any]] = {
    "python": _python,
    "time_limit": _time_limit,
    "memory_limit": _memory_limit,
}


def _channels(table: _Table, environment: MutableMapping[str, str]) -> Channels:
    secrets = {name: take_secret(variable, environment) for name, variable in CHANNELS.items()}
    table.check_keys(*CHANNELS)
    for name, variable in CHANNELS.items():
        if name in table.values and secrets[name] is not None:
            raise table.fault(name, f"is given as {variable} too", "Leave one of the two out.")
    found = {**secrets, **table.values}
    for name, variable in CHANNELS.items():
        if found[name] is not None and not _is_address(name, found[name]):
            problem = "is not an address such as tgram://…" if name == "apprise" else "is not an http(s) URL"
            if name in table.values:
                raise table.fault(name, problem, "Copy it again, in quotes.")
            raise Fault(Code.USAGE, f"The secret {variable} {problem}.", "Copy it again.")
    return Channels(**found)


def _is_address(name: str, value: Any) -> bool:
    if not isinstance(value, str) or not value.isprintable() or " " in value:
        return False
    return bool(value.partition("://")[2]) if name == "apprise" else has_host(value)


def _without_host(url: str) -> str:
    return url.partition("://")[2].partition("/")[2]
