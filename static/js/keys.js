/* Single keys. A press of a key clicks (or focuses) the first visible element with that data-key: "u", "Shift+a", "Alt+1", "/", "Escape".
 * Off while a field has the focus and when the user switched them off (no data-shortcuts on <body>); chords with Alt always work.
 * Besides: "?" lists them, G then a letter goes to a page, J and K move, Home is the newest entry, 1-5 is said as desk:kind. Esc leaves a field. */
const GO = { d: "/", i: "/incidents/" };
let going = 0;

const typing = (el) => el instanceof Element && el.matches("textarea, select, [contenteditable], input:not([type=radio], [type=checkbox], [type=button], [type=submit])");
const seen = (el) => el.offsetParent !== null || (el.matches("summary") && el.getClientRects().length > 0) || (el.matches("input") && el.closest("label")?.offsetParent != null);

function nameOf(event) {
  const key = event.key.length === 1 ? event.key.toLowerCase() : event.key;
  const digit = /^Digit(\d)$/.exec(event.code)?.[1];
  if (event.altKey) return `Alt+${digit ?? key}`;
  return event.shiftKey && /^[a-z]$/.test(key) ? `Shift+${key}` : key;
}

function press(el) {
  if (el.matches("textarea, input:not([type=radio], [type=checkbox]), select")) el.focus();
  else el.click();
  if (el.matches("summary, [data-focus]")) el.scrollIntoView({ block: "nearest" });
}

function move(step) {
  const rows = [...document.querySelectorAll("[data-row], .entry")].filter(seen);
  if (!rows.length) return;
  const at = rows.findIndex((row) => row === document.activeElement || row.contains(document.activeElement));
  const row = rows[Math.max(0, Math.min(rows.length - 1, at < 0 ? 0 : at + step))];
  if (!row.matches("a")) row.tabIndex = -1;
  row.focus();
  row.scrollIntoView({ block: "nearest" });
}

function special(key, event) {
  if (key === "?") document.querySelector("[data-shortcut-list]")?.showModal();
  else if (key === "g") going = Date.now();
  else if (key === "j") move(1);
  else if (key === "k") move(-1);
  else if (key === "d") location.assign("/declare/");
  else if (key === "Home") {
    document.getElementById("r-log")?.scrollIntoView({ block: "start" });
    document.querySelector("[data-newest]")?.click();
  } else if (/^[1-5]$/.test(key)) document.dispatchEvent(new CustomEvent("desk:kind", { detail: Number(key) }));
  else return;
  if (key !== "Home") event.preventDefault();
}

document.addEventListener("keydown", (event) => {
  if (event.defaultPrevented || event.ctrlKey || event.metaKey || event.isComposing) return;
  const at = event.target;
  if (typing(at)) {
    if (event.key === "Escape" && !at.closest("dialog")) {
      event.preventDefault();
      at.blur();
    }
    if (!event.altKey) return;
  }
  if (document.querySelector("dialog[open]")) return;
  const key = nameOf(event);
  if (!event.altKey && key !== "Escape" && !document.body.hasAttribute("data-shortcuts")) return;
  if (going && Date.now() - going < 1500 && GO[key]) {
    going = 0;
    event.preventDefault();
    return location.assign(GO[key]);
  }
  going = 0;
  const target = [...document.querySelectorAll(`[data-key="${CSS.escape(key)}"]`)].find(seen);
  if (target) {
    event.preventDefault();
    press(target);
  } else if (!event.altKey) special(key, event);
});
