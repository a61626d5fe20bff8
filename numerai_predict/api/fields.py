"""Reads fields of an answer of the API, each as what it must be."""

from datetime import datetime, timezone
from typing import Any, TypeVar

from numerai_predict.times import time_in

T = TypeVar("T")


class SenselessAnswer(Exception):
    """An answer that is not what was asked for; its message says where."""


class Fields:
    """The fields of an object of the answer, which `name` leads to. Every method raises SenselessAnswer for a field
    that is missing, or of another kind; those with `maybe` return None for null.
    """

    def __init__(self, value: object, name: str) -> None:
        if not isinstance(value, dict):
            raise SenselessAnswer(f"{name} is no object")
        self._fields: dict[str, Any] = value
        self._name = name

    def get(self, field: str, kind: type[T]) -> T:
        """The field, which is of that kind and of no subclass: true is no number."""
        value = self.maybe(field, kind)
        if value is None:
            raise SenselessAnswer(f"{self._name}.{field} is null")
        return value

    def maybe(self, field: str, kind: type[T]) -> T | None:
        """As `get`."""
        if field not in self._fields:
            raise SenselessAnswer(f"{self._name}.{field} is missing")
        value = self._fields[field]
        if value is not None and type(value) is not kind:
            raise SenselessAnswer(f"{self._name}.{field} is no {kind.__name__}")
        return value

    def text(self, field: str) -> str:
        """The field, which is no empty string."""
        text = self.get(field, str)
        if not text:
            raise SenselessAnswer(f"{self._name}.{field} is empty")
        return text

    def time(self, field: str) -> datetime:
        """The field as a time in UTC; one without a zone is in UTC."""
        return self._as_time(field, self.get(field, str))

    def maybe_time(self, field: str) -> datetime | None:
        """As `time`."""
        text = self.maybe(field, str)
        return None if text is None else self._as_time(field, text)

    def part(self, field: str) -> "Fields":
        """The object in the field."""
        return Fields(self.get(field, dict), f"{self._name}.{field}")

    def maybe_part(self, field: str) -> "Fields | None":
        """As `part`."""
        return None if self.maybe(field, dict) is None else self.part(field)

    def parts(self, field: str) -> "list[Fields]":
        """The objects in the list in the field; none for null."""
        name = f"{self._name}.{field}"
        return [Fields(value, name) for value in self.maybe(field, list) or []]

    def _as_time(self, field: str, text: str) -> datetime:
        try:
            time = time_in(text)
            return (time if time.tzinfo else time.replace(tzinfo=timezone.utc)).astimezone(timezone.utc)
        except (ValueError, OverflowError):
            raise SenselessAnswer(f"{self._name}.{field} is no time") from None
