// One story, opened: what is known first, its time line, who told it in whose words, the names, two texts side by side.

import { Comparison, pairOf } from "./compare.js";
import { addressOf, bdi, h, icon, outward, sentence } from "./dom.js";
import { byName, count, dated, datedWhole, isolated, plain, say, time } from "./locale.js";
import { firsts, folded } from "./newsroom.js";
import { fullText, headline, headlineOf, nameAt, plainHeadline } from "./texts.js";

const NAMES = 40; // that are listed; a long story names hundreds

export class StoryView {
  /** `page` gives nameOf, hrefFor(entity), copy, feedback, close, choose(entity id). */
  constructor(node, page) {
    this.node = node;
    this.page = page;
    this.opened = new Set(); // texts and folds that stand open, by what they are of
    this.comparison = null;
    this.id = null;
  }

  /** Show a story that was not shown before. */
  begin(id) {
    this.id = id;
    this.opened.clear();
    this.comparison = null;
    this.node.replaceChildren(this.bar(), h("p.note", { role: "status" }, say("loading")));
  }

  focus() {
    this.node.querySelector(".title").focus({ preventScroll: true });
  }

  fail(text) {
    this.node.replaceChildren(this.bar(), h("p.note", { role: "status" }, text));
  }

  bar() {
    return h("div.bar", {},
      h("button.plain.back", { type: "button", onclick: () => this.page.close(), "data-key": "close" },
        icon("close"), h("span", {}, say("back"))));
  }

  /** Draw what is known now; what stands open stays open, and the focus stays where it is. */
  show({ story, articles }) {
    this.story = story;
    this.articles = new Map(articles.map((article) => [article.id, article]));
    const places = [...this.node.querySelectorAll(".side .text")].map((each) => each.scrollTop);
    const focus = this.node.contains(document.activeElement) ? document.activeElement.dataset.key : null;
    const groups = folded(story.members);
    const parts = [
      this.bar(), this.head(story), this.timeline(story), this.members(story, groups), this.compared(), this.names(),
    ].filter(Boolean);
    this.node.replaceChildren(...parts);
    this.drawTexts();
    this.node.querySelectorAll(".side .text").forEach((each, index) => { each.scrollTop = places[index] ?? 0; });
    if (focus) this.node.querySelector(`[data-key="${CSS.escape(focus)}"]`)?.focus({ preventScroll: true });
  }

  head(story) {
    const first = firsts(story.members);
    const moment = (name, member, at) => {
      const text = member
        ? sentence(say("by", "{0}", "{1}"), h("b", {}, bdi(this.page.nameOf(member.source))),
            h("time", { datetime: at, title: datedWhole(Date.parse(at)) }, dated(Date.parse(at))))
        : say("noDate");
      return [h("dt", {}, say(name)), h("dd", {}, text)];
    };
    const said = this.said(story.members[0], story.headline);
    const title = headline("h2.title", said, story.language, { tabindex: "-1", id: "story-title" });
    const button = (name, key, act) => h("button", { type: "button", onclick: act, "data-key": key }, icon(name), say(key));
    return h("header.head", {}, said.untitled && said.text ? h("p", {}, h("span.kind", {}, say("untitled"))) : null, title,
      h("p.figures", {}, [say("articles", story.articles), say("sources", story.sources.length),
        story.distinct_texts > 1 ? say("own", story.distinct_texts) : ""].filter(Boolean).join(say("and"))),
      h("dl.firsts", {},
        h("div", {}, moment("firstPublished", first.published, first.published?.published_at)),
        h("div", {}, moment("firstSeen", first.seen, first.seen?.seen_at))),
      h("div.acts", {}, button("copy", "copy", () => this.page.copy(this.story, this.articles)),
        h("button", { type: "button", "data-key": "notOne", onclick: () => this.page.feedback(this.story, this.articles) }, say("notOne"))));
  }

  /** What stands where a member's title would. */
  said(member, title = member.title) {
    return headlineOf(title, this.articles.get(member?.id));
  }

  /** A dot for each article, the first at the reader's side of the line. */
  timeline(story) {
    const times = story.members.map((member) => Date.parse(member.seen_at));
    const [from, to] = [Math.min(...times), Math.max(...times)];
    if (story.members.length < 2 || from === to) return null;
    const dots = story.members.map((member, index) => {
      const dot = h(`i.at.${member.kind}`, {
        title: `${isolated(this.page.nameOf(member.source))} ${dated(times[index])}`,
      });
      dot.style.setProperty("--at", `${((times[index] - from) / (to - from)) * 100}%`); // through CSSOM, as the CSP allows
      return dot;
    });
    const used = [...new Set(story.members.map((member) => member.kind))];
    return h("section.timeline", { "aria-hidden": "true" },
      h("div.line", {}, dots),
      h("div.ends", {}, h("span", {}, dated(from)),
        h("span.legend", {}, used.map((kind) => h("span", {}, h(`i.at.${kind}`), say(`kinds.${kind}`)))),
        h("span", {}, to - from < 20 * 3_600_000 ? time(to) : dated(to))));
  }

  members(story, groups) {
    const cut = story.articles > story.members.length ? say("membersCut", story.members.length, story.articles) : null;
    return h("section.members", { "aria-labelledby": "members-title" },
      h("h3", { id: "members-title" }, say("members"), cut ? h("small", {}, ` ${cut}`) : null),
      h("ol", {}, groups.map(({ head, reprints }) => h("li", {}, this.member(head), this.reprints(head, reprints)))));
  }

