"""The rules by name, and what a finding is.

Severities: `error`, the data contradicts itself or a customer is not supplied; `warning`, probably not
meant; `info`, worth knowing.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

Severity = Literal["error", "warning", "info"]
SEVERITIES: tuple[Severity, ...] = ("error", "warning", "info")


@dataclass(frozen=True, slots=True)
class Rule:
    """One thing that is looked for; `title` is what a report says of all its findings together."""

    name: str
    severity: Severity
    title: str


RULES: dict[str, Rule] = {
    rule.name: rule
    for rule in (
        Rule("unknown_reference", "error", "refers to an element that no loaded county has"),
        Rule("unsupplied_customer", "error", "customer without supply in the normal state"),
        Rule("phase_never_present", "error", "customer on a phase that cannot reach its node"),
        Rule("voltage_mismatch", "error", "ends, or the element and an end, are of different voltages"),
        Rule("island", "warning", "part that no source can reach, whatever is switched"),
        Rule("unsupplied_part", "warning", "part without supply in the normal state"),
        Rule("unsupplied_now", "warning", "part without supply in the current state only"),
        Rule("customer_out_now", "warning", "customer without supply in the current state only"),
        Rule("isolated_node", "warning", "node without any element"),
        Rule("loop", "warning", "lies on a loop in the normal state"),
        Rule("self_loop", "warning", "begins and ends at the same node"),
        Rule("zero_length", "warning", "line without length"),
        Rule("length_mismatch", "warning", "length_m differs from the length as drawn"),
        Rule("drawn_backwards", "warning", "drawn from to_node to from_node"),
        Rule("end_far_from_node", "warning", "line drawn to end far from its node"),
        Rule("transformer_sides", "warning", "from_node is not the high side"),
        Rule(
            "customer_without_district", "warning", "customer whose district is not given and not traceable"
        ),
        Rule("over_contracted", "warning", "customers contract for more than the transformer's rating"),
        Rule("reservation_without_place", "warning", "place of a reservation that no loaded county has"),
        Rule("parallel", "info", "joins the same two nodes as another element"),
        Rule("switch_not_normal", "info", "switch that does not stand as it normally does"),
        Rule("missing_value", "info", "rating or impedance that is not known"),
    )
}


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing found; `id` is None where it is said of a whole county. `geometry` is GeoJSON or None."""

    rule: str
    county_code: str
    layer: str
    id: str | None
    message: str
    geometry: dict[str, Any] | None

    @property
    def severity(self) -> Severity:
        """The severity of its rule."""
        return RULES[self.rule].severity

    def as_dict(self) -> dict[str, Any]:
        """The finding for a JSON report."""
        return {
            "rule": self.rule,
            "severity": self.severity,
            "county_code": self.county_code,
            "layer": self.layer,
            "id": self.id,
            "message": self.message,
            "geometry": self.geometry,
        }

    def as_feature(self) -> dict[str, Any]:
        """The finding as a GeoJSON feature."""
        properties = self.as_dict()
        return {"type": "Feature", "geometry": properties.pop("geometry"), "properties": properties}
