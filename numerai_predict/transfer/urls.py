"""What a URL is, and which file it names; and what a form is that goes to one."""

import contextlib
import re
from pathlib import Path
from urllib.parse import parse_qsl, unquote, urlsplit

# Another address of Numerai's API: a proxy, or a stand-in for tests.
API_URL_VARIABLE = "NUMERAI_API_URL"


def file_name_of(url: str) -> str:
    """The last part of the URL's path, decoded, as a file name; `model.pkl` if there is none."""
    name = Path(unquote(urlsplit(url).path)).name
    return name if name not in ("", "..") else "model.pkl"


def is_url(text: str) -> bool:
    """Whether the text is an http(s) URL."""
    return text.lower().startswith(("http://", "https://"))


def has_host(url: str) -> bool:
    """Whether the text is an http(s) URL that names a host."""
    with contextlib.suppress(ValueError):
        return is_url(url) and bool(urlsplit(url).hostname)
    return False


def is_private(url: str) -> bool:
    """Whether nobody on the way can read what is sent to the http(s) URL: it has TLS, or leads to this machine."""
    import ipaddress

    if not has_host(url):
        return False
    parts = urlsplit(url)
    if parts.scheme == "https" or parts.hostname == "localhost":
        return True
    with contextlib.suppress(ValueError):
        return ipaddress.ip_address(str(parts.hostname)).is_loopback
    return False


def fields_in(form: str) -> dict[str, str]:
    """The fields of an urlencoded form (key=value&key=value), blank ones included. Raises ValueError for any other."""
    if re.search(r"[\s{}\"<>]", form):
        raise ValueError("characters that a form encodes")
    return dict(parse_qsl(form, keep_blank_values=True, strict_parsing=True))
