// The stories that the page knows of: what each is now, how it grows, and which of them are to be shown in which order.

const HELD = 1500; // stories in memory; the oldest are let go, and come again from the gateway when asked for
const HOUR_MS = 3_600_000;
const BARS = 12; // of the growth curve
const BAR_MS = HOUR_MS / 2;

/** A story with what is computed of it once: times in milliseconds, and its members by time. */
function held(story) {
  const seen = story.members.map((member) => Date.parse(member.seen_at)).sort((a, b) => a - b);
  return { ...story, at: Date.parse(story.last_seen_at), since: Date.parse(story.first_seen_at), seen };
}

/** The newest member by when we saw it; the later in line among equals. */
export function latestOf(story) {
  let latest = null;
  for (const member of story.members) if (latest === null || member.seen_at >= latest.seen_at) latest = member;
  return latest;
}

/** How many articles came within the hour before `now`. */
export function growth(story, now) {
  let count = 0;
  for (let index = story.seen.length - 1; index >= 0 && story.seen[index] > now - HOUR_MS; index -= 1) count += 1;
  return count;
}

/** Articles in each half hour of the six hours before `now`, the oldest first. */
export function curve(story, now) {
  const bars = new Array(BARS).fill(0);
  for (const at of story.seen) {
    const bar = BARS - 1 - Math.floor((now - at) / BAR_MS);
    if (bar >= 0) bars[Math.min(bar, BARS - 1)] += 1;
  }
  return bars;
}

export class Newsroom {
  constructor(muted) {
    this.muted = muted;
    this.stories = new Map();
    this.line = -1; // the highest that was seen, of all stories
    this.newest = 0; // milliseconds: the newest article's
    this.replay = false;
    this.at = 0; // when `newest` last moved, by this machine's clock
  }

  clear() {
    this.stories.clear();
  }

  /** What time it is in this lane: an archive's clock stands at its newest article. */
  now() {
    return this.replay ? this.newest || Date.now() : Date.now();
  }

  /** Take in stories as they come; an older state of one changes nothing. Returns the ids of what did change. */
  take(stories) {
    const changed = new Set();
    for (const story of stories) {
      const before = this.stories.get(story.id);
      if (before && before.line >= story.line) continue;
      const now = held(story);
      this.stories.set(story.id, now);
      this.line = Math.max(this.line, story.line);
      if (now.at > this.newest) {
        this.newest = now.at;
        this.at = Date.now();
      }
      changed.add(story.id);
    }
    if (this.stories.size > HELD) this.letGo();
    return changed;
  }

  letGo() {
    const oldest = [...this.stories.values()].sort((a, b) => a.at - b.at);
    for (const story of oldest.slice(0, this.stories.size - HELD + HELD / 10)) this.stories.delete(story.id);
  }

  get(id) {
    return this.stories.get(id);
  }

  /** What the stories call a thing. */
  entityName(id) {
    for (const story of this.stories.values()) {
      const entity = story.entities.find((each) => each.id === id);
      if (entity) return entity.name;
    }
    return undefined;
  }

  /** Everything that may be seen, whatever the order: not muted, with articles left. */
  all() {
    return [...this.stories.values()].filter((story) => story.articles > 0 && !this.muted.hides(story));
  }

  /** The list: `range` in milliseconds or null, `sort` last_seen or growth, `only` a further test. */
  list({ range, sort, only }) {
    const now = this.now();
    const since = range === null ? -Infinity : now - range;
    const found = this.all().filter((story) => story.at >= since && only(story));
    if (sort === "growth") {
      const grown = new Map(found.map((story) => [story, growth(story, now)]));
      return found.sort((a, b) => grown.get(b) - grown.get(a) || b.at - a.at || b.line - a.line);
    }
    return found.sort((a, b) => b.at - a.at || b.line - a.line);
  }

  /** Places by how many stories name them, the most told first: [{ id, name, stories }]. */
  places(limit) {
    const places = new Map();
    for (const story of this.all()) {
      for (const entity of story.entities) {
        if (entity.label !== "LOC") continue;
        const place = places.get(entity.id) ?? { id: entity.id, name: entity.name, stories: 0 };
        place.stories += 1;
        places.set(entity.id, place);
      }
    }
    return [...places.values()].sort((a, b) => b.stories - a.stories).slice(0, limit);
  }

  /** Values for the choices of the filters: sources and languages of the stories that are known. */
  choices() {
    const sources = new Set();
    const languages = new Set();
    for (const story of this.stories.values()) {
      for (const each of story.sources) sources.add(each.source);
      if (story.language) languages.add(story.language);
    }
    return { sources: [...sources], languages: [...languages] };
  }
}

const FOLDED = new Set(["copy", "near-copy", "contained"]);

/**
 * Members as a reader wants them: those with words of their own in the order in which we saw them, each with its
 * reprints, however long the chain. A reprint of what is not listed stands for itself.
 */
export function folded(members) {
  const byId = new Map(members.map((member) => [member.id, member]));
  const root = (member) => {
    const passed = new Set();
    while (FOLDED.has(member.kind) && byId.has(member.to) && !passed.has(member.id)) {
      passed.add(member.id);
      member = byId.get(member.to);
    }
    return member;
  };
  const groups = new Map();
  const inOrder = [...members].sort((a, b) => (a.seen_at < b.seen_at ? -1 : a.seen_at > b.seen_at ? 1 : 0));
  for (const member of inOrder) {
    const head = root(member);
    if (!groups.has(head.id)) groups.set(head.id, { head, reprints: [] });
    if (head !== member) groups.get(head.id).reprints.push(member);
  }
  return [...groups.values()];
}

/** The member that its publisher dated first, and the one that we saw first; either may be null. */
export function firsts(members) {
  const least = (name) =>
    members.reduce((best, each) => (each[name] && (best === null || each[name] < best[name]) ? each : best), null);
  return { published: least("published_at"), seen: least("seen_at") };
}
