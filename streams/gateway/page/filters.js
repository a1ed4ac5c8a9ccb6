// The row of filters above the list, and the chips that say which are on.

import { MANY } from "./address.js";
import { bdi, h, icon } from "./dom.js";
import { byName, countryName, isolated, languageName, say } from "./locale.js";

const RANGES = { all: null, "1h": 1, "6h": 6, "24h": 1, "72h": 3 }; // and the number in what each is called
const SORTS = ["last_seen", "growth"];

function fill(select, options, chosen) {
  const wanted = options.map(([value, text]) => `${value}\t${text}`).join("\n");
  if (select.dataset.options !== wanted && select !== document.activeElement) {
    select.dataset.options = wanted; // a list that somebody has open is not taken away from under the finger
    select.replaceChildren(...options.map(([value, text]) => h("option", { value }, text)));
  }
  select.value = chosen;
}

/** `change(patch, { replace })` gives the page a new state; `nameOf` calls sources and names by their names. */
export class Filters {
  constructor(page) {
    this.page = page;
    this.nodes = Object.fromEntries(
      ["range", "sort", "source", "country", "language", "several", "unread", "chosen", "q", "search"].map((id) => [
        id, document.getElementById(id),
      ]),
    );
    const { range, sort, several, q, search } = this.nodes;
    range.addEventListener("change", () => page.change({ range: range.value }));
    sort.addEventListener("change", () => page.change({ sort: sort.value }));
    several.addEventListener("change", () => page.change({ several: several.checked ? "1" : "" }));
    for (const name of ["source", "country", "language"]) {
      this.nodes[name].addEventListener("change", () => {
        const { value } = this.nodes[name];
        if (value) page.change({ [name]: [...new Set([...page.state[name], value])] });
      });
    }
    q.addEventListener("input", () => {
      clearTimeout(this.typing);
      this.typing = setTimeout(() => page.change({ q: q.value }, { replace: true }), 220);
    });
    search.addEventListener("submit", (event) => {
      event.preventDefault();
      clearTimeout(this.typing);
      page.change({ q: q.value });
    });
  }

  /** Show the state, with the choices that there are: sources [id], languages [code], countries [code]. */
  show(state, { sources, languages, countries }) {
    const { range, sort, source, country, language, several, q, chosen } = this.nodes;
    fill(range, Object.entries(RANGES).map(([each, number]) => [each, say(`ranges.${each}`, number)]), state.range);
    fill(sort, SORTS.map((each) => [each, say(`sorts.${each}`)]), state.sort);
    const inOrder = (values, name) =>
      values.map((each) => [each, name(each)]).sort((a, b) => byName(a[1], b[1]));
    fill(source, [["", say("anySource")], ...inOrder(sources, this.page.nameOf)], "");
    fill(language, [["", say("anyLanguage")], ...inOrder(languages, languageName)], "");
    fill(country, [["", say("anyCountry")], ...inOrder(countries, countryName)], "");
    country.hidden = countries.length === 0;
    several.checked = Boolean(state.several);
    if (q !== document.activeElement) q.value = state.q;
    this.chips(chosen, state);
  }

  chips(node, state) {
    const calls = { source: this.page.nameOf, language: languageName, country: countryName, entity: this.page.entityName,
      relation: (kind) => say(`kinds.${kind}`), group: (name) => name };
    const on = MANY.flatMap((name) => state[name].map((value) => [name, value, calls[name](value)]));
    if (node.dataset.on === JSON.stringify(on)) return; // somebody's focus may stand on one
    node.dataset.on = JSON.stringify(on);
    const chips = on.map(([name, value, text]) => h("li", {}, h("button.chip.on", {
      type: "button", "aria-label": say("remove", isolated(text)),
      onclick: () => this.page.change({ [name]: state[name].filter((each) => each !== value) }),
    }, h("small", {}, `${say(name === "relation" ? "filters" : name)} `), bdi(text), icon("close"))));
    if (chips.length > 1) {
      const nothing = Object.fromEntries(MANY.map((name) => [name, []]));
      chips.push(h("li", {}, h("button.plain.small", { type: "button", onclick: () => this.page.change(nothing) }, say("clear"))));
    }
    node.replaceChildren(...chips);
  }
}
