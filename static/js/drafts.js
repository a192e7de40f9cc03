/* Half-typed forms survive reloads, polls, refusals, a lost line and a sign-in that ran out.
 * <form data-draft="name"> inside a page with [data-scope] (the incident's uid): kept in local storage per user, scope and name, only
 * what differs from the page. Cleared after a success (desk:done) and, for all of the browser's users, at sign-out. */
const PREFIX = "desk:draft:";
const WEEK = 7 * 24 * 3600 * 1000;
const user = document.body.dataset.user;
const scope = document.querySelector("[data-scope]")?.dataset.scope ?? "desk";
const keyOf = (form) => `${PREFIX}${user}:${scope}:${form.dataset.draft}`;
const timers = new WeakMap();
let leaving = false; // signed out: nothing is written any more

function fields(form) {
  return [...form.elements].filter((f) => f.name && !["hidden", "password", "file", "submit", "button"].includes(f.type) && f.name !== "aud" && f.name !== "show");
}

function read(form) {
  const kept = {};
  for (const f of fields(form)) {
    if (f.type === "checkbox" || f.type === "radio") {
      if (f.checked !== f.defaultChecked) kept[`${f.name}=${f.value}`] = f.checked;
    } else if (f.matches("select")) {
      const first = [...f.options].find((o) => o.defaultSelected) ?? f.options[0];
      if (f.value !== (first?.value ?? "")) kept[f.name] = f.value;
    } else if (f.value !== f.defaultValue) kept[f.name] = f.value;
  }
  return kept;
}

function save(form) {
  if (leaving) return;
  try {
    const kept = read(form);
    const id = form.hasAttribute("data-unsettled") ? form.querySelector("[name=request_id]")?.value : undefined;
    if (Object.keys(kept).length === 0) localStorage.removeItem(keyOf(form));
    else localStorage.setItem(keyOf(form), JSON.stringify({ at: Date.now(), kept, id }));
    const note = form.id === "update" ? document.querySelector("[data-saved]") : null;
    if (note) note.textContent = Object.keys(kept).length ? `draft kept here ${new Date().toLocaleTimeString([], { hour12: false })}` : "";
  } catch {
    /* storage full or forbidden: the page still holds the text */
  }
}

function restore(form) {
  let stored = null;
  try {
    stored = JSON.parse(localStorage.getItem(keyOf(form)) ?? "null");
  } catch {
    return;
  }
  if (!stored || Date.now() - stored.at > WEEK) return;
  for (const f of fields(form)) {
    if (f === document.activeElement && f.value !== f.defaultValue) continue;
    if (f.type === "checkbox" || f.type === "radio") {
      const was = stored.kept[`${f.name}=${f.value}`];
      if (was !== undefined) f.checked = was;
    } else if (stored.kept[f.name] !== undefined) f.value = stored.kept[f.name];
  }
  const id = form.querySelector("[name=request_id]");
  if (stored.id && id) {
    id.value = stored.id;
    form.setAttribute("data-unsettled", "");
  }
  form.dispatchEvent(new CustomEvent("desk:restored", { bubbles: true }));
}

const of = (event) => (event.target instanceof Element ? event.target.closest("form[data-draft]") : null);

function later(event) {
  const form = of(event);
  if (!form) return;
  clearTimeout(timers.get(form));
  timers.set(form, setTimeout(() => save(form), 250));
}

if (user) {
  for (const name of ["input", "change", "htmx:sendError", "htmx:timeout"]) document.addEventListener(name, later);
  document.addEventListener("htmx:afterRequest", (event) => of(event) && setTimeout(() => of(event).isConnected && save(of(event)), 0));
  document.addEventListener("desk:done", (event) => {
    const form = of(event);
    if (!form) return;
    clearTimeout(timers.get(form));
    try {
      localStorage.removeItem(keyOf(form));
    } catch {
      /* nothing was kept then */
    }
  });
  document.addEventListener("desk:swapped", (event) => event.target.querySelectorAll?.("form[data-draft]").forEach(restore));
  addEventListener("pagehide", () => document.querySelectorAll("form[data-draft]").forEach((form) => timers.has(form) && save(form)));
  document.querySelectorAll("form[data-draft]").forEach(restore);
}

document.addEventListener("submit", (event) => {
  if (!event.target.matches?.("[data-sign-out]")) return;
  leaving = true;
  try {
    for (const key of Object.keys(localStorage)) if (key.startsWith(PREFIX) || key.startsWith("desk:queue:")) localStorage.removeItem(key);
  } catch {
    /* nothing was kept then */
  }
});
