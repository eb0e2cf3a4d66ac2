// The panel beside the map: what was asked, who loses supply, and the form that opens an outage record.
import type { NewRecord } from "./business";
import { el } from "./dom";
import type { Mode } from "./engine";
import { nameOf, type Found, type Grid } from "./grid";
import { amount, clock, count, kilovolts, sumOf, versions } from "./numbers";
import { GRADES, LAYER_NAMES, S, SWITCH_KINDS } from "./strings";
import type { Affected, ImpactCustomer, ImpactDistrict, OutageDetail } from "./wire";

const MOST_ROWS = 100;

export interface Summary {
  affected: Affected;
  by_county: Record<string, Affected>;
  districts: readonly ImpactDistrict[];
  customers: readonly ImpactCustomer[];
  opened: readonly string[];
  grid_version: Record<string, number>;
  as_of: string;
  partial: boolean;
  missing_counties: readonly string[];
}

export interface PanelActions {
  go: (id: string) => void;
  clear: () => void;
  pick: (found: Found) => void;
  open: (form: Pick<NewRecord, "kind" | "cause" | "expected">) => Promise<OutageDetail>;
}

export class Panel {
  constructor(
    private readonly place: HTMLElement,
    private readonly grid: Grid,
    private readonly actions: PanelActions,
  ) {
    this.hint();
  }

  hint(): void {
    this.place.replaceChildren(el("div", { class: "hint" }, el("h2", {}, S.hintTitle), el("p", {}, S.hintText)));
  }

  /** The asked device, while the engine thinks. */
  asking(found: Found, mode: Mode, others: readonly Found[]): void {
    this.place.replaceChildren(
      this.heading(found, mode),
      el("p", { class: "busy", role: "status" }, S.asking),
      this.alsoHere(others) ?? "",
    );
  }

  /** An element that cannot be taken out: only what is known of it. */
  about(found: Found, others: readonly Found[]): void {
    this.place.replaceChildren(
      this.heading(found, null),
      el("p", { class: "quiet" }, S.notADevice),
      this.alsoHere(others) ?? "",
      this.clearButton(),
    );
  }

  failed(found: Found, mode: Mode, sentence: string, again: () => void): void {
    this.place.replaceChildren(
      this.heading(found, mode),
      el("p", { class: "warning", role: "alert" }, sentence),
      el("div", { class: "actions" }, el("button", { class: "primary", onclick: again }, S.retry), this.clearButton()),
    );
  }

  impact(found: Found, mode: Mode, others: readonly Found[], summary: Summary): void {
    this.place.replaceChildren(
      this.heading(found, mode),
      ...this.sums(summary),
      this.recordForm(),
      this.alsoHere(others) ?? "",
      ...this.lists(summary),
      this.source(summary),
    );
  }

  record(outage: OutageDetail, summary: Summary): void {
    const devices = [...outage.out, ...outage.faults];
    this.place.replaceChildren(
      el(
        "div",
        { class: "asked" },
        el("small", {}, outage.kind === "planned" ? S.planned : S.unplanned),
        el("h2", {}, S.recordShown(outage.id)),
        el("p", { class: "quiet" }, outage.cause),
        el(
          "p",
          { class: "devices" },
          outage.faults.length > 0 ? S.recordFaults : S.recordOut,
          ...devices.slice(0, 20).map((id) => this.link(id)),
        ),
      ),
      ...this.sums(summary),
      el(
        "div",
        { class: "actions" },
        el("a", { class: "button", href: outage.customers_csv_url, download: true }, S.csv),
        this.clearButton(),
      ),
      ...this.lists(summary),
      this.source(summary),
    );
  }

