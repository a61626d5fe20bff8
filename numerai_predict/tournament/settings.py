"""The folder of a tournament: which models it has, and tournament.toml for what differs from the usual."""

from collections.abc import MutableMapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from numerai_predict.platform_limits import MEMORY_LIMIT, TIME_LIMIT_S

SETTINGS = "tournament.toml"
MODELS = "models"


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
        """What must not be shown."""
        return [url for url in (self.ping, self.webhook, self.apprise) if url]


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
    raise NotImplementedError
