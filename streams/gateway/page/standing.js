// How things stand: whether what one sees is current, what changed since the last visit, and a list that holds still.

import { h, icon } from "./dom.js";
import { ago, count, dated, datedWhole, list, say, zone } from "./locale.js";

const READING_MS = 5000; // after the pointer last moved over the list
const SCROLLED = 240; // pixels: further down somebody reads
const BROKEN_MS = 3000; // a reconnection that takes less is nobody's business
const QUIET_MS = 3_600_000; // a live lane without an article for so long is worth a word
const BEHIND = 500; // records in all

/** The list holds still where one says so, and by itself while one reads; a pointer that rests is no reader. */
export class Pause {
  constructor(node, resumed) {
    this.node = node;
    this.resumed = resumed;
    this.asked = false;
    this.moved = -Infinity;
    this.button = document.getElementById("pause");
    this.pill = document.getElementById("pill");
    this.scrolled = window.scrollY; // kept: asking for it anew with each batch would lay the page out each time
    node.addEventListener("pointermove", () => { this.moved = performance.now(); }, { passive: true });
    window.addEventListener("scroll", () => { this.scrolled = window.scrollY; }, { passive: true });
  }

  on() {
    return this.asked || this.scrolled > SCROLLED || performance.now() - this.moved < READING_MS || this.focused() ||
      this.selecting();
  }

  focused() {
    const focus = document.activeElement;
    return this.node.contains(focus) && focus.matches(":focus-visible, .popup *");
  }

  selecting() {
    const selection = getSelection();
    return !selection.isCollapsed && this.node.contains(selection.anchorNode);
  }

  toggle() {
    this.asked = !this.asked;
    this.button.setAttribute("aria-pressed", String(this.asked));
    this.button.setAttribute("aria-label", say(this.asked ? "resume" : "pause"));
    this.button.title = say(this.asked ? "resume" : "pause");
    this.button.replaceChildren(icon(this.asked ? "play" : "pause"));
    if (!this.asked) this.resumed();
  }

  /** The pointer went over the list only to open a story. */
  leave() {
    this.moved = -Infinity;
  }

  /** The reader asked for what waits. */
  release() {
    if (this.asked) this.toggle();
    this.leave();
    document.activeElement?.blur();
    getSelection().removeAllRanges();
  }

  say(waiting) {
    this.pill.hidden = waiting === 0;
    if (waiting) this.pill.textContent = `${say("waiting", waiting)} · ${say("show")}`;
  }
}

/** The banner and the small mark beside the clock: connected or not, late, quiet, or an archive. */
export function showStale(page) {
  const { stream, health, unreadable, newsroom } = page;
  const now = Date.now();
  const banner = document.getElementById("stale");
  const state = document.getElementById("state");
  const broken = stream.state === "broken" && now - stream.since > BROKEN_MS;
  const alarm = broken ? say("broken", ago(stream.since, now))
    : unreadable ? say("unreadable")
    : health && !newsroom.replay ? trouble(health) : null;
  const text = alarm ?? remark(newsroom, now) ?? "";
  if (banner.textContent !== text) banner.textContent = text;
  banner.hidden = text === "";
  banner.classList.toggle("mild", alarm === null);
  const standing = unreadable ? "broken" : stream.state; // the gateway's own stream stays open while it has no broker
  state.className = `state ${standing}`;
  state.textContent = say(page.pause.asked ? "paused" : standing === "open" ? "live" : "connecting");
  const clock = document.getElementById("clock");
  const shown = `${datedWhole(now)}`;
  if (clock.textContent !== shown) clock.textContent = shown;
  clock.title = zone();
}

/** What somebody should look after. */
function trouble(health) {
  const unserved = health.stages.filter((each) => each.members === 0).map((each) => say(`stages.${each.stage}`));
  if (unserved.length) return say("unserved", list(unserved));
  const lag = health.stages.reduce((sum, each) => sum + each.lag, 0);
  if (lag > BEHIND) return say("behind", say("articles", lag));
  return null;
}

/** What one should know, and nobody can help: a quiet night is no fault. */
function remark({ newest, replay }, now) {
  if (!newest) return null;
  if (replay) return say("archive", datedWhole(newest));
  return now - newest > QUIET_MS ? say("quiet", dated(newest)) : null;
}

/** What changed since the last visit, counted over the stories that are known; gone once one has seen it. */
export function showVisit(node, page) {
  const { visit, newsroom, only } = page;
  const changes = visit.last === null ? [] : newsroom.all().map((story) => visit.changeOf(story)).filter(Boolean);
  const fresh = changes.filter((change) => change === "new").length;
  const grown = changes.length - fresh;
  node.hidden = changes.length === 0 && !only.changed;
  if (node.hidden) return;
  const parts = [fresh ? say("visitNew", fresh) : "", grown ? say("visitGrown", grown) : ""].filter(Boolean);
  const words = say("visit", dated(visit.last.at), parts.join(say("and")) || count(0));
  if (node.dataset.words === words && node.dataset.only === String(only.changed)) return;
  node.dataset.words = words;
  node.dataset.only = String(only.changed);
  node.replaceChildren(h("span", {}, words),
    h("button.plain.small", {
      type: "button", "aria-pressed": String(only.changed), onclick: () => { only.changed = !only.changed; page.render(null); },
    }, say("visitOnly")),
    h("button.plain.small", { type: "button", onclick: () => { page.read.mark(newsroom.all()); page.render(null); } }, say("markAll")),
    h("button.plain.small", {
      type: "button", onclick: () => { only.changed = false; visit.seen(newsroom.line, newsroom.newest); page.render(null); },
    }, say("gotIt")));
}
