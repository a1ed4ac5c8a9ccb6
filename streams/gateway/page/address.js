// The filters, the open story and the lane live in the address: a link shows somebody else what one sees.

export const MANY = ["entity", "source", "country", "group", "language", "relation"];
const ONE = ["q", "range", "sort", "open", "lane", "lang", "wall", "new-stories-only", "several"];
const USUAL = { range: "all", sort: "last_seen" };
const HOURS = { "1h": 1, "6h": 6, "24h": 24, "72h": 72 };

/** What the address says; what it does not is empty. */
export function readAddress() {
  const params = new URLSearchParams(location.search);
  const state = {};
  for (const name of MANY) state[name] = params.getAll(name);
  for (const name of ONE) state[name] = params.get(name) ?? USUAL[name] ?? "";
  if (state.range !== "all" && !(state.range in HOURS)) state.range = "all";
  return state;
}

function paramsOf(state) {
  const params = new URLSearchParams();
  for (const name of MANY) for (const value of state[name]) params.append(name, value);
  for (const name of ONE) if (state[name] && state[name] !== USUAL[name]) params.set(name, state[name]);
  return params;
}

export function hrefOf(state) {
  const query = paramsOf(state).toString();
  return query ? `?${query}` : location.pathname;
}

/** `replace` while somebody types, else a step that the back button takes back. */
export function writeAddress(state, { replace = false } = {}) {
  history[replace ? "replaceState" : "pushState"](null, "", hrefOf(state));
}

/** The filters as the gateway takes them, the same for look-ups and streams. */
export function filterParams(state) {
  const params = new URLSearchParams();
  for (const name of MANY) for (const value of state[name]) params.append(name, value);
  if (state.q.trim()) params.set("q", state.q.trim());
  if (state["new-stories-only"]) params.set("new-stories-only", state["new-stories-only"]);
  if (state.lane) params.set("lane", state.lane);
  return params;
}

export const filtered = (state) =>
  MANY.some((name) => state[name].length) || Boolean(state.q.trim()) || state.range !== "all" || Boolean(state.several);

/** Milliseconds of the chosen time range, null for everything. */
export const rangeMs = (state) => (state.range === "all" ? null : HOURS[state.range] * 3_600_000);
