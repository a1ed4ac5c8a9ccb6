// Talks to the gateway: look-ups, and one stream that resumes where it stood, whatever happened in between.

const BATCH_MS = 100; // events of one screen update; well within the second that an article may take to show
const SLICE_MS = 5; // of script before the rest waits for the next slice: a reader's click comes first
const MEASURED = 1000; // batches that a browser's timings hold at most: a wall is on for weeks
const RETRY_MS = [500, 1000, 2000, 4000, 8000];
// A browser opens at most six connections to one place over HTTP/1.1, all its tabs together: a page that nobody looks at
// gives its stream back after this, and resumes it when it is looked at again.
const HIDDEN_MS = 60_000;
const PATIENCE_MS = 15_000; // the slowest look-up takes a tenth of it; longer, and a dead connection is found out later

let token = sessionStorage.getItem("khabar.token") ?? "";

export function setToken(given) {
  token = given;
  sessionStorage.setItem("khabar.token", given);
}

/** What the gateway refused, or that it could not be asked (status 0). */
export class Refusal extends Error {
  constructor(status, detail) {
    super(detail);
    this.status = status;
  }
}

async function ask(path, options = {}) {
  const headers = { ...(options.headers ?? {}) };
  if (token) headers.Authorization = `Bearer ${token}`;
  const patience = AbortSignal.timeout(PATIENCE_MS);
  const signal = options.signal ? AbortSignal.any([options.signal, patience]) : patience;
  let answer;
  let body;
  try {
    answer = await fetch(path, { ...options, headers, signal, cache: "no-cache", credentials: "same-origin" });
    body = await answer.text();
  } catch (failure) {
    if (failure.name === "AbortError") throw failure;
    throw new Refusal(0, failure.message);
  }
  let found = null;
  try {
    found = body ? JSON.parse(body) : null;
  } catch {
    // a page of a proxy in between; its status says enough
  }
  if (!answer.ok) throw new Refusal(answer.status, found?.detail ?? found?.title ?? `${answer.status}`);
  return found;
}

export const get = (path, params = new URLSearchParams(), options = {}) => {
  const query = params.toString();
  return ask(query ? `${path}?${query}` : path, options);
};

export const post = (path, body) =>
  ask(path, { method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify(body) });

/**
 * The stream of stories. `take(events)` gets batches; `gap()` is called when what was missed is no longer there;
 * `state` is "connecting", "open" or "broken", with `since` when it changed.
 */
export class Stream {
  constructor(path, { take, gap, changed }) {
    this.path = path;
    this.take = take;
    this.gap = gap;
    this.changed = changed;
    this.state = "connecting";
    this.since = Date.now();
    this.waiting = [];
    this.timer = null;
    this.source = null;
    this.failures = 0;
    this.batches = 0;
    document.addEventListener("visibilitychange", () => this.seen());
  }

  /** Listen with these filters from that offset on; what was listened to before is let go. */
  open(params, offset) {
    this.params = params;
    this.offset = offset;
    this.waiting = [];
    this.connect();
  }

  stop() {
    clearTimeout(this.again);
    this.source?.close();
    this.source = null;
  }

  connect() {
    this.stop();
    const params = new URLSearchParams(this.params);
    if (this.offset !== null && this.offset !== undefined) params.set("since", this.offset);
    if (token) params.set("access_token", token); // EventSource sends no headers
    const source = new EventSource(`${this.path}?${params}`);
    this.source = source;
    source.addEventListener("open", () => {
      this.failures = 0;
      this.turn("open");
    });
    source.addEventListener("story", (event) => this.arrived(event));
    source.addEventListener("gap", () => {
      this.stop();
      this.gap();
    });
    source.addEventListener("end", (event) => this.ended(event));
    source.addEventListener("error", () => {
      if (this.source !== source) return;
      this.turn("broken");
      this.later(RETRY_MS[Math.min(this.failures, RETRY_MS.length - 1)]);
      this.failures += 1;
    });
  }

  /** The gateway cannot be reached, whatever the connection looks like. */
  lost() {
    if (this.source === null) return; // given back, or about to be tried again
    this.turn("broken");
    this.later(RETRY_MS[0]);
  }

  later(wait) {
    this.stop();
    this.again = setTimeout(() => this.connect(), wait * (0.75 + Math.random() / 2)); // a wall of screens, spread out
  }

  ended(event) {
    try {
      this.offset = JSON.parse(event.data).resume ?? this.offset;
    } catch {
      // the offset of the last event serves as well
    }
    this.later(RETRY_MS[0]);
  }

  turn(state) {
    if (state === this.state) return;
    this.state = state;
    this.since = Date.now();
    this.changed();
  }

  seen() {
    clearTimeout(this.away);
    if (document.hidden) this.away = setTimeout(() => this.stop(), HIDDEN_MS);
    else if (this.source === null && this.params) this.connect();
  }

  arrived(event) {
    this.offset = event.lastEventId || this.offset;
    this.waiting.push(event.data);
    this.timer ??= setTimeout(() => this.flush(), BATCH_MS);
  }

  flush() {
    const begun = performance.now();
    const events = [];
    while (this.waiting.length && performance.now() - begun < SLICE_MS) {
      try {
        events.push(JSON.parse(this.waiting.shift()));
      } catch {
        console.warn("an event that is not JSON was left out");
      }
    }
    this.timer = this.waiting.length ? setTimeout(() => this.flush(), SLICE_MS) : null;
    this.take(events);
    this.batches += 1;
    if (this.batches % MEASURED === 0) performance.clearMeasures("khabar-batch");
    performance.measure("khabar-batch", { start: begun, end: performance.now(), detail: events.length });
  }
}
