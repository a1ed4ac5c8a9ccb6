// Beside the stories: names that rise, places, alerts, and how the processing gets on. Each is asked for, now and then.

import { bdi, h, quoted, refill } from "./dom.js";
import { get } from "./gateway.js";
import { kept } from "./kept.js";
import { ago, byName, count, datedWhole, isolated, say } from "./locale.js";
import { headline, headlineOf, plainHeadline } from "./texts.js";

const RISING = 12;
const RISEN = 1; // score, about standard deviations above the expected; less is what a name does on any day
const PLACES = 24;
const ALERTS = 30;
const LATELY_MS = 2 * 3_600_000; // after which a story is called neither breaking nor growing on its card

/** Names that are told more than usual. */
export class Rising {
  constructor(node, page) {
    this.node = node;
    this.page = page;
    this.window = kept.read("window", "1h");
    this.items = [];
    for (const button of node.querySelectorAll("[data-window]")) {
      button.addEventListener("click", () => {
        this.window = button.dataset.window;
        kept.write("window", this.window);
        this.ask();
      });
    }
  }

  async ask() {
    for (const button of this.node.querySelectorAll("[data-window]")) {
      button.setAttribute("aria-pressed", String(button.dataset.window === this.window));
    }
    const params = this.page.laneParams({ window: this.window, limit: RISING });
    this.show((await get("/v1/trends", params)).items);
  }

  show(items) {
    const risen = items.filter((each) => each.score >= RISEN && !this.page.muted.has("entity", each.entity));
    const top = Math.max(1, ...risen.map((each) => each.score));
    const rows = risen.map((each) => {
      const bar = h("i.bar", { "aria-hidden": "true" });
      bar.style.setProperty("--part", `${(each.score / top) * 100}%`);
      return h("li", {}, h("a.row", { href: this.page.hrefFor({ id: each.entity }), "data-entity": each.entity },
        h("b", {}, bdi(each.name)), h("small", {}, say("storiesCount", each.stories), " · ", say("usual", each.expected)), bar));
    });
    refill(this.node.querySelector("ul"), rows);
    this.node.querySelector(".note").hidden = rows.length > 0;
  }
}

/** Places that the stories name, in the order of an index. */
export function showPlaces(node, newsroom, page) {
  const places = newsroom.places(PLACES).sort((a, b) => byName(a.name, b.name));
  refill(node.querySelector("ul"), places.map((each) =>
    h("li", {}, h("a.chip", { href: page.hrefFor(each), "data-entity": each.id }, bdi(each.name), h("small", {}, ` ${count(each.stories)}`)))));
  node.querySelector(".note").hidden = places.length > 0;
}

/** Alerts with a quiet mark for those that nobody has looked at, and a notification where one asked for it. */
export class Alerts {
  constructor(node, mark, page) {
    this.node = node;
    this.mark = mark;
    this.page = page;
    this.byStory = new Map();
    this.name = `alerts.${page.lane}`;
    this.seen = kept.read(this.name, null); // the line of the newest that was looked at
    this.told = null; // the line of the newest that a notification was shown for
    this.button = node.querySelector("button");
    this.button.addEventListener("click", () => this.allow());
    for (const event of ["pointerenter", "focusin"]) node.addEventListener(event, () => this.look());
    this.showButton();
  }

  /** What was told of a story lately. */
  of(story) {
    const since = this.page.now() - LATELY_MS;
    return (this.byStory.get(story) ?? []).filter((alert) => Date.parse(alert.at) > since);
  }

  async ask() {
    const { items } = await get("/v1/alerts", this.page.laneParams({ limit: ALERTS }));
    this.take(items.filter((each) => !this.page.muted.has("story", each.story) && !this.page.muted.has("source", each.source)));
  }

  take(items) {
    const now = this.page.now();
    const newest = Math.max(-1, ...items.map((each) => each.line));
    if (this.seen === null) this.look(newest); // what was there before the first visit is no news
    this.tell(items.filter((each) => this.told !== null && each.line > this.told));
    this.told = newest;
    this.newest = newest;
    const before = this.byStory;
    this.byStory = Map.groupBy ? Map.groupBy(items, (each) => each.story) : grouped(items);
    refill(this.node.querySelector("ul"), items.map((each) => this.row(each, now)));
    this.node.querySelector(".note").hidden = items.length > 0;
    this.count(items);
    if (items.some((each) => !before.has(each.story))) this.page.marked(new Set(items.map((each) => each.story)));
  }

