"""What was looked up lately, kept in bounded memory: asked again, it costs a look into a dictionary.

Emptied at once where it is full, a cache forgets at every turn what is asked all the time. Here there are two
halves; where the younger is full, the older goes, and what is asked of an older entry makes it young again.
"""

from __future__ import annotations

from typing import Generic, TypeVar

Key = TypeVar("Key")
Value = TypeVar("Value")


class Recent(Generic[Key, Value]):
    """Values by key, of which the last `half` that were asked for are kept, and up to twice as many.

    Safe for threads: what two of them do at once may be forgotten, and is never wrong.
    """

    def __init__(self, half: int) -> None:
        self._half = half
        self._young: dict[Key, Value] = {}
        self._old: dict[Key, Value] = {}

    def __len__(self) -> int:
        return len(self._young.keys() | self._old.keys())

    def get(self, key: Key) -> Value | None:
        """The value of a key, None where it is not known."""
        found = self._young.get(key)
        if found is None and (found := self._old.get(key)) is not None:
            self.put(key, found)
        return found

    def put(self, key: Key, value: Value) -> None:
        """Keep a value."""
        if len(self._young) >= self._half:
            self._old, self._young = self._young, {}
        self._young[key] = value
