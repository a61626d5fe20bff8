"""Secrets of the environment: the keys of the API, and whatever else must not be shown."""

import os
from collections.abc import MutableMapping
from dataclasses import dataclass, field
from pathlib import Path

from numerai_predict.faults import Code, Fault
from numerai_predict.files import open_file

PUBLIC_ID = "NUMERAI_PUBLIC_ID"
SECRET_KEY = "NUMERAI_SECRET_KEY"  # noqa: S105 - a name
CREDENTIALS_DIRECTORY = "CREDENTIALS_DIRECTORY"
# A secret is a line.
MOST_BYTES = 4096
WAYS = (
    f"Make a key at https://numer.ai/account, Automation, and give both of its parts in {PUBLIC_ID} and {SECRET_KEY}, "
    f"in files that {PUBLIC_ID}_FILE and {SECRET_KEY}_FILE name, or as the systemd credentials {PUBLIC_ID.lower()} and "
    f"{SECRET_KEY.lower()}."
)


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
    public_id, secret_key = take_secret(PUBLIC_ID, environment), take_secret(SECRET_KEY, environment)
    if public_id and secret_key:
        return ApiKeys(public_id, secret_key)
    missing = [name for name, value in ((PUBLIC_ID, public_id), (SECRET_KEY, secret_key)) if not value]
    raise Fault(Code.USAGE, f"{' and '.join(missing)} {'is' if len(missing) == 1 else 'are'} missing.", WAYS)


def drop_keys(environment: MutableMapping[str, str]) -> None:
    """Remove keys that nobody asked for from the environment: what is started later does not get them either."""
    for name in (PUBLIC_ID, SECRET_KEY):
        environment.pop(name, None)


def take_secret(name: str, environment: MutableMapping[str, str]) -> str | None:
    """The secret of that name: in the variable NAME, in the file that NAME_FILE names, or in the credential of systemd
    of that name in lower case ($CREDENTIALS_DIRECTORY, https://systemd.io/CREDENTIALS/). None if it is in none.

    The variable is removed from the environment, so that no process that is started later has it. One that is empty is
    none; blanks and line breaks around a secret do not count. Raises Fault for a file that cannot be read or is empty,
    for a secret that is given twice, and for one with other characters than a key or a URL has.
    """
    found = {f"the variable {name}": environment.pop(name, "")}
    if path := environment.get(f"{name}_FILE"):
        found[f"the file of {name}_FILE"] = _text_of(f"The file of {name}_FILE", Path(path))
    credential = Path(environment.get(CREDENTIALS_DIRECTORY, ""), name.lower())
    if environment.get(CREDENTIALS_DIRECTORY) and os.path.lexists(credential):
        found[f"the credential {name.lower()}"] = _text_of(f"The credential {name.lower()}", credential)
    given = {place: text.strip() for place, text in found.items() if text.strip()}
    if len(given) > 1:
        raise Fault(Code.USAGE, f"{name} is given twice: in {' and in '.join(given)}.", "Remove all but one.")
    for place, secret in given.items():
        _check(name, place, secret)
    return next(iter(given.values()), None)


def _text_of(place: str, path: Path) -> str:
    try:
        with open_file(path) as file:
            content = file.read(MOST_BYTES + 1)
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or "it is no path"
        raise Fault(Code.USAGE, f"{place} cannot be read: {reason}.", "Check the path and its rights.") from None
    if len(content) > MOST_BYTES:
        raise Fault(Code.USAGE, f"{place} is too large for a secret.", "Write the secret to it, and nothing else.")
    text = content.decode("utf-8", errors="replace")
    if not text.strip():
        raise Fault(Code.USAGE, f"{place} is empty.", "Write the secret to it.")
    return text


def _check(name: str, place: str, secret: str) -> None:
    """Raises Fault for a secret with anything but printable ASCII, without showing it: a header could not hold it."""
    if not (secret.isascii() and secret.isprintable() and " " not in secret):
        problem = f"{name}, in {place}, has a blank or a character that no key and no address has."
        raise Fault(Code.USAGE, problem, "Copy it once more, and nothing else; a file is to be in UTF-8.")
