"""Takes what is secret out of what is shown: queries of URLs, which hold signatures, and other secrets by name."""

import logging
import re
from collections.abc import Sequence
from urllib.parse import urlsplit

# What is shorter is no signature, and may stand in any text or command line.
SHORTEST_SECRET = 8


def without_query(url: str) -> str:
    """A URL that can be shown: presigned ones carry their signature in the query, some a password before the host."""
    parts = urlsplit(url)
    return parts._replace(query="", fragment="", netloc=parts.netloc.rpartition("@")[2]).geturl()


def hide_queries(text: str) -> str:
    """The text with the query of every URL left out: other people's error messages quote whole URLs."""
    return re.sub(r"\?[\w%][^\s'\"<>)]*", "?…", text)


def without(secrets: Sequence[str], text: str) -> str:
    """The text without those of the secrets that are long enough to be some: servers quote what they were asked."""
    for secret in sorted(secrets, key=len, reverse=True):  # One may be a part of another.
        text = text.replace(secret, "…") if len(secret) >= SHORTEST_SECRET else text
    return text


class DiscreetFormatter(logging.Formatter):
    """Lines of the log without the query of any URL, which libraries quote, and without the secrets; `about` begins
    each line's message.
    """

    def __init__(self, secrets: Sequence[str] = (), about: str = "") -> None:
        super().__init__(f"%(asctime)s %(levelname)s {about.replace('%', '%%')}%(message)s")
        self._secrets = secrets

    def format(self, record: logging.LogRecord) -> str:
        """The line, or lines if there is a traceback."""
        return without(self._secrets, hide_queries(super().format(record)))
