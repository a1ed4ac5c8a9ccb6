// Language, digits, dates, direction and order: everything that differs between readers rather than between stories.

import { kept } from "./kept.js";
import { WORDS } from "./words.js";

const asked = new URLSearchParams(location.search).get("lang");
export const language = asked === "en" || asked === "ar" ? asked : kept.read("language", "ar");
export const digits = kept.read("digits", "latn");
// Gregorian in both: the default calendar of some Arabic locales is another one.
const tag = language === "ar" ? `ar-u-ca-gregory-nu-${digits}` : "en-GB-u-ca-gregory-nu-latn";

const number = new Intl.NumberFormat(tag, { maximumFractionDigits: 1 });
const plurals = new Intl.PluralRules(language);
const relative = new Intl.RelativeTimeFormat(tag, { numeric: "always", style: "short" });
const rightNow = new Intl.RelativeTimeFormat(tag, { numeric: "auto" }).format(0, "second");
const clockTime = new Intl.DateTimeFormat(tag, { hour: "2-digit", minute: "2-digit", hour12: false });
const dayTime = new Intl.DateTimeFormat(tag, {
  day: "numeric", month: "long", hour: "2-digit", minute: "2-digit", hour12: false,
});
const whole = new Intl.DateTimeFormat(tag, {
  weekday: "long", day: "numeric", month: "long", year: "numeric", hour: "2-digit", minute: "2-digit", hour12: false,
  timeZoneName: "short",
});
const zoneName = new Intl.DateTimeFormat(tag, { timeZoneName: "long" });
const languages = new Intl.DisplayNames([language], { type: "language" });
const regions = new Intl.DisplayNames([language], { type: "region" });
const listing = new Intl.ListFormat(language, { type: "conjunction" });

/** The words under a key, with `{0}` filled in; a key with plural forms takes the count first. */
export function say(key, ...values) {
  let found = key.split(".").reduce((words, step) => words?.[step], WORDS[language]);
  if (found === undefined) return key;
  if (typeof found !== "string") {
    const count = values[0];
    found = found[plurals.select(count)] ?? found.other;
    values = [count, ...values.slice(1)];
  }
  return found.replace(/\{(\d)\}/g, (_, index) => {
    const value = values[index];
    return typeof value === "number" ? number.format(value) : String(value);
  });
}

export const count = (value) => number.format(value);
export const list = (values) => listing.format(values);
export const time = (ms) => clockTime.format(ms);
export const dated = (ms) => dayTime.format(ms);
export const datedWhole = (ms) => whole.format(ms);
export const zone = () => zoneName.formatToParts(Date.now()).find((part) => part.type === "timeZoneName")?.value ?? "";

/** How long ago, in the coarsest unit that says something: `قبل 5 دقائق`. */
export function ago(ms, now) {
  const seconds = Math.min(0, (ms - now) / 1000);
  if (seconds > -10) return rightNow;
  if (seconds > -60) return relative.format(Math.round(seconds), "second");
  if (seconds > -3600) return relative.format(Math.round(seconds / 60), "minute");
  if (seconds > -86400) return relative.format(Math.round(seconds / 3600), "hour");
  if (seconds > -30 * 86400) return relative.format(Math.round(seconds / 86400), "day");
  return relative.format(Math.round(seconds / (30 * 86400)), "month");
}

const named = (names, code) => {
  try {
    return names.of(code) ?? code;
  } catch {
    return code; // not a code that anybody knows: it came from a producer
  }
};
export const languageName = (code) => named(languages, code);
export const countryName = (code) => named(regions, code.toUpperCase());

const RTL = new Set(["ar", "arc", "ckb", "dv", "fa", "he", "ks", "ku-Arab", "ps", "sd", "syr", "ug", "ur", "yi"]);

/** The direction of a text by the language that the pipeline found, never by its first letter; the page's if unknown. */
export function direction(code) {
  if (!code) return language === "ar" ? "rtl" : "ltr";
  return RTL.has(code) || RTL.has(code.split("-")[0]) ? "rtl" : "ltr";
}

const collator = new Intl.Collator(language === "ar" ? "ar" : ["en", "ar"], { numeric: true });
const bare = (name) => name.replace(/^ال(?=\S{2})/u, "");

/** Alphabetical order as an Arabic index has it: the article ال does not count. */
export const byName = (a, b) => collator.compare(bare(a), bare(b));

// Code points. Letters that join are laid out anew wherever a line may break: an unbroken run costs a browser time by the
// square of its length, 20,000 of them ten seconds (Chromium 1 s for 100,000 in runs of 300). A headline has some 80.
const LINE = 300;
const RUN = 300; // longer than the addresses that stand in texts
const TEXT = 50_000; // some 8,000 words
// What breaks without spaces is no run.
const RUNS = new RegExp(`[^\\s\\p{sc=Han}\\p{sc=Hiragana}\\p{sc=Katakana}\\p{sc=Thai}]{${RUN + 1},}`, "gu");

const clipped = (text, most) => {
  const points = text.length > most ? [...text.slice(0, 2 * most + 2)] : [];
  return points.length > most ? `${points.slice(0, most - 1).join("")}…` : text;
};

/** Somebody's line as plain text: one line, of bounded length, without what turns directions or steers a terminal. */
export const plain = (text) =>
  clipped(text, LINE).replace(/[\u202A-\u202E\u2066-\u2069]/g, "").replace(/[\s\p{Cc}]+/gu, " ").trim();

/** A name within a sentence of ours that is plain text (a label, a notification, a copy): its direction stays inside. */
export const isolated = (text) => `\u2068${plain(text)}\u2069`;

const straight = (text) => text.replace(/[\u202D\u202E]/g, "\u2060");

/** Somebody's line as it is shown: overrides of direction do nothing, and it ends somewhere. */
export const tamed = (text) => straight(clipped(text, LINE));

/** Somebody's text as it is shown: the same, and of a run without an end only its beginning; offsets stay as they are. */
export const tamedText = (text) => straight(clipped(text, TEXT)).replace(RUNS, (run) => {
  const points = [...run];
  return `${points.slice(0, RUN - 1).join("")}…${" ".repeat(points.length - RUN)}`; // spaces that CSS folds into one
});

/** Fill in what index.html leaves to be said: `data-t` is text, `data-t-label` a name for who cannot see it. */
export function translate(root = document) {
  for (const node of root.querySelectorAll("[data-t]")) node.textContent = say(node.dataset.t);
  for (const node of root.querySelectorAll("[data-t-label]")) {
    node.setAttribute("aria-label", say(node.dataset.tLabel));
    if (node.tagName === "BUTTON") node.title = say(node.dataset.tLabel);
  }
  for (const node of root.querySelectorAll("[data-t-hint]")) node.placeholder = say(node.dataset.tHint);
}
