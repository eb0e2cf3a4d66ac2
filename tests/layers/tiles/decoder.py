"""A slow and strict reader of vector tiles, written from the specification: refuses whatever 2.1 forbids."""

from __future__ import annotations

import struct
from dataclasses import dataclass, field
from typing import Any

Ring = list[tuple[int, int]]


@dataclass
class Feature:
    id: int | None
    type: int
    parts: list[Ring]
    properties: dict[str, Any]


@dataclass
class Layer:
    name: str
    extent: int
    features: list[Feature]
    keys: list[str] = field(default_factory=list)
    values: list[Any] = field(default_factory=list)


def decoded(tile: bytes) -> dict[str, Layer]:
    layers: dict[str, Layer] = {}
    for number, value in _fields(tile):
        assert number == 3, number
        layer = _layer(value)
        assert layer.name not in layers, "a layer's name stands once in a tile (clause 4.1)"
        layers[layer.name] = layer
    return layers


def _layer(data: bytes) -> Layer:
    fields = _fields(data)
    (version,) = (value for number, value in fields if number == 15)
    (name,) = (value for number, value in fields if number == 1)
    (extent,) = (value for number, value in fields if number == 5)
    assert version == 2
    keys = [value.decode() for number, value in fields if number == 3]
    values = [_value(value) for number, value in fields if number == 4]
    assert len(set(keys)) == len(keys)
    assert len({(type(value), value) for value in values}) == len(values)
    features = [_feature(value, keys, values) for number, value in fields if number == 2]
    assert features
    assert {number for number, _ in fields} <= {1, 2, 3, 4, 5, 15}
    return Layer(name.decode(), extent, features, keys, values)


def _value(data: bytes) -> Any:
    ((number, value),) = _fields(data)
    if number == 1:
        return value.decode()
    if number == 3:
        return struct.unpack("<d", value)[0]
    if number == 5:
        return value
    if number == 6:
        return value >> 1 ^ -(value & 1)
    assert number == 7
    assert value in (0, 1)
    return bool(value)


def _feature(data: bytes, keys: list[str], values: list[Any]) -> Feature:
    fields = dict(_fields(data))
    assert len(fields) == len(_fields(data))
    tags = _packed(fields.get(2, b""))
    properties = {keys[tags[at]]: values[tags[at + 1]] for at in range(0, len(tags), 2)}
    assert len(properties) * 2 == len(tags)
    return Feature(fields.get(1), fields[3], _parts(fields[3], _packed(fields[4])), properties)


def _parts(kind: int, numbers: list[int]) -> list[Ring]:
    parts: list[Ring] = []
    x = y = at = 0
    moved = False
    while at < len(numbers):
        command, count = numbers[at] & 7, numbers[at] >> 3
        at += 1
        assert count
        if command == 7:
            assert kind == 3
            assert count == 1
            assert len(parts[-1]) >= 3
            assert moved
            moved = False
            continue
        assert command in (1, 2)
        if command == 1:
            assert not moved, "a line or ring of one position"
            assert count == 1 or kind == 1
        else:
            assert moved
        for _ in range(count):
            dx, dy = (numbers[at + k] >> 1 ^ -(numbers[at + k] & 1) for k in range(2))
            at += 2
            assert command == 1 or dx or dy, "a segment has a length"
            x, y = x + dx, y + dy
            if command == 1:
                parts.append([])
            parts[-1].append((x, y))
        moved = kind != 1 if kind == 3 or command == 1 else False
        if kind == 2 and command == 1:
            moved = True
    assert not moved or kind == 1
    assert parts
    return parts


def twice_area(ring: Ring) -> int:
    """The surveyor's formula; positive is clockwise on a screen (clause 4.3.4.4)."""
    return sum(a * d - b * c for (a, b), (c, d) in zip(ring, ring[1:] + ring[:1], strict=True))


def _packed(data: bytes) -> list[int]:
    found, at = [], 0
    while at < len(data):
        value, at = _varint(data, at)
        found.append(value)
    return found


def _fields(data: bytes) -> list[tuple[int, Any]]:
    found: list[tuple[int, Any]] = []
    at = 0
    while at < len(data):
        key, at = _varint(data, at)
        number, wire = key >> 3, key & 7
        value: Any
        if wire == 0:
            value, at = _varint(data, at)
        elif wire == 1:
            value, at = data[at : at + 8], at + 8
        else:
            assert wire == 2
            size, at = _varint(data, at)
            value, at = data[at : at + size], at + size
            assert at <= len(data)
        found.append((number, value))
    return found


def _varint(data: bytes, at: int) -> tuple[int, int]:
    value = shift = 0
    while True:
        byte = data[at]
        value |= (byte & 127) << shift
        at, shift = at + 1, shift + 7
        if byte < 128:
            return value, at
