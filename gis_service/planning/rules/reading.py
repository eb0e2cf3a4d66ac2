"""From a TOML file, and from what a request sets on top, to a rule book; every fault is named.

A request sets single values by the names of the file: `{"limits": {"busbar_pu": 1.02}}`. A row of a list is
named by what tells it apart: `{"conductor": {"low cable 150": {"cost_per_m": 200}}}`; a list takes the place
of the whole list.
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from functools import lru_cache
from importlib.resources import files
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from gis_service.errors import InvalidInput
from gis_service.planning.rules.book import NAMED_BY, Rules

RULES_FILE = "GRIDGIS_RULES"
"""The environment variable that names a utility's own file."""


@lru_cache(maxsize=1)
def default_rules() -> Rules:
    """The rule book that is shipped."""
    text = files(__package__).joinpath("default.toml").read_text(encoding="utf-8")
    return _checked(tomllib.loads(text), "")


def read_rules(file: Path) -> Rules:
    """The rule book of a file.

    Raises
    ------
    InvalidInput
        When it cannot be read, is no TOML, or says what cannot be; all faults are listed.
    """
    try:
        written = tomllib.loads(file.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError) as error:
        raise InvalidInput(f"the rules {file} cannot be read: {error}") from error
    except tomllib.TOMLDecodeError as error:
        raise InvalidInput(f"the rules {file} are not TOML: {error}") from error
    try:
        return _checked(written, "")
    except InvalidInput as error:
        raise InvalidInput(f"the rules {file} do not hold: {'; '.join(error.faults)}", error.faults) from None


def overridden(rules: Rules, values: Mapping[str, Any], *, field: str = "rules") -> Rules:
    """The rules with some values set otherwise; faults name their place below `field`.

    Raises
    ------
    InvalidInput
        For a name that the rules do not have, or a value that cannot be; all faults are listed.
    """
    if not values:
        return rules
    faults: list[str] = []
    written = rules.model_dump()
    for section, given in values.items():
        place = f"{field}.{section}"
        if section not in written:
            faults.append(f"{place}: the rules have no such section; they have {', '.join(written)}")
        elif section in NAMED_BY and isinstance(given, Mapping):
            _set_rows(written[section], NAMED_BY[section], given, place, faults)
        elif isinstance(given, Mapping) and isinstance(written[section], dict):
            _set(written[section], given, place, faults)
        else:
            written[section] = given
    try:
        made = _checked(written, f"{field}.")
    except InvalidInput as error:
        faults += error.faults
    if faults:
        raise InvalidInput(faults[0], faults)
    return made


def _set(held: dict[str, Any], given: Mapping[str, Any], place: str, faults: list[str]) -> None:
    for name, value in given.items():
        if name not in held and not place.endswith(".factor"):
            faults.append(f"{place}.{name}: no such rule here; there are {', '.join(map(str, held))}")
        elif isinstance(value, Mapping) and isinstance(held.get(name), dict):
            _set(held[name], value, f"{place}.{name}", faults)
        else:
            held[name] = value


def _set_rows(rows: Any, key: str, given: Mapping[str, Any], place: str, faults: list[str]) -> None:
    by_name = {_name(row[key]): row for row in rows}
    for name, values in given.items():
        if name not in by_name:
            faults.append(f"{place}.{name}: no {key} of that name; there are {', '.join(by_name)}")
        elif not isinstance(values, Mapping):
            faults.append(f"{place}.{name}: name the values to set, as an object")
        else:
            _set(by_name[name], values, f"{place}.{name}", faults)


def _name(value: object) -> str:
    return f"{value:g}" if isinstance(value, float) else str(value)


def _checked(written: Mapping[str, Any], before: str) -> Rules:
    try:
        return Rules.model_validate(written)
    except ValidationError as error:
        faults = [f"{before}{_place(one['loc'])}: {_sentence(one)}" for one in error.errors()]
        raise InvalidInput(faults[0], faults) from None


def _place(steps: tuple[int | str, ...]) -> str:
    text = ""
    for step in steps:
        text += f"[{step}]" if isinstance(step, int) else f".{step}" if text else str(step)
    return text or "rules"


def _sentence(error: Any) -> str:
    if error["type"] == "missing":
        return "this value is required"
    if error["type"] == "extra_forbidden":
        return "the rules have no such value"
    text = str(error["msg"]).removeprefix("Value error, ")
    text = text[:1].lower() + text[1:]
    shown = repr(error["input"])
    return f"{text}, not {shown}" if len(shown) < 60 else text
