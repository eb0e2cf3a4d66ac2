"""`gridgis token` and the key it signs with: what is printed is read again, what cannot be is one line.

The token is taken apart by hand; a start that must be refused is one of the real server.
"""

from __future__ import annotations

import base64
import json
import time
from collections.abc import Callable
from pathlib import Path
from subprocess import CompletedProcess
from typing import Any

import pytest

from layers.scope import read_token

Run = Callable[..., CompletedProcess[str]]
KEY = "0123456789abcdef0123456789abcdef"


def claims(token: str) -> Any:
    """What a token says, whoever signed it."""
    middle = token.split(".")[1]
    return json.loads(base64.urlsafe_b64decode(middle + "=" * (-len(middle) % 4)))


def test_a_token_is_printed_alone_and_can_be_read(gridgis: Run, tmp_path: Path) -> None:
    said = gridgis("token", "--counties", "450123, 450122", "--days", "30", GRIDGIS_MAP_KEY=KEY).stdout
    assert said.count("\n") == 1
    assert claims(said)["counties"] == ["450122", "450123"]
    assert abs(claims(said)["exp"] - time.time() - 30 * 86_400) < 600
    assert read_token(KEY.encode(), said.strip()) == frozenset({"450122", "450123"})
    file = tmp_path / "key"
    file.write_text(KEY + "\n")
    said = gridgis("token", "--counties", "*", "--days", "1", GRIDGIS_MAP_KEY_FILE=str(file)).stdout
    assert read_token(KEY.encode(), said.strip()) is None


@pytest.mark.parametrize(
    ("arguments", "environment", "named"),
    [
        (["450122", "1"], {}, "GRIDGIS_MAP_KEY"),
        (["450122", "1"], {"GRIDGIS_MAP_KEY": "short"}, "the key has 5 bytes, and 32 are the fewest"),
        (["450122", "1"], {"GRIDGIS_MAP_KEY_FILE": "/nowhere/key"}, "/nowhere/key"),
        (["450122", "1"], {"GRIDGIS_MAP_KEY": KEY, "GRIDGIS_MAP_KEY_FILE": "x"}, "keep one"),
        (["450122", "0"], {"GRIDGIS_MAP_KEY": KEY}, "--days"),
        (["", "1"], {"GRIDGIS_MAP_KEY": KEY}, "--counties"),
        (["450122,*", "1"], {"GRIDGIS_MAP_KEY": KEY}, "--counties"),
        (["450122 450123", "1"], {"GRIDGIS_MAP_KEY": KEY}, "450122 450123"),
    ],
)
def test_what_makes_no_token_is_said_in_one_line(
    gridgis: Run, arguments: list[str], environment: dict[str, str], named: str
) -> None:
    counties, days = arguments
    said = gridgis("token", "--counties", counties, "--days", days, expect=2, **environment).stderr
    assert named in said
    assert KEY not in said


@pytest.mark.parametrize(
    ("environment", "named"),
    [
        ({"GRIDGIS_MAP_KEY": "short"}, "the key has 5 bytes"),
        ({"GRIDGIS_MAP_TOKENS": "required"}, "set GRIDGIS_MAP_KEY"),
        ({"GRIDGIS_MAP_TOKENS": "yes"}, "'optional' or 'required'"),
    ],
)
def test_an_engine_does_not_start_with_a_key_that_cannot_be_one(
    gridgis: Run, environment: dict[str, str], named: str
) -> None:
    nowhere = {"GRIDGIS_ENGINE_DSN": "postgresql://nobody@127.0.0.1:1/none"}
    assert named in gridgis("serve", expect=2, **nowhere, **environment).stderr
