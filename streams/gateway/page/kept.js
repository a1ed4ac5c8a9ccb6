// What this browser remembers between visits: choices, what was read, what is muted. It never leaves the browser.

const PREFIX = "khabar.";
const READ_LIMIT = 3000; // stories; some 150 KB of the five megabytes that a browser gives

/** localStorage may be full, or forbidden: then the page forgets, and works. */
export const kept = {
  read(name, otherwise) {
    try {
      const found = localStorage.getItem(PREFIX + name);
      return found === null ? otherwise : JSON.parse(found);
    } catch {
      return otherwise;
    }
  },
  write(name, value) {
    try {
      localStorage.setItem(PREFIX + name, JSON.stringify(value));
    } catch {
      // as said above
    }
  },
};

/** Which stories were read, and how large each was then; by lane, since a line number means something in its lane only. */
export class Read {
  constructor(lane) {
    this.name = `read.${lane}`;
    this.stories = new Map(kept.read(this.name, []));
  }

  of(id) {
    return this.stories.get(id);
  }

  /** Whether the story was read as it is now. */
  has(story) {
    return (this.of(story.id)?.line ?? -1) >= story.line;
  }

  mark(stories) {
    for (const story of stories) {
      this.stories.delete(story.id); // to the end: the oldest are forgotten first
      this.stories.set(story.id, { line: story.line, articles: story.articles });
    }
    this.keep();
  }

  unmark(id) {
    this.stories.delete(id);
    this.keep();
  }

  keep() {
    kept.write(this.name, [...this.stories].slice(-READ_LIMIT));
  }
}

/** Muted stories, sources and names: id -> what to call it. */
export class Muted {
  constructor() {
    const before = kept.read("muted", {});
    this.kinds = { story: before.story ?? {}, source: before.source ?? {}, entity: before.entity ?? {} };
    this.any = this.all().length > 0;
  }

  has(kind, id) {
    return Object.hasOwn(this.kinds[kind], id);
  }

  add(kind, id, name) {
    this.kinds[kind] = { ...this.kinds[kind], [id]: name };
    this.keep();
  }

  remove(kind, id) {
    delete this.kinds[kind][id];
    this.keep();
  }

  keep() {
    this.any = this.all().length > 0;
    kept.write("muted", this.kinds);
  }

  all() {
    return Object.entries(this.kinds).flatMap(([kind, names]) =>
      Object.entries(names).map(([id, name]) => ({ kind, id, name })),
    );
  }

  /** Whether a story is out of sight: itself, a name in it, or every source that tells it. */
  hides(story) {
    if (!this.any) return false; // asked for every story with every batch
    return (
      this.has("story", story.id) ||
      story.entities.some((entity) => this.has("entity", entity.id)) ||
      (story.sources.length > 0 && story.sources.every((each) => this.has("source", each.source)))
    );
  }
}

/** The end of the last visit: the line and the newest article then. A page that was away for long begins a new visit. */
export class Visit {
  static AWAY_MS = 10 * 60 * 1000; // shorter absences are part of one visit

  constructor(lane) {
    this.name = `visit.${lane}`;
    this.last = kept.read(this.name, null); // { line, newest, at }, null on the first visit
    this.left = null;
  }

  leave(line, newest) {
    if (line < 0) return;
    this.left = { line, newest, at: Date.now() };
    kept.write(this.name, this.left);
  }

  back() {
    if (this.left && Date.now() - this.left.at > Visit.AWAY_MS) this.last = this.left;
  }

  /** The reader has seen what there is now. */
  seen(line, newest) {
    this.last = { line, newest, at: Date.now() };
    kept.write(this.name, this.last);
  }

  changeOf(story) {
    if (this.last === null || story.line <= this.last.line) return null;
    return Date.parse(story.first_seen_at) > this.last.newest ? "new" : "grown";
  }
}
