"""`docs/grid-package.md` says what the code does: every layer, column, enumeration and rule stands there."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from gis_service.checks import RULES, Rule
from gis_service.checks.attributes import VOLTAGE_TOLERANCE
from gis_service.checks.drawing import FAR_M, LENGTH_SLACK_M, LENGTH_TOLERANCE
from gis_service.ingest.spec import LAYERS, Layer

PAGE = (Path(__file__).parents[2] / "docs" / "grid-package.md").read_text(encoding="utf-8")


def cells(first: str) -> list[str]:
    (row,) = re.findall(rf"^\| {re.escape(first)} \|.*\|$", PAGE, flags=re.MULTILINE)
    return [cell.strip() for cell in row.strip("|").split("|")]


@pytest.mark.parametrize("layer", LAYERS, ids=lambda layer: layer.name)
def test_every_layer_stands_in_the_table_with_its_columns_as_declared(layer: Layer) -> None:
    _, geometry, columns = cells(f"`{layer.name}`")
    assert geometry == (layer.geometry if layer.geometry_required else f"*{layer.geometry}*")
    declared = [column.name if column.required else f"*{column.name}*" for column in layer.columns]
    assert columns.split(", ") == declared


@pytest.mark.parametrize("layer", LAYERS, ids=lambda layer: layer.name)
def test_every_enumeration_is_written_out(layer: Layer) -> None:
    flowing = " ".join(PAGE.split())
    for column in layer.columns:
        if column.choices is not None:
            assert f"`{column.name}`: {', '.join(f'`{one}`' for one in column.choices)}" in flowing


@pytest.mark.parametrize("rule", RULES.values(), ids=lambda rule: rule.name)
def test_every_rule_of_check_stands_in_its_table(rule: Rule) -> None:
    assert f"| {rule.severity} | `{rule.name}` | {rule.title} |" in PAGE


def test_the_tolerances_are_those_of_the_code() -> None:
    assert (LENGTH_TOLERANCE, LENGTH_SLACK_M, FAR_M, VOLTAGE_TOLERANCE) == (0.25, 25.0, 30.0, 0.01)
    assert "more than a quarter and 25 m" in PAGE
    assert "more than 30 m from its node" in PAGE
    assert "more than one per cent" in PAGE
