// An article's text as it was sent, each field one text node, with marks drawn over it and a way from a click to a name.

import { h, quoted } from "./dom.js";
import { isolated, language, say, tamedText } from "./locale.js";
import { mark, offsetAt, spans } from "./offsets.js";

const FIELDS = ["title", "lead", "body"];
const FIRST = 120; // UTF-16 units of a text that stand where a headline would: two lines of a card

/** What stands where a headline would: { text, untitled }; without a title the first words of the text, null if unknown. */
export function headlineOf(title, article) {
  if (title?.trim()) return { text: title, untitled: false };
  const whole = article?.lead || article?.body || "";
  const text = whole.slice(0, 20 * FIRST).replace(/<[^<>]*>/g, " ").trim().replace(/\s+/g, " ");
  if (text.length <= FIRST) return { text: text || null, untitled: true };
  const last = text.lastIndexOf(" ", FIRST);
  const cut = last > FIRST / 2 ? text.slice(0, last) : [...text].slice(0, FIRST).join("");
  return { text: `${cut.replace(/[،؛,;:\s]+$/, "")}…`, untitled: true };
}

/** It as an element, in the direction of its language; `untitled` is what marks it as no headline. */
export const headline = (what, { text, untitled }, code, attributes = {}) =>
  text === null
    ? quoted(what, say("untitled"), language, attributes)
    : quoted(untitled ? `${what}.untitled` : what, text, code, attributes);

/** The same in a line of plain text. */
export const plainHeadline = ({ text, untitled }) =>
  text === null ? say("untitled") : untitled ? `${say("untitled")}: ${isolated(text)}` : isolated(text);

/** The fields of a text on the page, with the marks that belong to them in UTF-16 units. */
class Fields {
  constructor(article) {
    this.nodes = new Map();
    for (const name of FIELDS) {
      if (!article[name]) continue;
      const node = quoted(`p.field.${name}`, "", article.language);
      node.textContent = tamedText(article[name]);
      this.nodes.set(name, node);
    }
  }

  marks(field, found) {
    return spans(this.nodes.get(field).firstChild.data, found);
  }

  markNames(article) {
    for (const [field, node] of this.nodes) {
      mark("name", node, this.marks(field, article.entities.filter((entity) => entity.field === field)));
    }
  }

  /** Mark passages ({field, start, end}, in code points); returns a range for each, null where its field is not there. */
  markShared(passages) {
    const ranges = new Array(passages.length).fill(null);
    for (const [field, node] of this.nodes) {
      const here = passages.flatMap((passage, index) => (passage.field === field ? [{ ...passage, index }] : []));
      const found = this.marks(field, here);
      mark("shared", node, found).forEach((range, index) => {
        ranges[here[index].index] = range;
      });
    }
    return ranges;
  }
}

export function fullText(article) {
  const fields = new Fields(article);
  return { node: h("div.text", {}, [...fields.nodes.values()]), fields };
}

/** The name under a click; none where the reader is selecting text. */
export function nameAt(article, fields, event) {
  if (!getSelection().isCollapsed) return null;
  for (const [field, node] of fields.nodes) {
    if (!node.contains(event.target)) continue;
    const at = offsetAt(node, event.clientX, event.clientY);
    if (at === null) return null;
    const named = fields.marks(field, article.entities.filter((entity) => entity.field === field));
    return named.find((entity) => entity.start <= at && at < entity.end) ?? null;
  }
  return null;
}
