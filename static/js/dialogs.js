/* Opens dialogs: data-opens="id" on a button or link (its href leads to the same dialog where there is no script), data-fill-NAME puts a
 * value into the field NAME, data-opens-href takes the id from the href. On opening, fields with data-version take the version of the
 * thing decided that the page shows now. data-closes closes. Also: a menu closes on Esc and on a press outside; data-focus="id". */
function fill(dialog, opener) {
  for (const [key, value] of Object.entries(opener?.dataset ?? {})) {
    if (!key.startsWith("fill")) continue;
    const name = key.slice(4).replace(/^[A-Z]/, (c) => c.toLowerCase());
    const field = dialog.querySelector(`[name="${name}"]`);
    if (!field) continue;
    if (field.matches("select") && ![...field.options].some((o) => o.value === value))
      field.add(new Option(opener.getAttribute("aria-label") || value, value));
    field.value = value;
  }
  const state = document.getElementById("r-state");
  for (const field of dialog.querySelectorAll("[data-version]")) {
    const name = `version${field.dataset.version[0].toUpperCase()}${field.dataset.version.slice(1)}`;
    if (state?.dataset[name] !== undefined) field.value = state.dataset[name];
  }
}

function open(dialog, opener) {
  if (!dialog || dialog.open) return;
  document.querySelector("dialog[open]")?.close();
  fill(dialog, opener);
  dialog.showModal();
  dialog.querySelector("[aria-invalid=true], textarea, input:not([type=hidden]), select, button[type=submit]")?.focus();
  dialog.dispatchEvent(new CustomEvent("desk:opened", { bubbles: true }));
}

function byHash(hash) {
  const id = decodeURIComponent(hash.slice(1));
  const dialog = id ? document.getElementById(id) : null;
  return dialog instanceof HTMLDialogElement ? dialog : null;
}

document.addEventListener("click", (event) => {
  const target = event.target instanceof Element ? event.target : null;
  if (!target) return;
  const opener = target.closest("[data-opens], [data-opens-href]");
  if (opener) {
    const dialog = opener.dataset.opens ? document.getElementById(opener.dataset.opens) : byHash(opener.hash ?? "");
    if (dialog) {
      event.preventDefault();
      opener.closest("details.menu")?.removeAttribute("open");
      open(dialog, opener);
    }
    return;
  }
  if (target.closest("[data-closes]")) target.closest("dialog")?.close();
  const focus = target.closest("[data-focus]");
  if (focus) {
    event.preventDefault();
    document.getElementById(focus.dataset.focus)?.focus();
  }
  for (const menu of document.querySelectorAll("details.menu[open]")) if (!menu.contains(target)) menu.open = false;
});

document.addEventListener("keydown", (event) => {
  if (event.key !== "Escape") return;
  const menu = document.querySelector("details.menu[open]");
  if (!menu) return;
  menu.open = false;
  menu.querySelector("summary").focus();
});

/* focus goes into a folded answer when it is opened */
document.addEventListener(
  "toggle",
  (event) => {
    if (event.target.matches?.("details.fold[open]")) event.target.querySelector("textarea, input:not([type=hidden]), select")?.focus();
  },
  true,
);

open(byHash(location.hash), null);
window.addEventListener("hashchange", () => open(byHash(location.hash), null));
