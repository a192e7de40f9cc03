/* Countdowns between polls. Finds <time data-until="ISO" [data-soon="ISO"] [data-tile]> and <time data-since="ISO">, rewrites the text
 * once a second from the server's time (data-now of the page, Desk-Now of every answer) and sets the soon and late classes.
 * At the limit is in time: late begins after it. Also opens [data-opens-at] when its instant has passed. */
let ahead = 0; // server minus browser, ms

function hear(now) {
  const at = Date.parse(now);
  if (at) ahead = at - Date.now();
}

const two = (n) => String(n).padStart(2, "0");

function figure(ms) {
  const s = Math.max(0, Math.floor(ms / 1000));
  if (s >= 86400) return `${Math.floor(s / 86400)} d ${Math.floor((s % 86400) / 3600)} h`;
  const h = Math.floor(s / 3600);
  const rest = `${two(Math.floor((s % 3600) / 60))}:${two(s % 60)}`;
  return h ? `${h}:${rest}` : rest;
}

function put(el, text) {
  if (el.textContent !== text) el.textContent = text;
}

function until(el, now) {
  const left = Date.parse(el.dataset.until) - now;
  const late = left < 0;
  const soon = !late && el.dataset.soon && now >= Date.parse(el.dataset.soon);
  const tile = el.hasAttribute("data-tile");
  put(el, late ? `late ${figure(-left)}` : figure(Math.ceil(left / 1000) * 1000) + (tile ? " left" : ""));
  const box = el.closest(tile ? ".pclock" : ".clock");
  if (!box) return;
  const name = tile ? "pclock" : "clock";
  box.classList.toggle(`${name}--late`, late);
  box.classList.toggle(`${name}--soon`, Boolean(soon));
  if (!tile) return;
  box.classList.toggle("pclock--run", !late);
  const gauge = box.querySelector("progress");
  if (!gauge) return;
  gauge.classList.toggle("gauge--late", late);
  const spent = gauge.max - left / 1000;
  if (Math.abs(spent - gauge.value) < 90) gauge.value = Math.min(gauge.max, Math.max(0, spent));
}

function tick() {
  const now = Date.now() + ahead;
  for (const el of document.querySelectorAll("[data-until]")) until(el, now);
  for (const el of document.querySelectorAll("[data-since]")) put(el, figure(now - Date.parse(el.dataset.since)));
  for (const el of document.querySelectorAll("[data-opens-at]")) {
    if (now < Date.parse(el.dataset.opensAt) + 1000) continue; // the server's clock decides: never offer it a moment early
    el.hidden = false;
    const shut = document.getElementById(el.dataset.insteadOf);
    if (shut) for (const old of [shut, shut.parentElement.querySelector(".because")]) if (old) old.hidden = true;
  }
  const dock = document.querySelector("[data-dock-update]");
  const next = document.querySelector("[data-next-update]");
  if (dock && next) put(dock, next.querySelector("time") ? `, ${next.textContent.trim()}` : "");
  if (!document.title.startsWith("(!)") && document.querySelector(".clock--late time[data-until], .pclock--late time[data-until]"))
    document.title = `(!) ${document.title}`;
}

function next() {
  tick();
  setTimeout(next, 1000 - ((Date.now() + ahead) % 1000) + 5);
}

hear(document.querySelector("[data-now]")?.dataset.now);
document.addEventListener("desk:now", (event) => {
  hear(event.detail.now);
  tick();
});
document.addEventListener("desk:swapped", tick);
next();
