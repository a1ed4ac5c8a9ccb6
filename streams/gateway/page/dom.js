// Elements from plain values. Text goes in as text, never as markup: everything shown here was written by strangers.

import { direction, tamed } from "./locale.js";

const SVG = "http://www.w3.org/2000/svg";

/** h("p.latest", { title: "…" }, "text", node): strings become text nodes, null and false nothing. */
export function h(what, attributes = {}, ...children) {
  const [name, ...classes] = what.split(".");
  const node = document.createElement(name);
  if (classes.length) node.className = classes.join(" ");
  for (const [key, value] of Object.entries(attributes)) {
    if (value === null || value === undefined || value === false) continue;
    if (key.startsWith("on")) node.addEventListener(key.slice(2), value);
    else node.setAttribute(key, value === true ? "" : value);
  }
  node.append(...children.flat().filter((child) => child !== null && child !== undefined && child !== false));
  return node;
}

/** Somebody's line in an element of its own direction and language, isolated from what surrounds it. */
export function quoted(what, text, languageCode, attributes = {}) {
  const node = h(what, { ...attributes, dir: direction(languageCode), lang: languageCode || null });
  node.textContent = tamed(text);
  return node;
}

/** A name of unknown direction within a line of ours. */
export const bdi = (text) => h("bdi", {}, tamed(text));

/** The parts of a sentence of ours, with elements in place of {0}, {1}. */
export function sentence(words, ...parts) {
  return words.split(/(\{\d\})/).map((piece) => {
    const slot = /^\{(\d)\}$/.exec(piece);
    return slot ? parts[slot[1]] : piece;
  });
}

export function setText(node, text) {
  if (node.firstChild?.nodeValue !== text || node.childNodes.length !== 1) node.textContent = text;
}

/** Make these the children of a parent, unless somebody's focus stands among those that it has: it would be lost. */
export function refill(parent, nodes) {
  if (!parent.contains(document.activeElement)) parent.replaceChildren(...nodes);
}

/** Make these the children of a parent, in this order, moving as few as possible. */
export function place(parent, nodes) {
  const wanted = new Set(nodes);
  for (const child of [...parent.children]) if (!wanted.has(child)) child.remove();
  let at = parent.firstElementChild;
  for (const node of nodes) {
    if (node === at) at = at.nextElementSibling;
    else parent.insertBefore(node, at);
  }
}

/** The address of somebody's page, encoded; null for anything but http and https. A name before an @ only misleads. */
export function addressOf(given) {
  let url = null;
  try {
    url = new URL(given);
  } catch {
    return null;
  }
  if (url.protocol !== "http:" && url.protocol !== "https:") return null;
  url.username = "";
  url.password = "";
  return url.href;
}

/** A link to it; null where there is none. */
export function outward(given, ...children) {
  const href = addressOf(given);
  return href && h("a.outward", { href, target: "_blank", rel: "noopener noreferrer nofollow" }, ...children);
}

const SHAPES = {
  search: "M10.5 4a6.5 6.5 0 1 0 4 11.6l4.4 4.4 1.4-1.4-4.4-4.4A6.5 6.5 0 0 0 10.5 4Zm0 2a4.5 4.5 0 1 1 0 9 4.5 4.5 0 0 1 0-9Z",
  pause: "M7 5h3.5v14H7Zm6.5 0H17v14h-3.5Z",
  play: "M8 5v14l11-7Z",
  theme: "M12 3a9 9 0 1 0 0 18 9 9 0 0 0 0-18Zm0 2a7 7 0 0 1 0 14Z",
  gear: "M4 6h9.2a3 3 0 0 1 5.6 0H20v2h-1.2a3 3 0 0 1-5.6 0H4Zm0 5h1.2a3 3 0 0 1 5.6 0H20v2h-9.2a3 3 0 0 1-5.6 0H4Zm0 5h9.2a3 3 0 0 1 5.6 0H20v2h-1.2a3 3 0 0 1-5.6 0H4Z",
  close: "m6.4 5 5.6 5.6L17.6 5 19 6.4 13.4 12l5.6 5.6-1.4 1.4-5.6-5.6L6.4 19 5 17.6 10.6 12 5 6.4Z",
  more: "M5 10.2a1.8 1.8 0 1 1 0 3.6 1.8 1.8 0 0 1 0-3.6Zm7 0a1.8 1.8 0 1 1 0 3.6 1.8 1.8 0 0 1 0-3.6Zm7 0a1.8 1.8 0 1 1 0 3.6 1.8 1.8 0 0 1 0-3.6Z",
  bell: "M12 3a6 6 0 0 0-6 6v4l-2 3v1h16v-1l-2-3V9a6 6 0 0 0-6-6Zm-2.5 15.5a2.5 2.5 0 0 0 5 0Z",
  copy: "M8 4h11v13h-2V6H8Zm-3 4h10v12H5Zm2 2v8h6v-8Z",
};

export function shape(d, viewBox) {
  const svg = document.createElementNS(SVG, "svg");
  svg.setAttribute("viewBox", viewBox);
  svg.setAttribute("aria-hidden", "true");
  const path = document.createElementNS(SVG, "path");
  path.setAttribute("d", d);
  svg.append(path);
  return svg;
}

export const icon = (name) => {
  const svg = shape(SHAPES[name], "0 0 24 24");
  svg.classList.add("icon");
  return svg;
};