  private heading(found: Found, mode: Mode | null): HTMLElement {
    const { layer, id, feature } = found;
    const p = feature.properties;
    const kv = this.grid.voltage(layer, feature);
    const facts: [string, string][] = [];
    const fact = (name: string, value: unknown, unit = ""): void => {
      if (typeof value === "number") facts.push([name, `${amount(value)}${unit}`]);
      else if (typeof value === "string" && value !== "") facts.push([name, value]);
    };
    if (kv !== undefined) facts.push([S.voltage, kilovolts(kv)]);
    if (layer === "switch") {
      const position = p["open"] === true ? S.open : S.closed;
      facts.push([S.state, p["normal_open"] === true ? `${position} (${S.normallyOpen})` : position]);
      fact(S.feeder, p["feeder_id"]);
    }
    fact(S.construction, p["construction"]);
    fact(S.length, p["length_m"], " m");
    fact(S.rating, p["rated_kva"], " kVA");
    fact(S.class, p["customer_class"]);
    fact(S.grade, p["critical_grade"]);
    fact(S.contracted, p["contracted_kva"], " kVA");
    fact(S.county, p["county_code"]);
    const kind = layer === "switch" ? (SWITCH_KINDS[String(p["kind"])] ?? LAYER_NAMES.switch.one) : LAYER_NAMES[layer].one;
    return el(
      "div",
      { class: "asked" },
      el("small", {}, mode === null ? kind : `${kind} · ${mode === "out" ? S.modeOut : S.modeFault}`),
      el("h2", {}, nameOf(feature)),
      nameOf(feature) === id ? null : el("code", {}, id),
      el("dl", { class: "facts" }, ...facts.flatMap(([name, value]) => [el("dt", {}, name), el("dd", {}, value)])),
    );
  }

  private sums(summary: Summary): HTMLElement[] {
    const { affected } = summary;
    const critical = sumOf(affected.critical);
    const grades = Object.entries(affected.critical)
      .filter(([, n]) => n > 0)
      .map(([grade, n]) => `${count(n)} ${GRADES[grade] ?? grade}`)
      .join(", ");
    const tile = (id: string, value: string, text: string, alarm: boolean, title = ""): HTMLElement =>
      el(
        "div",
        { class: `tile${alarm ? " alarm" : ""}`, id: `sum-${id}`, title },
        el("b", {}, value),
        el("span", {}, text),
      );
    return [
      ...(summary.partial ? [el("p", { class: "warning", role: "alert" }, S.partial(summary.missing_counties.join(", ")))] : []),
      el(
        "div",
        { class: "tiles", role: "group" },
        tile("customers", count(affected.customers), S.customers, affected.customers > 0),
        tile("critical", count(critical), grades === "" ? S.critical : `${S.critical}: ${grades}`, critical > 0, grades),
        tile("districts", count(affected.transformer_districts), S.districts, false),
        tile("kva", amount(affected.contracted_kva), S.kva, false),
      ),
      ...(affected.customers === 0 ? [el("p", { class: "calm" }, S.nobody)] : []),
    ];
  }

  private lists(summary: Summary): HTMLElement[] {
    const parts: HTMLElement[] = [];
    if (summary.opened.length > 0) {
      parts.push(
        section(
          S.openedByProtection,
          el("p", { class: "devices" }, ...summary.opened.map((id) => this.link(id))),
        ),
      );
    }
    const counties = Object.entries(summary.by_county).filter(([, sums]) => sums.customers > 0);
    if (counties.length > 0) {
      parts.push(
        section(
          S.byCounty,
          table(
            [S.county, S.customersHead, "kVA"],
            counties.map(([code, sums]) => [this.countyName(code), count(sums.customers), amount(sums.contracted_kva)]),
          ),
        ),
      );
    }
    if (summary.districts.length > 0) {
      parts.push(
        section(
          S.byDistrict,
          table(
            [S.district, S.customersHead, "kVA"],
            summary.districts
              .slice(0, MOST_ROWS)
              .map((one) => [
                this.link(one.id, one.name ?? one.id),
                S.affectedOf(count(one.customers), count(one.customers_total)),
                amount(one.contracted_kva),
              ]),
          ),
          moreThan(summary.districts.length),
        ),
      );
    }
    if (summary.customers.length > 0) {
      parts.push(
        section(
          `${S.customerList} (${count(summary.customers.length)})`,
          table(
            [S.id, S.class, "kVA"],
            summary.customers
              .slice(0, MOST_ROWS)
              .map((one) => [
                this.link(one.id),
                one.critical_grade === null ? one.customer_class : `${one.customer_class}, ${GRADES[one.critical_grade]}`,
                amount(one.contracted_kva),
              ]),
          ),
          moreThan(summary.customers.length),
        ),
      );
    }
    return parts;
  }

