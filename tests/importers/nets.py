"""Small pandapower nets: a builder for named cases, and random ones for laws."""

from __future__ import annotations

import warnings
from typing import Any

import pandapower as pp
from hypothesis import strategies as st

LINE = {"length_km": 0.5, "r_ohm_per_km": 0.2, "x_ohm_per_km": 0.1, "c_nf_per_km": 200.0, "max_i_ka": 0.3}
WINDINGS = {"sn_mva": 0.4, "vn_hv_kv": 20.0, "vn_lv_kv": 0.4, "vk_percent": 6.0, "vkr_percent": 1.5}
THREE = {
    "vn_hv_kv": 110.0, "vn_mv_kv": 20.0, "vn_lv_kv": 10.0,
    "sn_hv_mva": 40.0, "sn_mv_mva": 25.0, "sn_lv_mva": 15.0,
    "vk_hv_percent": 10.0, "vk_mv_percent": 11.0, "vk_lv_percent": 12.0,
    "vkr_hv_percent": 0.3, "vkr_mv_percent": 0.31, "vkr_lv_percent": 0.32,
    "pfe_kw": 30.0, "i0_percent": 0.1,
}  # fmt: skip


def empty() -> Any:
    return pp.create_empty_network()


def bus(net: Any, x: float, y: float, kv: float = 20.0, **more: Any) -> int:
    return int(pp.create_bus(net, kv, geodata=(x, y), **more))


def line(net: Any, a: int, b: int, **more: Any) -> int:
    return int(pp.create_line_from_parameters(net, a, b, **{**LINE, "type": "cs", **more}))


def trafo(net: Any, hv: int, lv: int, **more: Any) -> int:
    return int(
        pp.create_transformer_from_parameters(net, hv, lv, **{**WINDINGS, "pfe_kw": 1.0, "i0_percent": 0.3, **more})
    )


def trafo3w(net: Any, hv: int, mv: int, lv: int, **more: Any) -> int:
    return int(pp.create_transformer3w_from_parameters(net, hv, mv, lv, **{**THREE, **more}))


def switch(net: Any, at: int, element: int, et: str, **more: Any) -> int:
    return int(pp.create_switch(net, at, element, et=et, **more))


@st.composite
def nets(draw: st.DrawFn) -> Any:
    """Nets of up to 7 buses with every conducting table, loops, parallels, self-loops, islands and outages."""
    net = empty()
    alive = st.sampled_from([True, True, True, False])
    buses = [
        bus(net, 7.0 + 0.01 * k, 48.0 + 0.003 * (k % 3), draw(st.sampled_from([20.0, 0.4])), in_service=draw(alive))
        for k in range(draw(st.integers(1, 7)))
    ]
    some = st.sampled_from(buses)
    pairs = st.tuples(some, some)
    lines = [line(net, a, b, in_service=draw(alive)) for a, b in draw(st.lists(pairs, max_size=8))]
    trafos = [trafo(net, a, b, in_service=draw(alive)) for a, b in draw(st.lists(pairs, max_size=3))]
    threes = [
        trafo3w(net, *draw(st.permutations(buses))[:3], in_service=draw(alive))
        for _ in range(draw(st.integers(0, 2)) if len(buses) > 2 else 0)
    ]
    for a, b in draw(st.lists(pairs, max_size=2)):
        pp.create_impedance(net, a, b, 0.01, 0.02, 10.0, in_service=draw(alive))
    for a, b in draw(st.lists(pairs.filter(lambda ab: ab[0] != ab[1]), max_size=1)):
        pp.create_dcline(net, a, b, 1.0, 0.1, 0.1, 1.0, 1.0, in_service=draw(alive))
    for _ in range(draw(st.integers(0, 8))):
        _switch_somewhere(draw, net, buses, {"l": lines, "t": trafos, "t3": threes})
    for at in draw(st.lists(some, max_size=2)):
        pp.create_ext_grid(net, at, in_service=draw(alive))
    for at in draw(st.lists(some, max_size=1)):
        pp.create_gen(net, at, 0.1, slack=draw(st.booleans()), in_service=draw(alive))
    for at in [*buses, *draw(st.lists(some, max_size=3))]:
        pp.create_load(net, at, 0.01, in_service=draw(alive))
    return net


def _switch_somewhere(draw: st.DrawFn, net: Any, buses: list[int], branches: dict[str, list[int]]) -> None:
    closed = draw(st.booleans())
    et = draw(st.sampled_from(["b", *(code for code, found in branches.items() if found)]))
    if et == "b":
        switch(net, draw(st.sampled_from(buses)), draw(st.sampled_from(buses)), "b", closed=closed)
        return
    element = draw(st.sampled_from(branches[et]))
    frame = {"l": net.line, "t": net.trafo, "t3": net.trafo3w}[et]
    ends = [int(frame.at[element, c]) for c in ("from_bus", "to_bus", "hv_bus", "mv_bus", "lv_bus") if c in frame]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # pandapower warns of a second switch at one end; it is what is wanted
        switch(net, draw(st.sampled_from(ends)), element, et, closed=closed)
