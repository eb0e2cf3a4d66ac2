"""Small pandapower nets: a builder for named cases, and random ones for laws."""

from __future__ import annotations

import copy
import warnings
from functools import cache
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


@cache
def _empty() -> Any:
    return pp.create_empty_network()


def empty() -> Any:
    return copy.deepcopy(_empty())  # 10 times as fast as making one


def bus(net: Any, x: float, y: float, kv: float = 20.0, **more: Any) -> int:
    return int(pp.create_bus(net, kv, geodata=(x, y), **more))


def line(net: Any, a: int, b: int, **more: Any) -> int:
    return int(pp.create_line_from_parameters(net, a, b, **{**LINE, "type": "cs", **more}))


def trafo(net: Any, hv: int, lv: int, **more: Any) -> int:
    windings = {**WINDINGS, "pfe_kw": 1.0, "i0_percent": 0.3, **more}
    return int(pp.create_transformer_from_parameters(net, hv, lv, **windings))


def trafo3w(net: Any, hv: int, mv: int, lv: int, **more: Any) -> int:
    return int(pp.create_transformer3w_from_parameters(net, hv, mv, lv, **{**THREE, **more}))


def switch(net: Any, at: int, element: int, et: str, **more: Any) -> int:
    return int(pp.create_switch(net, at, element, et=et, **more))


@st.composite
def nets(draw: st.DrawFn) -> Any:
    """Nets of up to 7 buses with all that conducts: loops, parallels, self-loops, islands, outages."""
    net = empty()
    count = draw(st.integers(1, 7))
    some = st.integers(0, count - 1)
    alive = st.sampled_from([True, True, True, False])
    pairs = st.tuples(some, some, alive)
    pp.create_buses(
        net,
        count,
        vn_kv=draw(st.lists(st.sampled_from([20.0, 0.4]), min_size=count, max_size=count)),
        geodata=[(7.0 + 0.01 * k, 48.0 + 0.003 * (k % 3)) for k in range(count)],
        in_service=draw(st.lists(alive, min_size=count, max_size=count)),
    )
    if lines := draw(st.lists(pairs, max_size=8)):
        starts, ends, sound = map(list, zip(*lines, strict=True))
        pp.create_lines_from_parameters(net, starts, ends, **LINE, type="cs", in_service=sound)
    if trafos := draw(st.lists(pairs, max_size=3)):
        highs, lows, sound = map(list, zip(*trafos, strict=True))
        pp.create_transformers_from_parameters(
            net, highs, lows, **WINDINGS, pfe_kw=1.0, i0_percent=0.3, in_service=sound
        )
    for _ in range(draw(st.integers(0, 1)) if count > 2 else 0):
        trafo3w(net, *draw(st.permutations(range(count)))[:3], in_service=draw(alive))
    for a, b, works in draw(st.lists(pairs, max_size=1)):
        pp.create_impedance(net, a, b, 0.01, 0.02, 10.0, in_service=works)
    for a, b, works in draw(st.lists(pairs.filter(lambda ab: ab[0] != ab[1]), max_size=1)):
        pp.create_dcline(net, a, b, 1.0, 0.1, 0.1, 1.0, 1.0, in_service=works)
    switches = [_switch(draw, net, some) for _ in range(draw(st.integers(0, 8)))]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of a second switch at one end, which is what is wanted
        if several := [one for one in switches if one[2] != "t3"]:
            buses, elements, codes, closed = map(list, zip(*several, strict=True))
            pp.create_switches(net, buses, elements, codes, closed=closed)
        for one in switches:
            if one[2] == "t3":  # create_switches knows only the others
                pp.create_switch(net, *one[:2], et="t3", closed=one[3])
    for at, works in draw(st.lists(st.tuples(some, alive), max_size=2)):
        pp.create_ext_grid(net, at, in_service=works)
    for at, slack, works in draw(st.lists(st.tuples(some, st.booleans(), alive), max_size=1)):
        pp.create_gen(net, at, 0.1, slack=slack, in_service=works)
    loads = [*range(count), *draw(st.lists(some, max_size=2))]
    pp.create_loads(net, loads, 0.01, in_service=[draw(alive) for _ in loads])
    return net


def _switch(draw: st.DrawFn, net: Any, some: st.SearchStrategy[int]) -> tuple[int, int, str, bool]:
    """Bus, element, code and position of a switch somewhere in the net."""
    branches = {"l": net.line, "t": net.trafo, "t3": net.trafo3w}
    et = draw(st.sampled_from(["b", *(code for code, frame in branches.items() if len(frame))]))
    if et == "b":
        return draw(some), draw(some), et, draw(st.booleans())
    frame = branches[et]
    element = draw(st.integers(0, len(frame) - 1))
    ends = [column for column in ("from_bus", "to_bus", "hv_bus", "mv_bus", "lv_bus") if column in frame]
    return int(frame.at[element, draw(st.sampled_from(ends))]), element, et, draw(st.booleans())
