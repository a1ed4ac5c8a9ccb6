// An article's text as it was sent, each field one text node, with marks drawn over it and a way from a click to a name.

import { h, quoted } from "./dom.js";
import { mark, offsetAt, spans } from "./offsets.js";

const FIELDS = ["title", "lead", "body"];

/** The fields of a text on the page, with the marks that belong to them in UTF-16 units. */
class Fields {
  constructor(article) {
    this.nodes = new Map();
    for (const name of FIELDS) {
      if (!article[name]) continue;
      const node = quoted(`p.field.${name}`, article[name], article.language);
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
