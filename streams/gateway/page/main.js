// Puts the page together: what is asked of the gateway, what is shown of it, and what a reader does with it.

import { filterParams, filtered, hrefOf, rangeMs, readAddress, writeAddress } from "./address.js";
import { Cards, menu, storyActions } from "./cards.js";
import { applyTheme, askToken, feedback, settings } from "./dialogs.js";
import { h, icon } from "./dom.js";
import { Filters } from "./filters.js";
import { Refusal, Stream, get } from "./gateway.js";
import { Headlines } from "./headlines.js";
import { Muted, Read, Visit, kept } from "./kept.js";
import { isolated, language, say, translate } from "./locale.js";
import { Newsroom } from "./newsroom.js";
import { OpenStory } from "./opened.js";
import { Alerts, Rising, showHealth, showPlaces } from "./rail.js";
import { Pause, showStale, showVisit } from "./standing.js";

const PAGE = 100; // stories of one look-up
const AT_LEAST = 12; // stories on the screen, if asking for more pages finds them
const PAGES = 5; // that are asked for at once to get there
const AGAIN_MS = 2000; // after a look-up that failed

const byId = (id) => document.getElementById(id);

class Page {
  constructor() {
    this.state = readAddress();
    this.muted = new Muted();
    this.newsroom = new Newsroom(this.muted);
    this.sources = new Map();
    this.chosen = new Map(); // names that somebody chose, by id
    this.health = null;
    this.unreadable = false; // the gateway answers, and cannot read from Kafka
    this.only = { unread: false, changed: false };
    this.waiting = new Set(); // stories that changed while the list holds still
    this.next = null;
    this.nameOf = (source) => this.sources.get(source)?.[language === "en" ? "name_latin" : "name"] ?? this.sources.get(source)?.name ?? source;
    this.entityName = (id) => this.chosen.get(id) ?? this.newsroom.entityName(id) ?? id;
    this.hrefFor = (entity) => hrefOf({ ...this.state, entity: [entity.id], open: "" });
    this.hrefOf = (story) => hrefOf({ ...this.state, open: story });
    this.languageOf = (story) => this.newsroom.get(story)?.language ?? "ar";
    this.now = () => this.newsroom.now();
    this.feedback = (story, articles) => feedback(story, articles, this);
    this.headlines = new Headlines(() => this.laneParams(), (story) => this.cards.redraw(story, this.now()));
    this.headline = (story) => this.headlines.of(story);
  }

  async start() {
    await this.askHealth().catch((refusal) => this.refused(refusal));
    this.lane = this.state.lane || this.health?.lane || "live";
    this.read = new Read(this.lane);
    this.visit = new Visit(this.lane);
    this.cards = new Cards(byId("cards"), {
      read: this.read, visit: this.visit, nameOf: this.nameOf, headline: this.headline, hrefOf: this.hrefOf,
      alertsOf: (id) => this.alerts.of(id), askMenu: (id, button) => this.menu(id, button),
    });
    this.pause = new Pause(byId("cards"), () => this.render(null));
    this.filters = new Filters(this);
    this.alerts = new Alerts(byId("alerts"), byId("mark"), this);
    this.rising = new Rising(byId("rising"), this);
    this.story = new OpenStory(byId("story"), this);
    this.stream = new Stream("/v1/stream/stories", {
      take: (stories) => this.take(stories), gap: () => this.load(), changed: () => this.tick(),
    });
    this.wire();
    void this.askSources();
    await this.load();
    if (this.state.open) this.story.show();
    this.every(5000, 30_000, () => this.alerts.ask());
    this.every(15_000, 120_000, () => this.rising.ask());
    this.every(5000, 60_000, () => this.askHealth());
    setInterval(() => this.tick(), 1000);
    setInterval(() => { this.slowly(); this.render(new Set()); }, 5000); // what is past the time range goes, too
  }

  /** Ask now and again; less often while nobody looks. What fails is tried again at its time. */
  every(ms, hiddenMs, ask) {
    const round = async () => {
      try {
        await ask();
      } catch (refusal) {
        this.refused(refusal);
      } finally {
        setTimeout(round, document.hidden ? hiddenMs : ms);
      }
    };
    void round();
  }

  refused(refusal) {
    if (!(refusal instanceof Refusal)) throw refusal;
    if (refusal.status === 401 || refusal.status === 403) askToken();
  }

  laneParams(values = {}) {
    return new URLSearchParams({ ...(this.state.lane ? { lane: this.state.lane } : {}), ...values });
  }

  feedbackPath() {
    const query = this.laneParams().toString();
    return query ? `/v1/feedback?${query}` : "/v1/feedback";
  }

