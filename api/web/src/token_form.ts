// The form over the map that takes a token from a person, and the button that forgets it.
import { el } from "./dom";
import { S } from "./strings";
import { tokenIn, type AskForToken, type Tokens } from "./token";

/** Shows the form in `place` until there is something that can be a token. */
export function tokenForm(place: HTMLElement, forget: HTMLElement): AskForToken {
  return (sentence) =>
    new Promise((resolve) => {
      const token = el("input", { name: "token", type: "password", autocomplete: "off", spellcheck: "false", required: true });
      const outcome = el("div", { class: "outcome", role: "alert" }, sentence === "" ? "" : el("span", { class: "warning" }, sentence));
      const use = (event: Event): void => {
        event.preventDefault();
        const found = tokenIn(token.value);
        if (found === null) {
          outcome.replaceChildren(el("span", { class: "warning" }, S.tokenMalformed));
          return;
        }
        place.hidden = true;
        place.replaceChildren();
        forget.hidden = false;
        resolve(found);
      };
      place.replaceChildren(
        el(
          "form",
          { id: "token-form", onsubmit: use },
          el("h2", {}, S.tokenTitle),
          el("p", { class: "quiet" }, S.tokenHint),
          el("label", {}, S.tokenLabel, token),
          el("div", { class: "actions" }, el("button", { class: "primary", type: "submit" }, S.tokenUse)),
          outcome,
        ),
      );
      place.hidden = false;
      token.focus();
    });
}

/** The button that takes the token from this tab and shows the page as to a stranger. */
export function forgetButton(tokens: Tokens): HTMLElement {
  const forget = (): void => {
    tokens.write("");
    location.reload();
  };
  const button = el("button", { id: "forget-token", onclick: forget }, S.tokenForget);
  button.hidden = tokens.read() === "";
  return button;
}
