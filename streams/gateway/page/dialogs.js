// What asks before it acts: settings, the verdict that these are not one story, the token of a gateway that wants one.

import { bdi, h, icon } from "./dom.js";
import { post, setToken } from "./gateway.js";
import { kept } from "./kept.js";
import { digits, isolated, language, say, zone } from "./locale.js";
import { headline, headlineOf } from "./texts.js";

function dialog(title, content, { closable = true } = {}) {
  const node = h("dialog", { "aria-labelledby": "dialog-title" },
    h("header", {}, h("h2", { id: "dialog-title" }, title),
      closable ? h("button.plain", { type: "button", "aria-label": say("close"), onclick: () => node.close() }, icon("close")) : null),
    content);
  node.addEventListener("close", () => node.remove());
  document.body.append(node);
  node.showModal();
  return node;
}

function choice(label, options, chosen, take) {
  const select = h("select", { onchange: () => take(select.value) },
    Object.entries(options).map(([value, text]) => h("option", { value }, text)));
  select.value = chosen;
  return h("label", {}, h("span", {}, say(label)), select);
}

export function applyTheme(theme = kept.read("theme", "auto")) {
  if (theme === "auto") delete document.documentElement.dataset.theme;
  else document.documentElement.dataset.theme = theme;
}

/** `page` gives muted, changed() and reload(language). */
export function settings(page) {
  const mutedList = h("ul.muted");
  const showMuted = () => {
    const all = page.muted.all();
    mutedList.replaceChildren(...(all.length ? all : [null]).map((each) => (each === null
      ? h("li", {}, say("mutedNone"))
      : h("li", {}, bdi(each.name), h("button.plain", {
          type: "button", "aria-label": say("unmute", isolated(each.name)), onclick: () => {
            page.muted.remove(each.kind, each.id);
            page.changed();
            showMuted();
          },
        }, icon("close"))))));
  };
  showMuted();
  const keys = WORDS_OF_KEYS.map((key) => h("div", {}, h("dt", {}, h("kbd", { dir: "ltr" }, key)), h("dd", {}, say(`keys.${key}`))));
  dialog(say("settings"), h("div.form", {},
    choice("interface", { ar: "العربية", en: "English" }, language, page.reload),
    choice("theme", { auto: say("themes.auto"), light: say("themes.light"), dark: say("themes.dark") }, kept.read("theme", "auto"), (theme) => {
      kept.write("theme", theme);
      applyTheme(theme);
    }),
    language === "ar" ? choice("digits", { latn: "0123456789", arab: "٠١٢٣٤٥٦٧٨٩" }, digits, (chosen) => {
      kept.write("digits", chosen);
      page.reload(language);
    }) : null,
    h("p.note", {}, say("zone", zone())),
    h("h3", {}, say("muted")), mutedList,
    h("h3", {}, say("shortcuts")), h("dl.keys", {}, keys)));
}

const WORDS_OF_KEYS = ["j", "k", "Enter", "Esc", "/", "p"];

/** "These are not one story": which members do not belong, and why; written down by the gateway. */
export function feedback(story, articles, page) {
  const boxes = story.members.map((member, index) => {
    const id = `not-one-${index}`;
    return h("li", {}, h("input", { type: "checkbox", id, value: member.id }),
      h("label", { for: id }, h("b", {}, bdi(page.nameOf(member.source))), " ", headline("span", headlineOf(member.title, articles.get(member.id)), story.language)));
  });
  const note = h("textarea", { rows: "2", maxlength: "2000", dir: "auto" });
  const status = h("p.note", { role: "status" });
  const form = h("form.form", { method: "dialog" },
    h("p", {}, say("feedbackHelp")), h("ul.choose", {}, boxes),
    h("label", {}, h("span", {}, say("feedbackNote")), note), status,
    h("button.main", { type: "submit" }, say("send")));
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    const articles = [...form.querySelectorAll("input:checked")].map((box) => box.value);
    try {
      await post(page.feedbackPath(), { story: story.id, articles, verdict: "not-one-story", note: note.value });
      node.close();
      page.toast(say("sent"));
    } catch (refusal) {
      status.textContent = say("notSent", refusal.message);
    }
  });
  const node = dialog(say("feedbackTitle"), form);
}

/** Asks for the read token; the page begins anew with it. */
export function askToken() {
  if (document.getElementById("token")) return;
  const input = h("input", { id: "token", type: "password", autocomplete: "off", dir: "ltr", required: true });
  const form = h("form.form", { method: "dialog" }, h("p", {}, say("tokenHelp")),
    h("label", {}, h("span", {}, say("token")), input), h("button.main", { type: "submit" }, say("enter")));
  form.addEventListener("submit", () => {
    setToken(input.value.trim());
    location.reload();
  });
  dialog(say("token"), form, { closable: false });
}
