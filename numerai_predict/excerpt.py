"""What a regular expression gets to see of a text from elsewhere: most take quadratic time on some text."""

MOST = 4_000


def excerpt(text: str) -> str:
    """The text, or of a long one its two ends: what libraries say stands at one of them, what they quote between."""
    return text if len(text) <= MOST else f"{text[: MOST // 2]} … {text[-MOST // 2 :]}"
