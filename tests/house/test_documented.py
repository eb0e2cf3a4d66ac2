"""The pages and files that describe the house name everything there is.

Expected answers come from the other side: the variables that the code reads, the targets of the Makefile.
"""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
CODE = ("gis_service", "layers", "sharding", "api", "demo")
VARIABLE = re.compile(r"\bGRIDGIS_[A-Z_]*[A-Z]\b")


def variables_read() -> set[str]:
    files = [file for package in CODE for file in (ROOT / package).rglob("*.py")]
    return {name for file in files for name in VARIABLE.findall(file.read_text())}


def test_every_variable_the_code_reads_is_on_the_operations_page() -> None:
    page = (ROOT / "docs" / "operations.md").read_text()
    listed = set(re.findall(r"^\| `(GRIDGIS_[A-Z_]+)` \|", page, re.MULTILINE))
    assert listed == variables_read()


@pytest.mark.parametrize("page", ["README.md", "docs/operations.md"])
def test_every_make_target_a_page_names_exists(page: str) -> None:
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    named = set(re.findall(r"\bmake ([a-z]+(?:-[a-z]+)*)\b(?=[`\s])", (ROOT / page).read_text()))
    assert named & targets
    assert named <= targets
