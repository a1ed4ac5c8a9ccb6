// Places in a text: events count code points, JavaScript counts UTF-16 units; and marks that no element is made for.

/** The UTF-16 offset of each code-point offset, which must rise; beyond the end is the end. */
export function units(text, offsets) {
  const found = [];
  let unit = 0;
  let point = 0;
  for (const offset of offsets) {
    while (point < offset && unit < text.length) {
      unit += text.codePointAt(unit) > 0xffff ? 2 : 1;
      point += 1;
    }
    found.push(unit);
  }
  return found;
}

/** Spans of code points ({start, end}) as spans of UTF-16 units, in the order given. */
export function spans(text, marks) {
  const offsets = [...new Set(marks.flatMap((mark) => [mark.start, mark.end]))].sort((a, b) => a - b);
  const converted = new Map();
  units(text, offsets).forEach((unit, index) => converted.set(offsets[index], unit));
  return marks.map((mark) => ({ ...mark, start: converted.get(mark.start), end: converted.get(mark.end) }));
}

// Highlights are drawn over text nodes that stay whole: an element inside a word would break the joining of its letters.
const drawn = { name: new Map(), shared: new Map() };
const possible = typeof Highlight === "function" && CSS.highlights !== undefined;

function draw(kind) {
  if (!possible) return;
  const ranges = [...drawn[kind]].flatMap(([node, found]) => (node.isConnected ? found : []));
  for (const node of drawn[kind].keys()) if (!node.isConnected) drawn[kind].delete(node);
  if (ranges.length) CSS.highlights.set(kind, new Highlight(...ranges));
  else CSS.highlights.delete(kind);
}

/** Mark spans of UTF-16 units in an element with one text node that is in the document; returns the ranges. */
export function mark(kind, node, marks) {
  const text = node.firstChild;
  const ranges = marks.map(({ start, end }) => {
    const range = document.createRange();
    range.setStart(text, Math.min(start, text.length));
    range.setEnd(text, Math.min(end, text.length));
    return range;
  });
  drawn[kind].set(node, ranges);
  draw(kind);
  return ranges;
}

/** Forget the marks of elements that are no longer in the document. */
export function sweep() {
  for (const kind of Object.keys(drawn)) draw(kind);
}

/** The UTF-16 offset in the text of an element that lies under a point of the screen, null if none does. */
export function offsetAt(node, x, y) {
  const at = document.caretPositionFromPoint
    ? document.caretPositionFromPoint(x, y)
    : document.caretRangeFromPoint?.(x, y);
  const container = at?.offsetNode ?? at?.startContainer;
  return container === node.firstChild ? (at.offset ?? at.startOffset) : null;
}