  async askHealth() {
    try {
      this.health = await get("/v1/health", this.laneParams());
      this.unreadable = false;
    } catch (refusal) {
      this.unreadable = refusal.status >= 500;
      if (this.health) showHealth(byId("health"), this.health, this.now(), false);
      if (refusal.status === 0) this.stream?.lost(); // a connection that died without a word looks open to a browser
      throw refusal;
    }
    this.newsroom.replay = this.health.kind === "replay";
    if (this.health.newest) this.newsroom.newest = Math.max(this.newsroom.newest, Date.parse(this.health.newest));
    showHealth(byId("health"), this.health, this.now());
  }

  async askSources() {
    try {
      const { items } = await get("/v1/sources", this.laneParams());
      this.sources = new Map(items.map((each) => [each.id, each]));
      this.render(null);
    } catch (refusal) {
      this.refused(refusal);
    }
  }

  listParams(cursor = null) {
    const params = filterParams(this.state);
    params.set("limit", PAGE);
    params.set("sort", this.state.sort);
    const range = rangeMs(this.state);
    if (range !== null) params.set("since", new Date(this.now() - range).toISOString());
    if (cursor !== null) params.set("cursor", cursor);
    return params;
  }

  /** What there is under the present filters, then the stream of what comes; tried until it works. */
  async load() {
    this.loading?.abort();
    clearTimeout(this.again);
    const loading = new AbortController();
    this.loading = loading;
    try {
      const found = await get("/v1/stories", this.listParams(), { signal: loading.signal });
      this.newsroom.clear();
      this.cards.reset();
      this.waiting.clear();
      this.newsroom.take(found.items);
      this.next = found.next;
      this.loaded = true;
      this.stream.open(filterParams(this.state), found.offset?.stories ?? 0);
      this.render(null);
      await this.fill();
    } catch (failure) {
      if (failure.name === "AbortError") return;
      this.refused(failure);
      if (failure.status === 503 && !this.loaded) this.note(say("filling"));
      else this.stream.turn("broken");
      if (failure.status >= 400 && failure.status < 500 && failure.status !== 429) this.note(say("failed", isolated(failure.message)));
      else this.again = setTimeout(() => this.load(), AGAIN_MS);
    }
  }

  async fill() {
    for (let page = 1; page < PAGES && this.next !== null && this.list().length < Math.max(AT_LEAST, this.cards.limit); page += 1) {
      const found = await get("/v1/stories", this.listParams(this.next), { signal: this.loading.signal });
      this.newsroom.take(found.items);
      this.next = found.next;
      this.render(null);
    }
  }

  /** A batch of the stream. */
  take(stories) {
    const changed = this.newsroom.take(stories);
    if (changed.size === 0) return;
    if (this.state.open && changed.has(this.state.open)) this.story.grown();
    this.render(changed);
  }

  list() {
    const { unread, changed } = this.only;
    return this.newsroom.list({
      range: rangeMs(this.state), sort: this.state.sort,
      only: (story) => (!this.state.several || story.sources.length > 1) &&
        (!unread || !this.read.has(story)) && (!changed || this.visit.changeOf(story) !== null),
    });
  }

  /** Show the list, or say that changes wait while somebody reads; `changed` null draws every card anew. */
  render(changed) {
    if (changed !== null && this.pause.on()) {
      for (const id of changed) this.waiting.add(id);
      this.pause.say(this.waiting.size);
      return;
    }
    const stories = this.list();
    const drawn = changed === null ? null : new Set([...changed, ...this.waiting]);
    this.waiting.clear();
    this.pause.say(0);
    this.cards.show(stories, drawn, this.now());
    this.cards.select(this.state.open);
    byId("more").hidden = stories.length <= this.cards.limit && this.next === null;
    if (stories.length) byId("none").hidden = true;
    else if (this.loaded) this.note(say(filtered(this.state) || this.only.unread || this.only.changed ? "noneFiltered" : "none"));
    if (changed === null) this.slowly();
  }

  note(text) {
    byId("none").textContent = text;
    byId("none").hidden = false;
  }

  /** What need not follow each batch. */
  slowly() {
    const { sources, languages } = this.newsroom.choices();
    const countries = [...new Set([...this.sources.values()].map((each) => each.country).filter(Boolean))];
    this.filters.show(this.state, { sources, languages, countries });
    showPlaces(byId("places"), this.newsroom, this);
    showVisit(byId("visit"), this);
    this.cards.tick(this.now());
  }

  tick() {
    showStale(this);
    if (this.waiting.size && !this.pause.on()) this.render(new Set());
  }

  /** Alerts are marks on cards: they move none, and nobody waits for them. */
  marked(ids) {
    for (const id of ids) this.cards.remark(id);
  }

