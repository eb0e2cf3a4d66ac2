"""The rule book: the shipped file holds, and what does not hold is named in full."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from gis_service.errors import InvalidInput
from gis_service.planning.rules import default_rules, overridden, read_rules

SHIPPED = Path(__file__).resolve().parents[2] / "gis_service" / "planning" / "rules" / "default.toml"


def test_a_utilitys_own_file_is_read_as_the_shipped_one_is() -> None:
    assert read_rules(SHIPPED) == default_rules()


def test_a_file_that_does_not_hold_names_every_fault(tmp_path: Path) -> None:
    file = tmp_path / "own.toml"
    text = SHIPPED.read_text(encoding="utf-8")
    file.write_text(
        text.replace("busbar_pu = 1.0", "busbar_pu = 7\nropes = 1").replace("node = 12000.0\n", "")
    )
    with pytest.raises(InvalidInput, match=r"own\.toml") as told:
        read_rules(file)
    places = sorted(fault.split(":")[0] for fault in told.value.faults)
    assert places == ["attach_cost.node", "limits.busbar_pu", "limits.ropes"]


@pytest.mark.parametrize("text", ["name = ", b"\xff\xfe"])
def test_a_file_that_is_no_toml_is_refused_by_name(tmp_path: Path, text: str | bytes) -> None:
    file = tmp_path / "own.toml"
    file.write_bytes(text if isinstance(text, bytes) else text.encode())
    with pytest.raises(InvalidInput, match=r"own\.toml"):
        read_rules(file)


def test_a_request_sets_single_values_and_leaves_the_book_as_it_is() -> None:
    rules = default_rules()
    set_otherwise = overridden(
        rules, {"limits": {"reach_m": {"low": 120}}, "transformer": {"400": {"cost": 1.0}}}
    )
    assert set_otherwise.limits.reach_m.low == 120
    assert set_otherwise.limits.reach_m.medium == rules.limits.reach_m.medium
    chosen = set_otherwise.transformer_for(400)
    assert chosen is not None
    assert (chosen.rated_kva, chosen.cost) == (400, 1.0)
    assert rules.limits.reach_m.low == 500


def test_coincidence_runs_straight_between_its_steps() -> None:
    share = default_rules().load.share(np.array([1, 3, 5, 10, 100_000]))
    assert share == pytest.approx([1.0, 0.9, 0.8, 0.65, 0.28])