  reprints(head, reprints) {
    if (reprints.length === 0) return null;
    const key = `fold-${head.id}`;
    const sources = [...new Set(reprints.map((each) => isolated(this.page.nameOf(each.source))))].slice(0, 6).join(say("and"));
    return h("details.reprints", {
      open: this.opened.has(key), ontoggle: (event) => this.keepOpen(key, event.target.open),
    },
      h("summary", { "data-key": key }, say("reprints", reprints.length), h("small", {}, ` ${sources}`)),
      h("ol", {}, reprints.map((each) => h("li", {}, this.member(each)))));
  }

  keepOpen(key, open) {
    if (open) this.opened.add(key);
    else this.opened.delete(key);
  }

  member(member) {
    const article = this.articles.get(member.id);
    const key = `text-${member.id}`;
    const at = member.published_at ? Date.parse(member.published_at) : null;
    const seen = Date.parse(member.seen_at);
    const when = [];
    if (at !== null) when.push(h("time", { datetime: member.published_at, title: datedWhole(at) }, say("published", dated(at))));
    if (at === null || Math.abs(seen - at) >= 60_000) {
      when.push(h("time", { datetime: member.seen_at, title: datedWhole(seen) }, say("seen", dated(seen))));
    }
    const score = article?.relation?.score;
    const badges = [h(`span.kind.${member.kind}`, {
      title: score ? say("score", score) : null,
    }, say(`kinds.${member.kind}`))];
    if (article?.revision) badges.push(h("span.kind", {}, say("revised", article.revision)));
    if (article?.late) badges.push(h("span.kind", {}, say("lateMark")));
    const said = this.said(member);
    if (said.untitled && said.text) badges.push(h("span.kind", {}, say("untitled")));
    const open = this.opened.has(key);
    const buttons = [];
    if (article) {
      buttons.push(h("button.plain", {
        type: "button", "aria-expanded": String(open), "data-key": key, onclick: () => { this.keepOpen(key, !open); this.again(); },
      }, say(open ? "hideText" : "text")));
    }
    if (article && member.to && this.articles.has(member.to)) {
      buttons.push(h("button.plain", {
        type: "button", "data-key": `compare-${member.id}`, onclick: () => this.compare(member.to, member.id),
      }, say("compare")));
    }
    const away = member.url ? outward(member.url, say("original")) : null;
    return h("div.member", {},
      h("p.who", {}, h("b", {}, bdi(this.page.nameOf(member.source))), badges, h("span.when", {}, when)),
      headline("p.said", said, article?.language ?? this.story.language),
      h("p.acts", {}, buttons, away),
      open && article ? this.text(article) : null);
  }

  text(article) {
    const { node, fields } = fullText(article);
    this.texts ??= [];
    this.texts.push({ article, fields });
    node.addEventListener("click", (event) => {
      const entity = nameAt(article, fields, event);
      if (entity) this.page.choose(entity);
    });
    return node;
  }

  /** Marks need nodes that are in the document. */
  drawTexts() {
    for (const { article, fields } of this.texts ?? []) fields.markNames(article);
    this.texts = [];
    this.comparison?.draw();
  }

  again() {
    this.show({ story: this.story, articles: [...this.articles.values()] });
  }

  compare(first, second) {
    this.comparison = new Comparison(first, second, this.page);
    this.again();
    for (const each of this.node.querySelectorAll(".side .text")) each.scrollTop = 0;
    const section = this.node.querySelector(".compare");
    section.scrollIntoView({ block: "start" });
    section.querySelector("h3").focus({ preventScroll: true });
  }

  compared() {
    if (this.comparison === null) {
      const pair = pairOf(this.story.members, this.articles);
      if (pair === null) return null;
      this.comparison = new Comparison(...pair, this.page);
    }
    return this.comparison.node(this.story, this.articles, () => this.again());
  }

  /** Everything that is named, by kind; each leads to the stories that name it too. */
  names() {
    const entities = this.story.entities.slice(0, NAMES);
    if (entities.length === 0) return null;
    const groups = ["PERS", "ORG", "LOC", "MISC"].map((label) => {
      const named = entities.filter((each) => each.label === label).sort((a, b) => byName(a.name, b.name));
      if (named.length === 0) return null;
      return h("div", {}, h("h4", {}, say(`labels.${label}`)), h("ul.chips", {}, named.map((each) =>
        h("li", {}, h("a.chip", { href: this.page.hrefFor(each), "data-entity": each.id }, bdi(each.name),
          each.articles > 1 ? h("small", {}, ` ${count(each.articles)}`) : null)))));
    });
    return h("section.names", { "aria-labelledby": "names-title" }, h("h3", { id: "names-title" }, say("names")), groups);
  }
}

/** A story as one pastes it into a message: plain text, directions isolated, links whole. */
export function asText(story, articles, nameOf) {
  const first = firsts(story.members);
  const said = (member, title) => plainHeadline(headlineOf(title, articles.get(member.id)));
  const lines = [story.headline?.trim() ? plain(story.headline) : said(story.members[0], null),
    [say("articles", story.articles), say("sources", story.sources.length)].join(say("and"))];
  if (first.published) {
    const at = datedWhole(Date.parse(first.published.published_at));
    lines.push(`${say("firstPublished")}: ${say("by", isolated(nameOf(first.published.source)), at)}`);
  }
  lines.push(`${say("firstSeen")}: ${say("by", isolated(nameOf(first.seen.source)), datedWhole(Date.parse(first.seen.seen_at)))}`);
  for (const { head, reprints } of folded(story.members)) {
    for (const member of [head, ...reprints]) {
      const mark = member === head ? "•" : "  ↳";
      lines.push(`${mark} ${isolated(nameOf(member.source))}: ${said(member, member.title)}`);
      const address = member.url && addressOf(member.url);
      if (address) lines.push(address);
    }
  }
  return lines.join("\n");
}
