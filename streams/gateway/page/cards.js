// The list of stories: one card each, changed in place, in an order that holds still while somebody reads.

import { bdi, h, icon, place, quoted, setText, shape } from "./dom.js";
import { ago, datedWhole, direction, isolated, language, say, tamed } from "./locale.js";
import { curve, growth, latestOf } from "./newsroom.js";

const SOURCES = 4; // named on a card
const LIT = 3; // new cards that light up together; where everything is new, light says nothing, and costs
const PAGE = 30; // cards; more on demand

function sparkline(bars) {
  const top = Math.max(3, ...bars);
  const d = bars.map((value, index) => {
    const height = value === 0 ? 0.6 : (value / top) * 14;
    return `M${index * 5} 16v${-height}h3.6v${height}Z`;
  });
  return d.join("");
}

class Card {
  constructor(list, id) {
    this.list = list;
    this.id = id;
    this.age = h("time.age");
    this.flags = h("span.flags");
    this.link = h("a", { href: list.hrefOf(id), "data-open": id });
    this.headline = h("h3.headline", {}, this.link);
    this.latest = h("p.latest");
    this.sources = h("span.sources");
    this.counts = h("span.counts");
    this.grown = h("span.grown");
    this.spark = shape("", "0 0 60 16");
    this.spark.classList.add("spark");
    this.menu = h("button.plain.menu", { type: "button", "aria-haspopup": "menu", "aria-label": say("menu") }, icon("more"));
    this.menu.addEventListener("click", () => list.askMenu(this.id, this.menu));
    this.node = h("li.card", { "data-id": id },
      h("div.over", {}, this.flags, this.age, this.menu),
      this.headline, this.latest,
      h("div.under", {}, this.sources, h("span.figures", {}, this.counts, this.grown, this.spark)));
  }

  show(story, now) {
    this.story = story;
    this.title(story);
    this.marks(story);
    this.last(story);
    this.told(story);
    this.times(now);
  }

  title(story) {
    const { text, untitled } = this.list.headline(story);
    const code = text === null ? language : story.language;
    setText(this.link, tamed(text ?? say("untitled")));
    this.headline.dir = direction(code);
    if (code) this.headline.lang = code;
    this.untitled = untitled && text !== null;
    this.headline.classList.toggle("untitled", untitled);
  }

  marks(story) {
    const read = this.list.read.of(story.id);
    const unread = !this.list.read.has(story);
    this.node.classList.toggle("unread", unread);
    this.node.classList.toggle("wide", story.sources.length >= 4);
    const flags = [];
    if (unread) flags.push(h("span.dot", { role: "img", "aria-label": say("unread"), title: say("unread") }));
    if (this.untitled) flags.push(h("span.flag.none", {}, say("untitled")));
    for (const alert of this.list.alertsOf(story.id)) {
      if (alert.breaking) flags.push(h("span.flag.breaking", { lang: "ar" }, say("breaking")));
      if (alert.burst) flags.push(h("span.flag.burst", { lang: "ar" }, say("burst")));
    }
    const change = this.list.visit.changeOf(story);
    if (change) flags.push(h("span.flag", {}, say(change === "new" ? "isNew" : "changed")));
    if (read !== undefined && story.articles > read.articles) {
      flags.push(h("span.flag", {}, say("sinceRead", story.articles - read.articles)));
    }
    this.flags.replaceChildren(...flags);
  }

  last(story) {
    const latest = story.articles > 1 ? latestOf(story) : null;
    if (latest === null) {
      this.latest.replaceChildren();
      return;
    }
    const title = latest.title && latest.title !== story.headline ? latest.title : null;
    this.latest.replaceChildren(
      h("span.label", {}, say("latest")), " ", h("b", {}, bdi(this.list.nameOf(latest.source))), " ",
      title ? quoted("span.other", title, story.language) : say(`kinds.${latest.kind}`));
  }

  told(story) {
    const names = story.sources.slice(0, SOURCES).flatMap((each, index) => [
      index ? say("and") : "", bdi(this.list.nameOf(each.source)),
    ]);
    const rest = story.sources.length - SOURCES;
    this.sources.replaceChildren(...names, rest > 0 ? ` ${say("moreSources", rest)}` : "");
    const parts = [say("articles", story.articles)];
    if (story.distinct_texts > 1) parts.push(say("own", story.distinct_texts));
    setText(this.counts, parts.join(say("and")));
  }

  times(now) {
    const story = this.story;
    const age = ago(story.at, now);
    if (this.age.textContent !== age) {
      this.age.textContent = age;
      this.age.dateTime = story.last_seen_at;
      this.age.title = datedWhole(story.at);
    }
    const grown = growth(story, now);
    setText(this.grown, grown > 1 ? say("grown", grown) : "");
    this.node.classList.toggle("growing", grown > 2);
    const d = story.articles > 1 ? sparkline(curve(story, now)) : "";
    if (this.drawn !== d) {
      this.drawn = d;
      this.spark.firstChild.setAttribute("d", d);
      this.spark.toggleAttribute("hidden", d === "");
    }
  }
}

