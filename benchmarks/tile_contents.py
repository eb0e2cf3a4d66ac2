"""What a vector tile tells of its features, read slowly and without geometry, to compare two encoders."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from typing import Any


def contents(tile: bytes) -> dict[str, list[tuple[Any, ...]]]:
    """By layer, the attributes of each feature as sorted pairs, in the order of these."""
    found = {}
    for number, layer in _fields(tile):
        assert number == 3
        fields = list(_fields(layer))
        keys = [value.decode() for number, value in fields if number == 3]
        values = [_value(value) for number, value in fields if number == 4]
        name = next(value.decode() for number, value in fields if number == 1)
        features = [_attributes(value, keys, values) for number, value in fields if number == 2]
        found[name] = sorted(features, key=repr)
    return found


def _attributes(feature: bytes, keys: list[str], values: list[Any]) -> tuple[Any, ...]:
    tags = next((value for number, value in _fields(feature) if number == 2), b"")
    numbers, at = [], 0
    while at < len(tags):
        number, at = _varint(tags, at)
        numbers.append(number)
    pairs = zip(numbers[::2], numbers[1::2], strict=True)
    return tuple(sorted((keys[key], values[value]) for key, value in pairs))


def _value(message: bytes) -> Any:
    ((number, value),) = _fields(message)
    if number == 1:
        return value.decode()
    if number == 7:
        return bool(value)
    if number == 3:
        (value,) = struct.unpack("<d", value)
    elif number == 2:
        (value,) = struct.unpack("<f", value)
    elif number == 6:
        value = value >> 1 ^ -(value & 1)
    return float(value)  # a whole number is told as an integer by some


def _fields(data: bytes) -> Iterator[tuple[int, Any]]:
    at = 0
    while at < len(data):
        key, at = _varint(data, at)
        if key & 7 == 0:
            value, at = _varint(data, at)
            yield key >> 3, value
            continue
        size, at = _varint(data, at) if key & 7 == 2 else ({1: 8, 5: 4}[key & 7], at)
        yield key >> 3, data[at : at + size]
        at += size


def _varint(data: bytes, at: int) -> tuple[int, int]:
    value = shift = 0
    while True:
        value |= (data[at] & 127) << shift
        at, shift = at + 1, shift + 7
        if data[at - 1] < 128:
            return value, at