  private recordForm(): HTMLElement {
    const kind = el(
      "select",
      { name: "kind", "aria-label": S.kind },
      el("option", { value: "unplanned" }, S.unplanned),
      el("option", { value: "planned" }, S.planned),
    );
    const cause = el("input", { name: "cause", type: "text", maxlength: 200, placeholder: S.causePlaceholder });
    const expected = el("input", { name: "expected", type: "datetime-local" });
    const submit = el("button", { class: "primary", type: "submit", id: "open-record" }, S.openRecord);
    const outcome = el("div", { class: "outcome", role: "status", id: "record-outcome" });
    const send = async (): Promise<void> => {
      submit.disabled = true;
      submit.textContent = S.openingRecord;
      outcome.replaceChildren();
      try {
        const outage = await this.actions.open({
          kind: kind.value as "planned" | "unplanned",
          cause: cause.value,
          expected: expected.value === "" ? null : new Date(expected.value).toISOString(),
        });
        form.classList.add("done");
        outcome.replaceChildren(
          el("b", {}, S.recordOpened(outage.id)),
          " ",
          el("a", { href: outage.customers_csv_url, download: true }, S.csv),
        );
      } catch (error) {
        submit.disabled = false;
        outcome.replaceChildren(el("span", { class: "warning", role: "alert" }, (error as Error).message));
      }
      submit.textContent = S.openRecord;
    };
    const form = el(
      "form",
      {
        class: "record",
        onsubmit: (event) => {
          event.preventDefault();
          void send();
        },
      },
      el("label", {}, S.kind, kind),
      el("label", {}, S.cause, cause),
      el("label", {}, S.expected, expected),
      el("div", { class: "actions" }, submit, this.clearButton()),
      outcome,
    );
    return form;
  }

  private source(summary: Summary): HTMLElement {
    return el(
      "p",
      { class: "quiet source" },
      `${S.gridVersion} ${versions(summary.grid_version)}, ${S.asOf} ${clock(summary.as_of)}`,
    );
  }

  private alsoHere(others: readonly Found[]): HTMLElement | null {
    if (others.length === 0) return null;
    return section(
      S.alsoHere,
      el(
        "p",
        { class: "devices" },
        ...others.map((other) =>
          el(
            "button",
            { class: "link", onclick: () => this.actions.pick(other) },
            `${LAYER_NAMES[other.layer].one} ${nameOf(other.feature)}`,
          ),
        ),
      ),
    );
  }

  private clearButton(): HTMLElement {
    return el("button", { type: "button", class: "clear", onclick: () => this.actions.clear() }, S.clear);
  }

  private link(id: string, text = id): HTMLElement {
    return el("button", { class: "link", type: "button", onclick: () => this.actions.go(id) }, text);
  }

  private countyName(code: string): string {
    const county = this.grid.get("county", code);
    return county === undefined ? code : `${nameOf(county)} (${code})`;
  }
}

function section(title: string, ...children: (HTMLElement | null)[]): HTMLElement {
  return el("section", {}, el("h3", {}, title), ...children);
}

function moreThan(total: number): HTMLElement | null {
  return total > MOST_ROWS ? el("p", { class: "quiet" }, S.more(count(total - MOST_ROWS))) : null;
}

function table(heads: readonly string[], rows: readonly (readonly (string | HTMLElement)[])[]): HTMLElement {
  return el(
    "table",
    {},
    el("thead", {}, el("tr", {}, ...heads.map((head) => el("th", { scope: "col" }, head)))),
    el("tbody", {}, ...rows.map((row) => el("tr", {}, ...row.map((cell) => el("td", {}, cell))))),
  );
}
