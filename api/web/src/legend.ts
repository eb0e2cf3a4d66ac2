// The legend: the same colours and drawings as the map, for what this grid really has.
import { el } from "./dom";
import { voltageClass } from "./grid";
import { kilovolts } from "./numbers";
import { S } from "./strings";
import { swatch } from "./symbols";
import { COLOUR, LEVEL_COLOUR } from "./theme";

export function showLegend(place: HTMLElement, voltages: readonly number[], kinds: ReadonlySet<string>): void {
  const any = (...wanted: string[]): boolean => wanted.some((kind) => kinds.has(kind));
  const row = (sign: HTMLElement, text: string): HTMLElement => el("li", {}, sign, el("span", {}, text));
  const stroke = (colour: string, className = ""): HTMLElement =>
    el("i", { class: `stroke ${className}`, style: `--ink:${colour}`, "aria-hidden": "true" });
  const sign = (name: string): HTMLElement => {
    const drawn = swatch(name);
    drawn.setAttribute("aria-hidden", "true");
    return drawn;
  };
  place.replaceChildren(
    el(
      "details",
      { open: true },
      el("summary", {}, S.legend),
      el(
        "ul",
        {},
        ...voltages.map((kv) => row(stroke(LEVEL_COLOUR[voltageClass(kv)]), kilovolts(kv))),
        row(sign("substation"), S.legendSubstation),
        row(sign("transformer"), S.legendTransformer),
        any("breaker", "recloser") && row(sign("switch-closed"), S.legendBreaker),
        any("load_break_switch", "disconnector", "jumper") && row(sign("isolator-closed"), S.legendIsolator),
        any("fuse") && row(sign("fuse-closed"), S.legendFuse),
        row(sign("isolator-open"), S.legendOpen),
        row(stroke(COLOUR.customer, "dot"), S.legendCustomer),
        row(stroke(COLOUR.district, "area"), S.legendDistrict),
        row(stroke(COLOUR.dead), S.legendDead),
        row(stroke(COLOUR.out, "thick"), S.legendOut),
        row(sign("ring-device"), S.legendDevice),
        row(sign("switch-open-opened"), S.legendOpened),
      ),
    ),
  );
}
