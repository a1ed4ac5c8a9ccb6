// The story that stands open beside the list: asked for, shown, asked for again when it grows, and closed.

import { writeAddress } from "./address.js";
import { h } from "./dom.js";
import { Refusal, get } from "./gateway.js";
import { isolated, say } from "./locale.js";
import { sweep } from "./offsets.js";
import { StoryView, asText } from "./story.js";

const MEMBERS = 200; // articles of a story: as many as it lists
const BEHIND_MS = 300; // the look-ups may be a moment behind the stream
const BEHIND_TRIES = 10;
const SELECTING_MS = 1500; // what somebody selects is not taken away; asked again after this

export class OpenStory {
  constructor(node, page) {
    this.node = node;
    this.page = page;
    this.view = new StoryView(node, {
      nameOf: page.nameOf, hrefFor: page.hrefFor, copy: (story, articles) => this.copy(story, articles), close: () => this.close(),
      feedback: page.feedback, choose: (entity) => page.choose(entity),
    });
  }

  get id() {
    return this.page.state.open;
  }

  /** Open a story: a step in the history, unless another stands open. */
  open(id) {
    if (this.id === id) return;
    const replace = this.id !== "";
    this.page.state = { ...this.page.state, open: id };
    writeAddress(this.page.state, { replace });
    this.show();
  }

  /** Show the story that the address names. */
  show() {
    document.body.classList.add("reading");
    this.node.hidden = false;
    this.node.scrollTop = 0;
    this.page.pause.leave();
    this.view.begin(this.id);
    this.page.cards.select(this.id);
    void this.fetch(true, BEHIND_TRIES);
  }

  /** It has changed. */
  grown() {
    this.again(BEHIND_MS, BEHIND_TRIES);
  }

  again(wait, tries) {
    this.waiting ??= setTimeout(() => {
      this.waiting = null;
      const selection = getSelection();
      if (!selection.isCollapsed && this.node.contains(selection.anchorNode)) this.again(SELECTING_MS, tries);
      else void this.fetch(false, tries);
    }, wait);
  }

  async fetch(first, tries) {
    const { id, page } = this;
    if (!id) return;
    try {
      const found = await get(`/v1/stories/${encodeURIComponent(id)}`, page.laneParams({ limit: MEMBERS }));
      if (id !== this.id) return;
      if (page.newsroom.get(id)) page.newsroom.take([found.story]); // else the filters keep it out of the list
      if (found.story.articles === 0) return this.view.fail(say("withdrawn"));
      this.view.show(found);
      const newest = page.newsroom.get(id) ?? found.story;
      page.read.mark([newest]);
      page.cards.remark(id);
      page.cards.select(id);
      document.title = `${isolated(this.node.querySelector(".title").textContent)} · ${say("title")}`;
      if (first) this.view.focus();
      const articles = new Set(found.articles.map((article) => article.id));
      const behind = found.story.line < newest.line || found.story.members.some((each) => !articles.has(each.id));
      if (behind && tries > 0) this.again(BEHIND_MS, tries - 1);
    } catch (failure) {
      if (!(failure instanceof Refusal)) throw failure;
      page.refused(failure);
      if (first) this.view.fail(failure.status === 404 ? say("gone") : say("failed", isolated(failure.message)));
    }
  }

  /** Close it: a step in the history. */
  close() {
    if (!this.id) return;
    this.page.state = { ...this.page.state, open: "" };
    writeAddress(this.page.state);
    this.hide();
  }

  /** Hide it, as the address says; the focus goes back to its card. */
  hide() {
    const link = this.page.cards.node.querySelector('a[aria-current="true"]');
    document.body.classList.remove("reading");
    document.title = say("title");
    this.node.hidden = true;
    this.node.replaceChildren();
    sweep();
    this.page.cards.select("");
    link?.focus();
  }

  async copy(story, articles) {
    const text = asText(story, articles, this.page.nameOf);
    const copied = await navigator.clipboard?.writeText(text).then(() => true, () => false);
    this.page.toast(say(copied || copyTheOldWay(text) ? "copied" : "notCopied"));
  }
}

/** Without a permission, and where the page comes by plain http from another machine: no other way works there. */
function copyTheOldWay(text) {
  const before = document.activeElement;
  const area = h("textarea.unseen", { readonly: true }, text);
  document.body.append(area);
  area.focus({ preventScroll: true });
  area.select();
  const copied = document.execCommand("copy");
  area.remove();
  before?.focus({ preventScroll: true });
  return copied;
}