  /** An alert's headline, which is the beginning of the text where its article has no title. */
  said(alert) {
    const member = this.page.newsroom.get(alert.story)?.members.find((each) => each.id === alert.article);
    return member && !member.title ? headlineOf(null, { lead: alert.headline }) : headlineOf(alert.headline);
  }

  row(alert, now) {
    const flags = [];
    if (alert.breaking) flags.push(h("span.flag.breaking", { lang: "ar" }, say("breaking")));
    if (alert.burst) flags.push(h("span.flag.burst", { lang: "ar" }, say("burst")));
    if (this.said(alert).untitled) flags.push(h("span.flag.none", {}, say("untitled")));
    const at = Date.parse(alert.at);
    return h("li", { class: alert.line > this.seen ? "new" : null },
      h("a.row", { href: this.page.hrefOf(alert.story), "data-open": alert.story },
        h("small", {}, flags, flags.length ? " " : "", bdi(alert.rule), " · ",
          h("time", { datetime: alert.at, title: datedWhole(at) }, ago(at, now))),
        alert.headline
          ? headline("span.line", this.said(alert), this.page.languageOf(alert.story))
          : quoted("span.line", alert.text, "ar"),
        h("small", {}, bdi(this.page.nameOf(alert.source)), alert.sources > 1 ? ` · ${say("sources", alert.sources)}` : "")));
  }

  count(items) {
    const fresh = items.filter((each) => each.line > this.seen).length;
    this.mark.hidden = fresh === 0;
    this.mark.textContent = count(fresh);
    this.mark.parentElement.setAttribute("aria-label", `${say("alerts")}: ${say("newAlerts", fresh)}`);
  }

  look(line = this.newest) {
    if (line === undefined || line === this.seen) return;
    this.seen = line;
    kept.write(this.name, line);
    this.mark.hidden = true;
    this.mark.parentElement.setAttribute("aria-label", say("alerts"));
  }

  async allow() {
    const wanted = !kept.read("notify", false);
    if (wanted && (await Notification.requestPermission()) !== "granted") {
      this.page.toast(say("notifyDenied"));
      return;
    }
    kept.write("notify", wanted);
    this.showButton();
  }

  showButton() {
    this.button.hidden = typeof Notification === "undefined";
    this.button.textContent = say(kept.read("notify", false) ? "notifyOff" : "notify");
  }

  tell(alerts) {
    if (!kept.read("notify", false) || typeof Notification === "undefined" || Notification.permission !== "granted") return;
    try {
      for (const alert of alerts.slice(0, 3)) {
        const shown = new Notification(isolated(alert.text), {
          body: alert.headline ? plainHeadline(this.said(alert)) : "", tag: alert.id, silent: true, lang: "ar", dir: "rtl",
        });
        shown.addEventListener("click", () => { window.focus(); this.page.story.open(alert.story); });
      }
    } catch {
      this.page.toast(say("notifyDenied")); // Chrome on Android has notifications for service workers only
    }
  }
}

function grouped(items) {
  const groups = new Map();
  for (const each of items) groups.set(each.story, [...(groups.get(each.story) ?? []), each]);
  return groups;
}

/** The stages as a table, and beside it what else a newsroom asks when nothing comes; no figures but `current` ones. */
export function showHealth(node, health, now, current = true) {
  const figure = (value) => (value === null || !current ? "—" : count(value));
  const unserved = (each) => current && each.members === 0 && !(health.kind === "replay" && each.lag === 0);
  const rows = health.stages.map((each) => h("tr", { class: unserved(each) ? "bad" : null },
    h("th", { scope: "row" }, say(`stages.${each.stage}`)),
    [each.rate, each.lag, each.members].map((value) => h("td", {}, figure(value)))));
  node.querySelector("tbody").replaceChildren(...rows);
  const fact = (name, value) => h("div", {}, h("dt", {}, say(name)), h("dd", {}, value));
  const facts = [fact("lane", bdi(health.lane))];
  const at = health.newest ? Date.parse(health.newest) : null;
  facts.push(fact("newest", at === null ? say("unknown") : h("time", { datetime: health.newest, title: datedWhole(at) }, ago(at, now))));
  facts.push(fact("letters", figure(health.letters)));
  if (health.feeds) {
    facts.push(fact("feeds", figure(health.feeds.ok)));
    if (health.feeds.failing) facts.push(fact("feedsFailing", figure(health.feeds.failing)));
  }
  node.querySelector("dl").replaceChildren(...facts);
}
