// Search by id or name: a combobox (WAI-ARIA pattern) over what the map holds.
import { el } from "./dom";
import { nameOf, type Found, type Grid } from "./grid";
import { LAYER_NAMES, S } from "./strings";

const MOST = 10;

export function searchBox(grid: Grid, choose: (found: Found) => void): HTMLElement {
  const list = el("ul", { id: "found", role: "listbox", "aria-label": S.searchLabel, hidden: true });
  const input = el("input", {
    id: "search",
    type: "search",
    role: "combobox",
    autocomplete: "off",
    spellcheck: "false",
    placeholder: S.searchPlaceholder,
    "aria-label": S.searchLabel,
    "aria-expanded": "false",
    "aria-controls": "found",
    "aria-autocomplete": "list",
  });
  let found: Found[] = [];
  let active = -1;

  const close = (): void => {
    list.hidden = true;
    input.setAttribute("aria-expanded", "false");
    input.removeAttribute("aria-activedescendant");
    active = -1;
  };
  const take = (index: number): void => {
    const chosen = found[index];
    if (chosen === undefined) return;
    input.value = chosen.id;
    close();
    input.blur();
    choose(chosen);
  };
  const mark = (index: number): void => {
    active = found.length === 0 ? -1 : (index + found.length) % found.length;
    [...list.children].forEach((item, place) => item.setAttribute("aria-selected", String(place === active)));
    if (active >= 0) input.setAttribute("aria-activedescendant", `found-${active}`);
    list.children[active]?.scrollIntoView({ block: "nearest" });
  };
  const show = (): void => {
    found = grid.search(input.value, MOST);
    list.replaceChildren(
      ...found.map((one, index) =>
        el(
          "li",
          {
            id: `found-${index}`,
            role: "option",
            "aria-selected": "false",
            onmousedown: (event) => {
              event.preventDefault();
              take(index);
            },
          },
          el("b", {}, one.id),
          el("span", {}, nameOf(one.feature) === one.id ? "" : nameOf(one.feature)),
          el("em", {}, LAYER_NAMES[one.layer].one),
        ),
      ),
    );
    if (found.length === 0 && input.value.trim() !== "") {
      list.replaceChildren(el("li", { class: "none", "aria-disabled": "true" }, S.searchNone));
    }
    list.hidden = input.value.trim() === "";
    input.setAttribute("aria-expanded", String(!list.hidden));
    mark(0);
  };

  input.addEventListener("input", show);
  input.addEventListener("focus", () => {
    if (input.value.trim() !== "") show();
  });
  input.addEventListener("blur", close);
  input.addEventListener("keydown", (event) => {
    if (event.key === "ArrowDown") mark(active + 1);
    else if (event.key === "ArrowUp") mark(active - 1);
    else if (event.key === "Enter") {
      if (list.hidden) show();
      take(Math.max(active, 0));
    } else if (event.key === "Escape") {
      if (list.hidden) input.value = "";
      close();
    } else return;
    event.preventDefault();
    event.stopPropagation();
  });
  return el("div", { id: "finder", role: "search" }, input, list);
}
