// What a page does beyond HTML; without this file every act works, too.
const $ = (query, root = document) => root.querySelector(query);
const all = (query, root = document) => root.querySelectorAll(query);

// moments in the reader's zone, and near ones from now
const zone = Intl.DateTimeFormat().resolvedOptions().timeZone;
const full = new Intl.DateTimeFormat(undefined, { dateStyle: "medium", timeStyle: "short" });
const exact = new Intl.DateTimeFormat(undefined, { dateStyle: "full", timeStyle: "long" });
const apart = new Intl.RelativeTimeFormat(undefined, { numeric: "auto", style: "short" });

function words(moment) {
  const seconds = Math.round((moment - Date.now()) / 1000), size = Math.abs(seconds);
  if (size < 60) return apart.format(seconds, "second");
  if (size < 3600) return apart.format(Math.trunc(seconds / 60), "minute");
  if (size < 12 * 3600) return apart.format(Math.trunc(seconds / 3600), "hour");
  return full.format(moment);
}

function showTimes(root = document) {
  for (const time of all("time", root)) {
    const moment = new Date(time.dateTime), text = words(moment);
    if (time.textContent !== text) time.textContent = text;
    time.title ||= exact.format(moment);
  }
}

// trouble: what went wrong, until it goes right
function trouble(text, link) {
  const bar = $("#trouble");
  bar.hidden = !text;
  if (bar.dataset.text === text) return;
  bar.dataset.text = text;
  bar.textContent = text;
  if (link) {
    const a = document.createElement("a");
    a.href = link;
    a.textContent = "Sign in again";
    bar.append(" ", a);
  }
}
const OFFLINE = "Landfall cannot be reached. This page tries again by itself.";
const SIGNED_OUT = "You are signed out.";

// an open page looks again: nothing while it is hidden, and slower while nobody answers
let leaving = false;
let tag = null, failures = 0, timer = 0, looking = false;

function later() {
  clearTimeout(timer);
  const seconds = Number($("main").dataset.refresh);
  if (!seconds || document.hidden) return;
  timer = setTimeout(look, 1000 * Math.min(60, seconds * 2 ** failures));
}

async function look() {
  clearTimeout(timer);
  if (looking) return;
  looking = true;
  try {
    const headers = { "If-None-Match": tag ?? '""' };
    const answer = await fetch(location.href, { headers, redirect: "manual", cache: "no-store", signal: AbortSignal.timeout(30_000) });
    if (answer.status === 401 || answer.type === "opaqueredirect") {
      trouble(SIGNED_OUT, location.href);
      failures = 5;
    } else if (answer.status === 200) {
      tag = answer.headers.get("ETag");
      update(new DOMParser().parseFromString(await answer.text(), "text/html"));
      well();
    } else if (answer.status === 304) {
      well();
    } else throw new Error(answer.status);
  } catch {
    failures = Math.min(failures + 1, 5);
    trouble(OFFLINE);
  }
  looking = false;
  later();
}

function well() {
  failures = 0;
  trouble("");
}

function update(page) {
  if (page.documentElement.dataset.build !== document.documentElement.dataset.build) {
    // not at once again: two versions may answer in turn while one replaces the other
    if (!typed() && performance.now() > 60_000) return location.reload();
    if (typed()) return trouble("A newer version of this page is there: load it again when you have sent what you typed.");
  }
  const heard = $("[data-announce]")?.textContent.trim();
  const fresh = $("main", page), now = $("main");
  now.dataset.refresh = fresh.dataset.refresh ?? "";
  $("p.done", now)?.remove();
  merge(now, fresh);
  showTimes();
  const said = $("[data-announce]")?.textContent.trim();
  if (said && said !== heard) $("#announce").textContent = said;
}

// change what differs, and leave alone what a person uses: focus, open details, typed text
function merge(now, fresh) {
  const olds = [...now.childNodes], news = [...fresh.childNodes];
  news.forEach((node, at) => {
    const old = olds[at];
    if (!old) return now.append(node);
    if (old.nodeType !== node.nodeType || old.nodeName !== node.nodeName) return old.replaceWith(node);
    if (node.nodeType !== Node.ELEMENT_NODE) {
      if (old.data !== node.data) old.data = node.data;
      return;
    }
    if (node.nodeName === "TIME") {
      if (old.dateTime === node.dateTime) return;
      old.title = "";
    }
    if (old.matches("textarea, select, input:not([type=hidden])")) return;
    for (const { name, value } of node.attributes) {
      if (old.getAttribute(name) !== value) old.setAttribute(name, value);
    }
    for (const { name } of [...old.attributes]) {
      if (!node.hasAttribute(name) && !(name === "open" || name === "title")) old.removeAttribute(name);
    }
    merge(old, node);
  });
  for (const old of olds.slice(news.length)) old.remove();
}

// a form is sent beside the page, so that nothing typed is lost when nobody answers
const typed = () => [...all("textarea, input:not([type=hidden])")].some((one) => one.value !== one.defaultValue);

