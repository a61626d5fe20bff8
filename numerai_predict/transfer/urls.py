"""What a URL is, and which file it names."""

from pathlib import Path
from urllib.parse import unquote, urlsplit


def file_name_of(url: str) -> str:
    """The last part of the URL's path, decoded, as a file name; `model.pkl` if there is none."""
    name = Path(unquote(urlsplit(url).path)).name
    return name if name not in ("", "..") else "model.pkl"


def is_url(text: str) -> bool:
    """Whether the text is an http(s) URL."""
    return text.lower().startswith(("http://", "https://"))
