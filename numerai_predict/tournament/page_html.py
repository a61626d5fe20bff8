"""HTML whose type shows that it is: what is not goes through `escaped`, or mypy refuses it."""

from collections.abc import Iterable
from html import escape
from typing import NewType

from numerai_predict.excerpt import excerpt
from numerai_predict.visible import visible_lines

Html = NewType("Html", str)


def escaped(text: str) -> Html:
    """Text of anybody: a long one cut, and with escapes for what does not print, or would turn the text around it."""
    return Html(escape(visible_lines(excerpt(text))))


def tag(name: str, /, *content: Html, **attributes: str) -> Html:
    """An element. `class_` is its attribute class, `aria_label` is aria-label."""
    return Html(f"<{name}{_attributes(attributes)}>{''.join(content)}</{name}>")


def joined(parts: Iterable[Html]) -> Html:
    """One after the other, each on a line of its own."""
    return Html("\n".join(parts))


def visually_hidden(text: str) -> Html:
    """Text for those who have the page read out."""
    return tag("span", escaped(text), class_="visually-hidden")


def decorative(text: str) -> Html:
    """A symbol, of which a word beside it says what it means."""
    return tag("span", escaped(text), aria_hidden="true")


def _attributes(attributes: dict[str, str]) -> str:
    return "".join(f' {name.rstrip("_").replace("_", "-")}="{escaped(value)}"' for name, value in attributes.items())