/** What the list asks of the page is given at once: `read`, `visit`, `nameOf`, `headline`, `alertsOf`, `hrefOf`, `askMenu`. */
export class Cards {
  constructor(node, page) {
    Object.assign(this, page);
    this.node = node;
    this.cards = new Map();
    this.limit = PAGE;
    this.fresh = false; // whether new cards light up: not those of the first look
  }

  more() {
    this.limit += PAGE;
  }

  reset() {
    this.limit = PAGE;
    this.fresh = false;
  }

  /** Show these stories in this order; those in `changed`, and new ones, are drawn anew. */
  show(stories, changed, now) {
    const nodes = [];
    const shown = new Set();
    const fresh = [];
    for (const story of stories.slice(0, this.limit)) {
      let card = this.cards.get(story.id);
      if (card === undefined) {
        card = new Card(this, story.id);
        this.cards.set(story.id, card);
        card.show(story, now);
        fresh.push(card.node);
      } else if (changed === null || changed.has(story.id) || card.story !== story) {
        card.show(story, now);
      }
      shown.add(story.id);
      nodes.push(card.node);
    }
    place(this.node, nodes);
    for (const id of this.cards.keys()) if (!shown.has(id)) this.cards.delete(id);
    if (this.fresh && fresh.length <= LIT) for (const node of fresh) node.classList.add("fresh");
    this.fresh = true;
  }

  /** Ages and growth go on without events, and no alert stays new. */
  tick(now) {
    for (const card of this.cards.values()) {
      card.times(now);
      card.marks(card.story);
    }
  }

  /** Draw one card anew where it stands: its words have come. */
  redraw(id, now) {
    const card = this.cards.get(id);
    card?.show(card.story, now);
  }

  /** Draw the marks of one card anew, wherever it stands: the story was read, or an alert told of it. */
  remark(id) {
    const card = this.cards.get(id);
    if (card) card.marks(card.story);
  }

  select(id) {
    for (const card of this.cards.values()) {
      const open = card.id === id;
      card.node.classList.toggle("open", open);
      if (open) card.link.setAttribute("aria-current", "true");
      else card.link.removeAttribute("aria-current");
    }
  }

  /** The link of the card that stands so many places after the one with the focus, or with that id. */
  step(by, id) {
    const links = [...this.node.querySelectorAll("a[data-open]")];
    const from = links.findIndex((link) => link === document.activeElement || link.dataset.open === id);
    return links[from < 0 ? 0 : Math.min(links.length - 1, Math.max(0, from + by))] ?? null;
  }
}

/** A small menu at a button; Escape and a click elsewhere close it. */
export function menu(button, entries) {
  const popup = h("div.popup", { role: "menu" });
  const card = button.closest(".card");
  const close = (focus) => {
    popup.remove();
    card.classList.remove("asked");
    document.removeEventListener("pointerdown", outside, true);
    if (focus) button.focus();
  };
  const outside = (event) => popup.contains(event.target) || close(false);
  for (const [text, act] of entries) {
    popup.append(h("button.plain", { type: "button", role: "menuitem", onclick: () => { close(true); act(); } }, text));
  }
  popup.addEventListener("keydown", (event) => {
    const items = [...popup.children];
    const at = items.indexOf(document.activeElement);
    if (event.key === "Escape") close(true);
    else if (event.key === "ArrowDown") items[(at + 1) % items.length].focus();
    else if (event.key === "ArrowUp") items[(at - 1 + items.length) % items.length].focus();
    else if (event.key === "Tab") close(false);
    else return;
    event.stopPropagation();
    if (event.key !== "Tab") event.preventDefault();
  });
  card.classList.add("asked");
  button.parentElement.append(popup);
  document.addEventListener("pointerdown", outside, true);
  popup.firstElementChild.focus();
}

/** What one may do with a story from its card. */
export function storyActions(story, { muted, nameOf, headline, read, changed }) {
  const act = (what) => () => { what(); changed(); };
  return [
    read.has(story) ? [say("markUnread"), act(() => read.unmark(story.id))] : [say("markRead"), act(() => read.mark([story]))],
    [say("muteStory"), act(() => muted.add("story", story.id, headline(story).text ?? say("untitled")))],
    ...story.sources.slice(0, 2).map((each) => [
      say("muteSource", isolated(nameOf(each.source))), act(() => muted.add("source", each.source, nameOf(each.source))),
    ]),
    ...story.entities.slice(0, 3).map((each) => [
      say("muteEntity", isolated(each.name)), act(() => muted.add("entity", each.id, each.name)),
    ]),
  ];
}
