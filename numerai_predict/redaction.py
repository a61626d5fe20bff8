"""Removes secrets from what is shown: the queries of URLs, which hold signatures, and other known secrets."""

import copy
import logging
import re
from collections.abc import Sequence
from urllib.parse import urlsplit

from numerai_predict.visible import visible, visible_lines

# Anything shorter is not a signature, and may occur in any text or command line.
SHORTEST_SECRET = 8


def without_query(url: str) -> str:
    """A URL that can be shown: presigned ones carry their signature in the query, some a password before the host."""
    parts = urlsplit(url)
    return parts._replace(query="", fragment="", netloc=parts.netloc.rpartition("@")[2]).geturl()


def hide_queries(text: str) -> str:
    """The text without the query of any URL: error messages of libraries quote whole URLs."""
    return re.sub(r"\?[\w%][^\s'\"<>)]*", "?…", text)


def without(secrets: Sequence[str], text: str) -> str:
    """The text without the secrets, but for those too short to be one: servers quote what they were sent."""
    for secret in sorted(secrets, key=len, reverse=True):  # One may be a part of another.
        text = text.replace(secret, "…") if len(secret) >= SHORTEST_SECRET else text
    return text


class DiscreetFormatter(logging.Formatter):
    """Formats log lines without the queries of URLs, which libraries quote, and without the secrets; each message
    begins with `about`. A record is one line, whatever its message holds; only a traceback has more.
    """

    def __init__(self, secrets: Sequence[str] = (), about: str = "") -> None:
        super().__init__(f"%(asctime)s %(levelname)s {about.replace('%', '%%')}%(message)s")
        self._secrets = secrets

    def format(self, record: logging.LogRecord) -> str:
        """The line, or lines if there is a traceback."""
        bare = copy.copy(record)
        bare.exc_info = bare.exc_text = bare.stack_info = None
        lines = visible(self._discreet(super().format(bare)))
        if record.exc_info:
            lines += "\n" + visible_lines(self._discreet(self.formatException(record.exc_info)))
        return lines

    def _discreet(self, text: str) -> str:
        return without(self._secrets, hide_queries(text))
