// A new connection: a place on the map becomes an application, the engine's schemes for it, and one that is accepted.
import { acceptScheme, askSchemes, freshKey, newApplication } from "./business";
import { el } from "./dom";
import { amount, count } from "./numbers";
import { S } from "./strings";
import type { Application, Pair, Scheme } from "./wire";
import type { FeatureCollection, Position } from "geojson";

/** One choice of an answer: a scheme, or a pair of them. */
interface Choice {
  rank: number;
  cost: number;
  schemes: readonly Scheme[];
}

export interface ConnectActions {
  draw: (features: FeatureCollection) => void;
  clear: () => void;
}

export class Connect {
  private point: Position = [0, 0];

  constructor(
    private readonly place: HTMLElement,
    private readonly actions: ConnectActions,
  ) {}

  hint(): void {
    this.place.replaceChildren(el("div", { class: "hint" }, el("h2", {}, S.connectTitle), el("p", {}, S.connectHint)));
  }

  /** The form for a place. */
  at(point: Position): void {
    this.point = point;
    this.actions.draw(routesOf(point, []));
    const name = el("input", { name: "applicant", type: "text", maxlength: 200, required: true });
    const kva = el("input", { name: "kva", type: "number", min: "0.1", step: "any", value: "10", required: true });
    const supplies = el("select", { name: "supplies" }, el("option", { value: "1" }, "1"), el("option", { value: "2" }, "2"));
    const who = el("input", { name: "who", type: "text", maxlength: 100, required: true });
    const submit = el("button", { class: "primary", type: "submit", id: "ask-schemes" }, S.askSchemes);
    const outcome = el("div", { class: "outcome", role: "status", id: "schemes-outcome" });
    const key = freshKey();
    const send = async (): Promise<void> => {
      submit.disabled = true;
      outcome.replaceChildren(el("span", { class: "busy" }, S.asking));
      try {
        const made = await newApplication({
          applicant: name.value,
          point: this.point,
          kva: Number(kva.value),
          supplies: Number(supplies.value),
          who: who.value,
          key,
        });
        this.schemes(await askSchemes(made.id, who.value), who.value);
      } catch (error) {
        submit.disabled = false;
        outcome.replaceChildren(el("span", { class: "warning", role: "alert" }, (error as Error).message));
      }
    };
    this.place.replaceChildren(
      el("div", { class: "asked" }, el("small", {}, S.modeConnect), el("h2", {}, S.connectTitle), el("code", {}, point.map((one) => one.toFixed(5)).join(", "))),
      el(
        "form",
        {
          class: "record",
          onsubmit: (event) => {
            event.preventDefault();
            void send();
          },
        },
        el("label", {}, S.applicant, name),
        el("label", {}, S.wantedKva, kva),
        el("label", {}, S.supplies, supplies),
        el("label", {}, S.decidedBy, who),
        el("div", { class: "actions" }, submit, this.clearButton()),
        outcome,
      ),
    );
    name.focus();
  }

  /** The latest answer of an application: its routes on the map, and a button that accepts each. */
  schemes(application: Application, who: string, refused = ""): void {
    const answer = application.scheme_answers[application.scheme_answers.length - 1]?.answer;
    const choices: Choice[] =
      application.supplies === 2
        ? (answer?.pairs ?? []).map((one: Pair) => ({ rank: one.rank, cost: one.cost, schemes: one.supplies }))
        : (answer?.schemes ?? []).map((one) => ({ rank: one.rank, cost: one.cost.total, schemes: [one] }));
    this.actions.draw(routesOf(this.point, choices));
    const again = async (): Promise<void> => {
      try {
        this.schemes(await askSchemes(application.id, who), who);
      } catch (error) {
        this.schemes(application, who, (error as Error).message);
      }
    };
    const accept = async (choice: Choice): Promise<void> => {
      for (const button of this.place.querySelectorAll("button")) button.disabled = true;
      try {
        this.accepted(await acceptScheme(application.id, choice.rank, who), choice);
      } catch (error) {
        this.schemes(application, who, (error as Error).message);
      }
    };
    const item = (choice: Choice): HTMLElement =>
      el(
        "li",
        {
          "data-rank": choice.rank,
          onmouseenter: () => this.actions.draw(routesOf(this.point, choices, choice.rank)),
          onmouseleave: () => this.actions.draw(routesOf(this.point, choices)),
        },
        el(
          "div",
          { class: "line" },
          el("b", {}, S.rank(count(choice.rank))),
          el("span", { class: "quiet" }, choice.schemes.map((one) => `${one.attach.kind.replace("_", " ")} ${one.attach.id}`).join(" + ")),
          el("span", { class: "cost" }, `${count(choice.cost)} ${choice.schemes[0]?.cost.currency ?? ""}`),
        ),
        ...choice.schemes.map((one) =>
          el("div", { class: "quiet" }, `${one.conductor} · ${amount(one.route.length_m)} m · ${S.drop} ${amount(one.voltage.level_drop_percent ?? one.voltage.drop_percent)} %`),
        ),
        el(
          "div",
          { class: "actions" },
          el("button", { class: "primary", type: "button", onclick: () => void accept(choice) }, S.accept),
        ),
      );
    this.place.replaceChildren(
      el("div", { class: "asked" }, el("small", {}, S.modeConnect), el("h2", {}, S.applicationNumber(application.id)), el("p", { class: "quiet" }, `${amount(application.kva)} kVA · ${application.applicant.name}`)),
      refused === "" ? "" : el("p", { class: "warning", role: "alert" }, refused),
      choices.length === 0
        ? el("p", { class: "warning", role: "alert" }, application.supplies === 2 && answer?.no_pairs ? answer.no_pairs.detail : S.noSchemes)
        : el("ol", { class: "records schemes", id: "schemes" }, ...choices.map(item)),
      el(
        "div",
        { class: "actions" },
        el("button", { type: "button", onclick: () => void again() }, S.askAgain),
        this.clearButton(),
      ),
    );
  }

  private accepted(application: Application, choice: Choice): void {
    this.actions.draw(routesOf(this.point, [choice], choice.rank));
    this.place.replaceChildren(
      el("div", { class: "asked" }, el("small", {}, S.modeConnect), el("h2", {}, S.applicationNumber(application.id))),
      el("p", { class: "calm", id: "accepted" }, S.reserved(count(application.reservation_id ?? 0), amount(application.kva))),
      el("div", { class: "actions" }, this.clearButton()),
    );
  }

  private clearButton(): HTMLElement {
    return el("button", { type: "button", class: "clear", onclick: () => this.actions.clear() }, S.clear);
  }
}

/** The customer's place and the routes of some choices; `chosen` is drawn stronger. */
export function routesOf(point: Position, choices: readonly Choice[], chosen = 0): FeatureCollection {
  const lines = choices.flatMap((choice) =>
    choice.schemes.map((one) => ({
      type: "Feature" as const,
      geometry: one.route.geometry,
      properties: { chosen: choice.rank === chosen || (chosen === 0 && choice.rank === 1) },
    })),
  );
  const here = { type: "Feature" as const, geometry: { type: "Point" as const, coordinates: point }, properties: {} };
  return { type: "FeatureCollection", features: [...lines, here] };
}