document.addEventListener("submit", async (event) => {
  const form = event.target, button = event.submitter;
  if (form.method !== "post") return;
  event.preventDefault();
  if (button?.ariaDisabled || form.ariaBusy) return;
  const label = button?.textContent;
  if (button) button.ariaDisabled = "true";
  if (button?.dataset.busy) $("#announce").textContent = button.textContent = button.dataset.busy;
  form.ariaBusy = "true";
  try {
    const body = new URLSearchParams(new FormData(form, button));
    const answer = await fetch(form.action, { method: "POST", body });
    if (answer.status === 401) {
      trouble(`${SIGNED_OUT} What you typed is still here.`, location.href);
    } else if (answer.redirected && !("next" in form.dataset)) {
      leaving = true;
      return location.assign(answer.url);
    } else if (answer.headers.get("Content-Type")?.startsWith("text/html")) {
      const page = new DOMParser().parseFromString(await answer.text(), "text/html");
      if (show(page, answer.redirected ? clean(answer.url) : new URL(location.href))) return;
      if ("stay" in form.dataset && $("[data-stay]", page)) {
        $("main").replaceWith($("main", page));
        trouble("");
        showTimes();
        return $("[data-problem], [data-result]")?.focus();
      }
      trouble($("[data-problem]", page)?.textContent.trim() || OFFLINE);
    } else throw new Error(answer.status);
  } catch {
    trouble("Nothing was sent: Landfall cannot be reached. What you typed is still here; try again.");
  }
  if (button) button.ariaDisabled = null;
  if (button?.dataset.busy) button.textContent = label;
  form.ariaBusy = null;
});

// an editor numbers its lines, goes to one at fault, and is not left by mistake
document.addEventListener("input", ({ target }) => {
  if (!target.matches(".editor textarea")) return;
  const lines = target.value.split("\n").length;
  target.rows = lines + 1;
  target.previousElementSibling.textContent = [...Array(lines)].map((_, n) => n + 1).join("\n");
});
document.addEventListener("click", ({ target }) => {
  const area = $(".editor textarea"), line = target.dataset?.line;
  if (!area || !line) return;
  const before = area.value.split("\n").slice(0, line - 1).join("\n").length + (line > 1);
  const end = area.value.indexOf("\n", before);
  setTimeout(() => {
    area.focus({ preventScroll: true });
    area.setSelectionRange(before, end < 0 ? area.value.length : end);
  });
});
addEventListener("beforeunload", (event) => {
  const editor = $(".editor")?.closest("form");
  if (!leaving && editor && ("unsaved" in editor.dataset || typed())) event.preventDefault();
});

// pages that follow one another without a load, for who decides about many things in a row
function show(page, url) {
  if (!$("[data-first]", page)) return false;
  if (page.documentElement.dataset.build !== document.documentElement.dataset.build) {
    location.assign(url);
    return true;
  }
  if (url.href !== location.href) history.pushState(null, "", url);
  document.title = page.title;
  $("main").replaceWith(document.adoptNode($("main", page)));
  trouble("");
  begin();
  $("[data-first]").focus({ preventScroll: true });
  scrollTo(0, 0);
  $("#announce").textContent = [...all("[data-say], [data-problem]")].map((one) => one.textContent.trim()).join(" ");
  // only after an act of this page: an address alone decides nothing
  $("[data-go-on]")?.requestSubmit($("[data-go-on] button"));
  return true;
}

document.addEventListener("click", async (event) => {
  const link = event.target.closest("a[data-next]");
  if (!link || event.ctrlKey || event.metaKey || event.shiftKey || event.button) return;
  event.preventDefault();
  try {
    const answer = await fetch(link.href, { redirect: "manual", cache: "no-store" });
    const page = new DOMParser().parseFromString(await answer.text(), "text/html");
    if (!show(page, new URL(link.href))) location.assign(link.href);
  } catch {
    trouble(OFFLINE);
  }
});
let shownAt = "";
const address = () => location.pathname + location.search;
addEventListener("popstate", () => address() !== shownAt && location.reload());

// single keys: never while a person types, and not where they are switched off
const keysAreOn = () => localStorage.getItem("keys") !== "off";

document.addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.altKey || event.metaKey || event.repeat || event.isComposing || !keysAreOn()) return;
  if (event.target.closest("input:not([type=radio]):not([type=checkbox]), textarea, select, [contenteditable]")) return;
  const it = $(`[data-key="${CSS.escape(event.key.toLowerCase())}"]`);
  if (!it) return;
  event.preventDefault();
  if (it.matches("form")) ($("input:checked", it) ?? $("input[type=radio]", it)).focus();
  else it.click();
});

document.addEventListener("change", ({ target }) => {
  if (target.closest("[data-keys]")) localStorage.setItem("keys", target.checked ? "on" : "off");
  const button = target.form && $("[data-edited]", target.form);
  if (!button) return;
  const edited = [...all("input", target.form)].some((one) => one.checked !== one.defaultChecked);
  button.dataset.plain ||= button.textContent;
  button.textContent = edited ? button.dataset.edited : button.dataset.plain;
});

function begin() {
  shownAt = address();
  showTimes();
  if ($("[data-keys]")) {
    $("[data-keys]").hidden = false;
    $("[data-keys] input").checked = keysAreOn();
  }
}

document.addEventListener("visibilitychange", () => (document.hidden ? clearTimeout(timer) : look()));
addEventListener("online", look);

function clean(address) {
  const url = new URL(address);
  url.searchParams.delete("did");
  return url;
}
if (location.search.includes("did=")) history.replaceState(null, "", clean(location.href));
$("#zone").textContent = `in your time zone (${zone})`;
if ($("#live")) $("#live").textContent = "News is shown by itself.";
begin();
setInterval(() => document.hidden || showTimes(), 1_000);
later();