  /** New filters, or a new order: a step in the history. */
  change(patch, options) {
    this.state = { ...this.state, ...patch };
    writeAddress(this.state, options);
    this.slowly();
    void this.load();
  }

  choose(entity) {
    this.chosen.set(entity.id, entity.name);
    this.change({ entity: [entity.id], open: "" });
    this.story.hide();
  }

  menu(id, button) {
    const story = this.newsroom.get(id);
    menu(button, storyActions(story, { ...this, changed: () => this.render(null) }));
  }

  changed() {
    this.render(null);
  }

  toast(text) {
    const node = byId("toast");
    node.textContent = text;
    node.hidden = false;
    clearTimeout(this.toasting);
    this.toasting = setTimeout(() => { node.hidden = true; }, 4000);
  }

  reload(chosen) {
    kept.write("language", chosen);
    const params = new URLSearchParams(location.search);
    params.delete("lang");
    location.search = params.toString();
    if (params.toString() === new URLSearchParams(location.search).toString()) location.reload();
  }

  wire() {
    const click = (id, act) => byId(id).addEventListener("click", act);
    click("pause", () => this.pause.toggle());
    click("pill", () => {
      window.scrollTo({ top: 0 });
      this.pause.release();
      this.render(this.waiting);
    });
    click("more", () => { this.cards.more(); this.render(null); void this.fill().catch((refusal) => this.refused(refusal)); });
    click("settings", () => settings(this));
    click("wall", () => this.wall(!document.body.classList.contains("wall")));
    click("other-language", () => this.reload(language === "ar" ? "en" : "ar"));
    click("theme", () => {
      const theme = kept.read("theme", "auto");
      const dark = theme === "auto" ? matchMedia("(prefers-color-scheme: dark)").matches : theme === "dark";
      kept.write("theme", dark ? "light" : "dark");
      applyTheme();
    });
    byId("unread").addEventListener("change", (event) => { this.only.unread = event.target.checked; this.render(null); });
    document.addEventListener("click", (event) => this.followed(event));
    document.addEventListener("keydown", (event) => this.key(event));
    window.addEventListener("popstate", () => this.travelled());
    document.addEventListener("visibilitychange", () => (document.hidden ? this.leave() : this.visit.back()));
    window.addEventListener("pagehide", () => this.leave());
    if (this.state.wall) this.wall(true);
  }

  wall(on) {
    document.body.classList.toggle("wall", on);
    byId("wall").textContent = say(on ? "leaveWall" : "wall");
    this.state = { ...this.state, wall: on ? "1" : "" };
    writeAddress(this.state, { replace: true });
  }

  leave() {
    this.visit.leave(this.newsroom.line, this.newsroom.newest);
  }

  /** Links within the page stay within it; with a modifier they open a window of their own, as links do. */
  followed(event) {
    if (event.defaultPrevented || event.button || event.ctrlKey || event.metaKey || event.shiftKey || event.altKey) return;
    const link = event.target.closest?.("a[data-open], a[data-entity]");
    if (!link) return;
    event.preventDefault();
    if (link.dataset.open) this.story.open(link.dataset.open);
    else this.choose({ id: link.dataset.entity, name: link.querySelector("bdi").textContent });
  }

  /** By the key's place on the keyboard: on an Arabic layout, too. */
  key(event) {
    if (event.ctrlKey || event.metaKey || event.altKey || document.querySelector("dialog[open]")) return;
    if (event.key === "Escape" && this.state.open) return this.story.close();
    if (event.target.closest("input, select, textarea")) return;
    if (event.code === "KeyJ" || event.code === "KeyK") this.cards.step(event.code === "KeyJ" ? 1 : -1, this.state.open)?.focus();
    else if (event.code === "KeyP") this.pause.toggle();
    else if (event.code === "Slash") byId("q").focus();
    else return;
    event.preventDefault();
  }

  travelled() {
    const before = this.state;
    this.state = readAddress();
    if (before.open && !this.state.open) this.story.hide();
    else if (this.state.open && this.state.open !== before.open) this.story.show();
    if (hrefOf({ ...before, open: "" }) !== hrefOf({ ...this.state, open: "" })) void this.load();
    this.slowly();
  }
}

document.documentElement.lang = language;
document.documentElement.dir = language === "ar" ? "rtl" : "ltr";
document.title = say("title");
applyTheme();
translate();
for (const [id, name] of [["pause", "pause"], ["theme", "theme"], ["settings", "gear"], ["bell", "bell"]]) byId(id).prepend(icon(name));
byId("search").prepend(icon("search"));
byId("other-language").append(h("span", { lang: language === "ar" ? "en" : "ar" }, language === "ar" ? "English" : "العربية"));
document.documentElement.dataset.ready = "";
void new Page().start();
