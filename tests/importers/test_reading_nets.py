"""Nets that are no nets, or point nowhere: each refused with a sentence that says what to do."""

from __future__ import annotations

import json
from pathlib import Path

import pandapower as pp
import pytest

from gis_service.errors import InvalidInput
from gis_service.ingest.pandapower_net import import_pandapower
from tests.importers.nets import bus, empty, line, switch, trafo


def _refused(source: object) -> InvalidInput:
    with pytest.raises(InvalidInput) as caught:
        import_pandapower(source, county_code="XX", county_name="broken")
    return caught.value


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "is not JSON"),
        ('{"_class": "pandapowerNet", "_obj', "is not JSON"),
        ("[1, 2]", "holds no pandapower net"),
        ('{"type": "FeatureCollection", "features": []}', "holds no pandapower net"),
        ('{"_module": "os", "_class": "pandapowerNet", "_object": {}}', "asks for Python code of os"),
        ('{"_module": "pandapower.auxiliary", "_class": "pandapowerNet", "_object": {}}', "has no buses"),
        (
            '{"_module": "pandapower.auxiliary", "_class": "pandapowerNet", "_object": 5}',
            "cannot read this net",
        ),
    ],
)
def test_a_file_that_is_no_net(tmp_path: Path, text: str, reason: str) -> None:
    file = tmp_path / "net.json"
    file.write_text(text)
    assert reason in str(_refused(file))


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    assert "No such file" in str(_refused(tmp_path / "nowhere.json"))


def test_code_hidden_in_an_object_inside_a_table_is_not_run(tmp_path: Path) -> None:
    net = empty()
    bus(net, 7.0, 48.0)
    file = tmp_path / "net.json"
    pp.to_json(net, str(file))
    whole = json.loads(file.read_text())
    table = {
        "columns": ["object"],
        "index": [0],
        "data": [[{"_module": "subprocess", "_class": "Popen", "_object": {}}]],
    }
    whole["_object"]["controller"]["_object"] = json.dumps(table)
    file.write_text(json.dumps(whole))
    assert "asks for Python code of subprocess" in str(_refused(file))


def test_a_file_gives_the_same_package_as_the_net_it_was_written_from(tmp_path: Path) -> None:
    net = empty()
    a, b, c = bus(net, 7.0, 48.0, name="Süd"), bus(net, 7.01, 48.0), bus(net, 7.01, 48.001, 0.4)
    one = line(net, a, b, geodata=[(7.0, 48.0), (7.005, 48.002), (7.01, 48.0)], name="Kabel 1")
    switch(net, a, one, "l", type="CB", closed=False)
    trafo(net, b, c)
    pp.create_ext_grid(net, a)
    pp.create_load(net, c, 0.01)
    file = tmp_path / "net.json"
    pp.to_json(net, str(file))
    from_file = import_pandapower(file, county_code="XX", county_name="x")
    from_memory = import_pandapower(net, county_code="XX", county_name="x")
    for name, frame in from_memory.layers.items():
        assert frame.equals(from_file[name]), name


def test_every_reference_to_nothing_is_named() -> None:
    net = empty()
    a, b = bus(net, 7.0, 48.0), bus(net, 7.01, 48.0)
    line(net, a, b)
    switch(net, a, 0, "l")
    switch(net, a, b, "b")
    pp.create_load(net, a, 0.1)
    net.line.loc[0, "to_bus"] = 77
    net.load.loc[0, "bus"] = 88
    faults = _refused(net).faults
    assert len(faults) == 2
    assert any("line 0: to_bus 77" in one for one in faults)
    assert any("load 0: bus 88" in one for one in faults)

    net.line.loc[0, "to_bus"], net.load.loc[0, "bus"] = b, a
    net.switch.loc[0, "element"] = 5
    net.switch.loc[1, "element"] = 99
    faults = _refused(net).faults
    assert any("switch 0: there is no line 5" in one for one in faults)
    assert any("switch 1: element 99" in one for one in faults)


def test_a_switch_at_a_bus_that_is_no_end_of_its_line_is_refused() -> None:
    net = empty()
    a, b, c = (bus(net, 7.0 + k / 100, 48.0) for k in range(3))
    line(net, a, b)
    switch(net, a, 0, "l")
    net.switch.loc[0, "bus"] = c
    assert _refused(net).faults == ("switch 0: bus 2 is no end of line 0; mend bus or element",)


def test_a_net_without_buses() -> None:
    assert "has no buses" in str(_refused(empty()))
