// The list of open outage records, and what can be done with one.
import { el } from "./dom";
import { count, moment } from "./numbers";
import { S } from "./strings";
import type { Outage } from "./wire";

export interface RecordActions {
  show: (outage: Outage) => void;
  restored: (outage: Outage) => void;
}

export function showRecords(place: HTMLElement, outages: readonly Outage[], actions: RecordActions): void {
  const focused = document.activeElement instanceof HTMLElement ? document.activeElement.dataset["action"] : undefined;
  place.replaceChildren(
    el("h2", {}, S.openOutages, " ", el("span", { class: "badge" }, count(outages.length))),
    outages.length === 0 ? el("p", { class: "quiet" }, S.noOpenOutages) : el("ol", { class: "records" }, ...outages.map(item)),
  );
  if (focused !== undefined) place.querySelector<HTMLElement>(`[data-action="${CSS.escape(focused)}"]`)?.focus();

  function item(outage: Outage): HTMLElement {
    const { affected } = outage.assessment;
    const devices = [...outage.out, ...outage.faults];
    return el(
      "li",
      { "data-outage": outage.id },
      el(
        "div",
        { class: "line" },
        el("b", {}, outage.id),
        el("span", { class: `kind ${outage.kind}` }, outage.kind === "planned" ? S.planned : S.unplanned),
        el("span", { class: "sum" }, `${count(affected.customers)} ${affected.customers === 1 ? S.customer : S.customers}`),
      ),
      el(
        "div",
        { class: "quiet" },
        `${devices.slice(0, 3).join(", ")}${devices.length > 3 ? " …" : ""} · ${S.since} ${moment(outage.started_at)}`,
        outage.cause === "" ? "" : ` · ${outage.cause}`,
      ),
      el(
        "div",
        { class: "line" },
        el("button", { class: "link", "data-action": `show ${outage.id}`, onclick: () => actions.show(outage) }, S.show),
        el("a", { href: outage.customers_csv_url, download: true }, "CSV"),
        el(
          "button",
          { class: "link", "data-action": `restored ${outage.id}`, onclick: () => actions.restored(outage) },
          S.restored,
        ),
      ),
    );
  }
}
