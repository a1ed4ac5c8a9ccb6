// Two texts of a story side by side, with the passages that deduplicate found in both.

import { bdi, h, sentence } from "./dom.js";
import { dated, say } from "./locale.js";
import { fullText } from "./texts.js";

/** The two texts that are worth comparing first: an own report and what it was matched with, else any related pair. */
export function pairOf(members, articles) {
  const related = members.filter((each) => each.to && articles.has(each.id) && articles.has(each.to));
  const chosen = related.find((each) => each.kind === "same-story") ?? related.find((each) => each.kind !== "copy") ?? related[0];
  return chosen ? [chosen.to, chosen.id] : null;
}

/** Passages of the pair as [{first, second}], and what speaks against it; the evidence stands on either side. */
function evidenceOf(first, second) {
  for (const [one, other, turned] of [[second, first, true], [first, second, false]]) {
    const relation = one.relation;
    if (relation?.to !== other.id || !relation.evidence) continue;
    const passages = relation.evidence.shared.map((each) => {
      const here = { field: each.field, start: each.start, end: each.end };
      const there = { field: each.to_field, start: each.to_start, end: each.to_end };
      return turned ? { first: there, second: here } : { first: here, second: there };
    });
    const conflicts = relation.evidence.conflicts.map(({ here, there }) => (turned ? [there, here] : [here, there]));
    return { passages, conflicts, turned, revised: relation.to_version !== other.version };
  }
  return { passages: [], conflicts: [], turned: false, revised: false };
}

export class Comparison {
  constructor(first, second, page) {
    this.first = first;
    this.second = second;
    this.page = page;
    this.sides = null;
  }

  node(story, articles, changed) {
    const [first, second] = [articles.get(this.first), articles.get(this.second)];
    if (!first || !second) return null;
    this.evidence = evidenceOf(first, second);
    this.sides = [fullText(first), fullText(second)];
    this.articles = [first, second];
    this.sides.forEach(({ node }, index) => { // they scroll: by keyboard, too
      node.tabIndex = 0;
      node.setAttribute("role", "group");
      node.setAttribute("aria-label", say(index ? "right" : "left"));
    });
    const side = (index, name) => h("div.side", {},
      this.choice(name, index, story, articles, changed),
      h("p.when", {}, this.dateOf(this.articles[index])),
      this.sides[index].node);
    return h("section.compare", { "aria-labelledby": "compare-title" },
      h("h3", { id: "compare-title", tabindex: "-1" }, say("comparing")),
      this.remarks(),
      h("div.sides", {}, side(0, "left"), side(1, "right")));
  }

  dateOf(article) {
    const at = article.published_at ?? article.seen_at;
    const words = say(article.published_at ? "published" : "seen", dated(Date.parse(at)));
    return h("time", { datetime: at }, words);
  }

  choice(name, index, story, articles, changed) {
    const select = h("select", { "aria-label": say(name), "data-key": `side-${index}` }, story.members
      .filter((member) => articles.has(member.id))
      .map((member) => h("option", { value: member.id }, `${this.page.nameOf(member.source)} · ${say(`kinds.${member.kind}`)}`)));
    select.value = index ? this.second : this.first;
    select.addEventListener("change", () => {
      if (index) this.second = select.value;
      else this.first = select.value;
      changed();
    });
    return select;
  }

  remarks() {
    const { passages, conflicts, revised } = this.evidence;
    const notes = [];
    if (passages.length === 0) notes.push(h("p.note", {}, say("noShared")));
    else {
      notes.push(h("div.passages", {}, h("span", {}, say("shared")), passages.map((_, index) =>
        h("button.plain.chip", { type: "button", "data-key": `passage-${index}`, onclick: () => this.go(index) }, say("passage", index + 1)))));
    }
    if (revised) notes.push(h("p.note", {}, say("revisedSince")));
    if (conflicts.length) {
      const words = conflicts.flatMap(([inFirst, inSecond], index) => [
        index ? say("and") : "", sentence(say("conflict", "{0}", "{1}"), bdi(inFirst), bdi(inSecond)),
      ]).flat();
      notes.push(h("p.note", {}, sentence(say("conflicts", "{0}"), h("span", {}, words)).flat()));
    }
    return h("div.remarks", {}, notes);
  }

  /** Draw the marks; the text that was matched in another version than is shown gets none: its offsets are not ours. */
  draw() {
    if (this.sides === null) return;
    const { passages, revised, turned } = this.evidence;
    this.ranges = ["first", "second"].map((name, index) => {
      const fields = this.sides[index].fields;
      if (![...fields.nodes.values()].every((node) => node.isConnected)) return [];
      const stale = revised && index === (turned ? 0 : 1);
      return fields.markShared(stale ? [] : passages.map((each) => each[name]));
    });
  }

  /** Bring a passage to the middle of both texts. */
  go(index) {
    this.ranges.forEach((ranges, side) => {
      const range = ranges[index];
      const box = this.sides[side].node;
      if (!range) return;
      const [at, top] = [range.getBoundingClientRect(), box.getBoundingClientRect()];
      box.scrollBy({ top: at.top - top.top - (box.clientHeight - at.height) / 2, behavior: "auto" });
    });
  }
}
