"""Stores for tests: one in memory, and one that fails, or lets others act, between the calls to another."""

import hashlib
import threading
from collections import deque
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

from numerai_predict.round.store import Store, StoreError, Versioned

Answer = TypeVar("Answer")
# What the next call does: it fails without any effect, or after it has had its effect.
BEFORE, AFTER, WORKS = "before", "after", ""


class MemoryStore:
    """What a round needs, without a place to lie in."""

    address = "memory"

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._items: dict[str, Versioned] = {}
        self._writes = 0

    def read(self, key: str) -> Versioned | None:
        with self._lock:
            return self._items.get(key)

    def create(self, key: str, content: bytes) -> str | None:
        with self._lock:
            return None if key in self._items else self._put(key, content)

    def replace(self, key: str, content: bytes, version: str) -> str | None:
        with self._lock:
            if key not in self._items or self._items[key].version != version:
                return None
            return self._put(key, content)

    def write(self, key: str, content: bytes) -> None:
        with self._lock:
            self._put(key, content)

    def names(self, folder: str) -> set[str]:
        with self._lock:
            below = [key.removeprefix(f"{folder}/") for key in self._items if key.startswith(f"{folder}/")]
        return {name for name in below if "/" not in name}

    def fetch(self, key: str, folder: Path) -> Path:
        found = self.read(key)
        if found is None:
            raise FileNotFoundError(key)
        path = folder / key.rpartition("/")[2]
        path.write_bytes(found.content)
        return path

    def _put(self, key: str, content: bytes) -> str:
        self._writes += 1
        self._items[key] = Versioned(content, self._version(content))
        return self._items[key].version

    def _version(self, content: bytes) -> str:
        return str(self._writes)


class DigestStore(MemoryStore):
    """One whose versions are the digests of what is there, as S3's are: the same content has the same again."""

    def _version(self, content: bytes) -> str:
        return hashlib.md5(content).hexdigest()


class FaultyStore:
    """Another store, before each call to which `meanwhile` acts, with the name of the call and the key; then the call
    does as the next of `plan` says.
    """

    def __init__(self, store: Store, meanwhile: Callable[[str, str], None] = lambda call, key: None) -> None:
        self.address = store.address
        self.meanwhile = meanwhile
        self.plan: deque[str] = deque()
        self._store = store

    def read(self, key: str) -> Versioned | None:
        return self._do("read", key, lambda: self._store.read(key))

    def create(self, key: str, content: bytes) -> str | None:
        return self._do("create", key, lambda: self._store.create(key, content))

    def replace(self, key: str, content: bytes, version: str) -> str | None:
        return self._do("replace", key, lambda: self._store.replace(key, content, version))

    def write(self, key: str, content: bytes) -> None:
        self._do("write", key, lambda: self._store.write(key, content))

    def names(self, folder: str) -> set[str]:
        return self._do("names", folder, lambda: self._store.names(folder))

    def fetch(self, key: str, folder: Path) -> Path:
        return self._do("fetch", key, lambda: self._store.fetch(key, folder))

    def _do(self, call: str, key: str, act: Callable[[], Answer]) -> Answer:
        self.meanwhile(call, key)
        planned = self.plan.popleft() if self.plan else WORKS
        if planned == BEFORE:
            raise StoreError("The store answers 503.")
        answer = act()
        if planned == AFTER:
            raise StoreError("The store's answer was lost.")
        return answer


class Clock:
    """A clock that moves when a test says so."""

    def __init__(self, now: float = 1000.0) -> None:
        self.now = now

    def __call__(self) -> float:
        return self.now
