"""Secrets of the environment: the keys of the API, and whatever else must not be shown."""

from collections.abc import MutableMapping
from dataclasses import dataclass, field

PUBLIC_ID = "NUMERAI_PUBLIC_ID"
SECRET_KEY = "NUMERAI_SECRET_KEY"  # noqa: S105 - a name


@dataclass(frozen=True)
class ApiKeys:
    """A key of the API: https://numer.ai/account, Automation."""

    public_id: str
    secret_key: str = field(repr=False)

    @property
    def authorization(self) -> str:
        """The value of the header Authorization."""
        return f"Token {self.public_id}${self.secret_key}"


def take_keys(environment: MutableMapping[str, str]) -> ApiKeys:
    """The keys, as `take_secret` finds them. Raises Fault if one is missing, and says where both may be."""
    raise NotImplementedError


def take_secret(name: str, environment: MutableMapping[str, str]) -> str | None:
    """The secret of that name: in the variable NAME, in the file that NAME_FILE names, or in the credential of systemd
    of that name in lower case ($CREDENTIALS_DIRECTORY, https://systemd.io/CREDENTIALS/). None if it is in none.

    The variable is removed from the environment, so that no process that is started later has it. Raises Fault for a
    file that cannot be read or is empty, and for a secret that is given twice.
    """
    raise NotImplementedError
