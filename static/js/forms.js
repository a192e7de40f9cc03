/* Every write: <form data-write="noun" hx-post=…> with an .answer box and a hidden request_id.
 *
 * A second press while one is under way is dropped. After any answer the form gets one fresh request id; when no answer came it keeps
 * the old one (data-unsettled), so that sending again is done once. 409 hands over the fresh version, 422 marks the fields, 401 offers
 * the sign-in; what was typed always stays. Says desk:done on the form after a success. Ctrl+Enter sends. */
const busy = (form, on) => {
  form.toggleAttribute("data-busy", on);
  if (on) form.setAttribute("aria-busy", "true");
  else form.removeAttribute("aria-busy");
  for (const button of form.querySelectorAll("button[type=submit]"))
    on ? button.setAttribute("aria-busy", "true") : button.removeAttribute("aria-busy");
};

const fresh = (form) => {
  const field = form.querySelector("[name=request_id]");
  if (field) field.value = crypto.randomUUID?.() ?? "10000000-1000-4000-8000-100000000000".replace(/[018]/g, (c) => (c ^ (crypto.getRandomValues(new Uint8Array(1))[0] & (15 >> (c / 4)))).toString(16));
  form.removeAttribute("data-unsettled");
};

const lastButton = new WeakMap();
const say = (text) => document.dispatchEvent(new CustomEvent("desk:say", { detail: text }));
const isWrite = (el) => el instanceof HTMLFormElement && el.hasAttribute("data-write");

function el(name, attrs, ...inner) {
  const node = document.createElement(name);
  for (const [key, value] of Object.entries(attrs)) node.setAttribute(key, value);
  node.append(...inner);
  return node;
}

function notice(form, tag, text, ...more) {
  const box = form.querySelector(".answer");
  if (!box) return;
  box.replaceChildren(
    el("div", { class: "notice notice--error", role: "alert" }, el("span", { class: "tag tag--ink" }, tag), el("p", {}, el("b", {}, text)), ...more),
  );
}

function clearErrors(form) {
  form.querySelector(".answer")?.replaceChildren();
  for (const field of form.querySelectorAll("[aria-invalid]")) {
    field.removeAttribute("aria-invalid");
    field.removeAttribute("aria-describedby");
  }
  for (const text of form.querySelectorAll(".error[data-made]")) text.remove();
}

function markFields(form) {
  let first = null;
  for (const line of form.querySelectorAll(".answer [data-field]")) {
    const name = line.dataset.field;
    const field = form.querySelector(`[name="${CSS.escape(name)}"]:not([type=hidden])`);
    if (!field) continue;
    const id = `e-${form.dataset.write}-${name}`;
    const text = el("span", { class: "error", id, "data-made": "" }, line.textContent);
    field.setAttribute("aria-invalid", "true");
    field.setAttribute("aria-describedby", id);
    (field.closest(".field") ?? field.parentElement).append(text);
    first ??= field;
  }
  (first ?? form.querySelector(".answer [role=alert]"))?.focus?.();
}

function done(form, html) {
  const headline = new DOMParser().parseFromString(html || "", "text/html").querySelector("[data-headline]")?.textContent;
  if (headline) document.dispatchEvent(new CustomEvent(form.hasAttribute("data-composer") ? "desk:say" : "desk:done-said", { detail: headline }));
  const warned = form.querySelector(".answer [data-warning]");
  const kept = warned?.closest(".notice");
  form.dispatchEvent(new CustomEvent("desk:done", { bubbles: true }));
  form.reset();
  if (kept) document.querySelector("[data-answers]")?.replaceChildren(kept);
  form.querySelector(".answer")?.replaceChildren();
  form.closest("dialog")?.close();
  form.closest("details.fold")?.removeAttribute("open");
  document.dispatchEvent(new CustomEvent("desk:ask"));
}

function signedOut(form) {
  const url = `${document.body.dataset.signIn}?next=${encodeURIComponent(location.pathname + location.search)}`;
  notice(form, "Signed out", "Your sign-in ran out. Nothing was saved; your text stays here.", el("a", { class: "btn push", href: url }, "Sign in"));
}

document.body.addEventListener("htmx:beforeRequest", (event) => {
  const form = event.detail.elt;
  if (!isWrite(form)) return;
  if (form.hasAttribute("data-busy")) return event.preventDefault();
  const button = event.detail.requestConfig?.triggeringEvent?.submitter;
  if (document.body.dataset.link === "offline" && button?.hasAttribute("data-online")) {
    event.preventDefault();
    return notice(form, "Offline", "Nothing was sent. This act is closed until the line is back; your text stays here.");
  }
  if (event.defaultPrevented) return;
  if (button) lastButton.set(form, button);
  clearErrors(form);
  busy(form, true);
});

/* a sign-in that ran out is said beside the form; nobody is led off a page that they were writing on */
document.body.addEventListener("htmx:beforeOnLoad", (event) => {
  if (isWrite(event.detail.elt) && event.detail.xhr.status === 401) event.preventDefault();
});

/* a success shows itself on the page; only its warnings are worth a notice. A page that is no answer of ours is not put into the form. */
document.body.addEventListener("htmx:beforeSwap", (event) => {
  const form = event.detail.elt;
  if (!isWrite(form)) return;
  const { status, responseText } = event.detail.xhr;
  if (status < 400) event.detail.shouldSwap = responseText.includes("data-warning");
  else if (!responseText.includes("data-answer")) event.detail.shouldSwap = false;
});

document.body.addEventListener("htmx:afterRequest", (event) => {
  const form = event.detail.elt;
  if (!isWrite(form)) return;
  busy(form, false);
  const { xhr } = event.detail;
  const status = xhr?.status ?? 0;
  if (status === 0) {
    form.setAttribute("data-unsettled", "");
    if (form.hasAttribute("data-queued")) return form.removeAttribute("data-queued");
    const send = el("button", { class: "btn btn--primary push", type: "button" }, "Send again");
    send.addEventListener("click", () => (lastButton.get(form) ?? form.querySelector("button[type=submit]")).click());
    return notice(form, "No answer", "The desk did not answer. Your text is kept, and sending again is safe: it is done once.", send);
  }
  if (status >= 500 && status !== 503) form.setAttribute("data-unsettled", "");
  else fresh(form);
  if (status < 400) return done(form, xhr.responseText);
  if (status === 401) return signedOut(form);
  const answer = form.querySelector(".answer [data-answer]");
  if (!answer) {
    const known = { 403: "You may not do this, or the page is too old. Reload it; your text is kept.", 404: "This is no longer there.", 413: "This is too long.", 429: "Too many at once. Wait a moment and send again." };
    return notice(form, "Not saved", known[status] ?? "The desk could not save this. Nothing is lost: send it again in a moment.");
  }
  const version = answer.dataset.version;
  if (version) for (const field of form.querySelectorAll("[name=seen_version], [name=seen_upto]")) field.value = version;
  markFields(form);
  document.dispatchEvent(new CustomEvent("desk:ask"));
});

document.addEventListener("keydown", (event) => {
  if (event.key !== "Enter" || !(event.ctrlKey || event.metaKey)) return;
  const at = event.target instanceof Element ? event.target : null;
  const form = at?.closest("form[data-write]") ?? (document.querySelector("dialog[open]") ? null : document.querySelector("form#declare, form#update"));
  if (!form) return;
  const button = [...form.querySelectorAll("button[type=submit]")].find((b) => b.offsetParent !== null && !b.disabled && !b.closest(".answer"));
  if (!button) return;
  event.preventDefault();
  button.click();
});
