// The words that stand for a headline on a card: a story says only titles, so those of one without are asked for, once.

import { Refusal, get } from "./gateway.js";
import { headlineOf } from "./texts.js";

const HELD = 500; // of 120 letters; then all are asked for anew
const BEHIND_MS = 500; // the look-ups may be a moment behind the stream
const BEHIND_TRIES = 6;

export class Headlines {
  /** `laneParams()` of the page; `found(story id)` is called when there are words for a story. */
  constructor(laneParams, found) {
    this.laneParams = laneParams;
    this.found = found;
    this.known = new Map(); // article and version -> its first words, null until there are some
  }

  of(story) {
    const [first] = story.members;
    if (story.headline?.trim() || first === undefined) return headlineOf(story.headline);
    const key = `${first.id} ${first.version}`;
    if (!this.known.has(key)) {
      if (this.known.size >= HELD) this.known.clear();
      this.known.set(key, null);
      void this.ask(key, first.id, story.id, BEHIND_TRIES);
    }
    return { text: this.known.get(key), untitled: true };
  }

  async ask(key, article, story, tries) {
    try {
      const { text } = headlineOf(null, await get(`/v1/articles/${encodeURIComponent(article)}`, this.laneParams()));
      this.known.set(key, text);
      this.found(story);
    } catch (failure) {
      if (!(failure instanceof Refusal)) throw failure;
      if (failure.status === 404 && tries > 0) setTimeout(() => this.ask(key, article, story, tries - 1), BEHIND_MS);
      else this.known.delete(key); // asked for again when the card is drawn again
    }
  }
}
