/* One cursor poll per page.
 *
 * Finds   <… data-live="/incidents/KEY/live/" data-cursor="117" data-now data-tick [data-closed]>
 * Asks    GET <live>?after=<cursor>: 204 nothing newer; 200 regions to morph by id, header Desk-Rev the new cursor;
 *         286 the same and then silence; 401 signed out; 404 no longer visible. Every answer may carry Desk-Now and Desk-Tick.
 * Says    desk:now {now, tick} on document after every answer; desk:swapped on each region it changed; data-link on <body>.
 * Hears   incident-changed (own act), desk:ask, focus, online, visibilitychange.
 *
 * A region with the focus in a field, an open <details> or <dialog>, data-hold, or a request under way is left alone; its newest
 * fragment waits and is put in as soon as the region is free. An answer with a lower rev than the one shown is dropped.
 */
const live = document.querySelector("[data-live]");
const setting = (name, otherwise) => Number(document.body.dataset[name]) || otherwise;
const EVERY = setting("pollMs", 2000);
const HIDDEN = setting("hiddenPollMs", 30000);
const STALE = setting("staleMs", 10000);
const OFFLINE = 3 * STALE;
const GIVE_UP = 8000;
const TICK_LATE = 10000;
const MOST_ROWS = 600;

const waiting = new Map();
let cursor = live?.dataset.cursor ?? "";
let asking = false;
let again = false;
let stopped = !live || live.hasAttribute("data-closed");
let failures = 0;
let timer = 0;
let heardAt = Date.now();
let visibleAt = Date.now();
let offlineAt = 0;
let unseen = 0;
let clockNow = Date.parse(live?.dataset.now ?? "") || 0;
let clockTick = Date.parse(live?.dataset.tick ?? "") || 0;

const say = (text) => document.dispatchEvent(new CustomEvent("desk:say", { detail: text }));
const age = (ms) => {
  const s = Math.max(0, Math.round(ms / 1000));
  return s < 120 ? `${s} s` : s < 7200 ? `${Math.round(s / 60)} min` : `${Math.round(s / 3600)} h`;
};

/* ---------------------------------------------------------------- asking */
async function ask() {
  if (stopped) return;
  if (asking) {
    again = true;
    return;
  }
  clearTimeout(timer);
  asking = true;
  again = false;
  const quit = new AbortController();
  const giveUp = setTimeout(() => quit.abort(), GIVE_UP);
  try {
    const answer = await fetch(`${live.dataset.live}?after=${encodeURIComponent(cursor)}`, {
      headers: { "HX-Request": "true", Accept: "text/html" },
      credentials: "same-origin",
      cache: "no-store",
      signal: quit.signal,
    });
    await take(answer);
  } catch {
    failures += 1;
  } finally {
    clearTimeout(giveUp);
    asking = false;
    showLink();
    plan();
  }
}

function plan() {
  if (stopped) return;
  clearTimeout(timer);
  let wait = document.hidden ? HIDDEN : EVERY * (0.8 + 0.4 * Math.random());
  if (failures) wait = Math.min(HIDDEN, EVERY * 2 ** Math.min(failures, 4)) * (0.5 + Math.random());
  timer = setTimeout(ask, again ? 0 : wait);
}

async function take(answer) {
  if (answer.status === 401 || answer.status === 403 || answer.status === 404) {
    stopped = true;
    showGone(answer.status);
    return;
  }
  if (answer.status !== 204 && answer.status !== 200 && answer.status !== 286) throw new Error(String(answer.status));
  const html = answer.status === 204 ? "" : await answer.text();
  failures = 0;
  heardAt = Date.now();
  const now = answer.headers.get("Desk-Now");
  const tick = answer.headers.get("Desk-Tick");
  if (now) clockNow = Date.parse(now);
  if (tick) clockTick = Date.parse(tick);
  if (now) document.dispatchEvent(new CustomEvent("desk:now", { detail: { now, tick } }));
  if (html) {
    const rev = answer.headers.get("Desk-Rev") ?? cursor;
    if (!older(rev)) {
      cursor = rev;
      live.dataset.cursor = rev;
      steady(() => collect(html));
    }
  }
  flush();
  if (answer.status === 286) {
    stopped = true;
    tag("Closed", "");
  }
}

const older = (rev) => /^\d+$/.test(rev) && /^\d+$/.test(cursor) && Number(rev) < Number(cursor);

/* ---------------------------------------------------------------- putting in */
function collect(html) {
  const box = document.createElement("template");
  box.innerHTML = html;
  // Words were redacted: a region in use would keep them, as would a form filled in from the record. Drafts stay in this browser.
  const redacted = box.content.querySelector("#r-state")?.dataset.redacted;
  if (redacted !== undefined && live.dataset.redacted !== undefined && redacted !== live.dataset.redacted) {
    stopped = true;
    location.replace(location.pathname + location.search);
    return;
  }
  for (const part of [...box.content.children]) {
    if (part.hasAttribute("data-rows")) putRows(part);
    else if (part.id) waiting.set(part.id, part);
  }
}

/* What the eye or the hand is on stays where it is, whatever is put in above it. */
function steady(change) {
  const at = document.activeElement;
  const typing = at?.matches("input, textarea, select") && !at.closest("dialog");
  const seen = typing ? at : window.scrollY > 0 ? document.elementFromPoint(innerWidth / 2, innerHeight / 2) : null;
  const mark = typing ? at : seen?.closest(".entry, .phase, .region, [id]");
  if (!mark || mark === document.body || mark.id === "main") return change();
  const top = mark.getBoundingClientRect().top;
  const id = mark.id;
  change();
  const now = mark.isConnected ? mark : id ? document.getElementById(id) : null;
  const moved = now ? now.getBoundingClientRect().top - top : 0;
  if (Math.abs(moved) >= 1) window.scrollBy({ top: moved, behavior: "instant" });
}

function flush() {
  if (waiting.size) steady(putIn);
}

function putIn() {
  for (const [id, part] of [...waiting]) {
    const region = document.getElementById(id);
    if (!region) {
      waiting.delete(id);
    } else if (!held(region)) {
      waiting.delete(id);
      morph(region, part);
    }
  }
}

function held(region) {
  const at = document.activeElement;
  const typing = at && region.contains(at) && at.matches("input:not([type=hidden]), textarea, select, [contenteditable]");
  return typing || region.querySelector("details[open], dialog[open], [data-hold], [aria-busy=true]") !== null || region.matches("[data-hold]");
}

function morph(old, fresh) {
  const id = old.id;
  window.Idiomorph.morph(old, fresh, {
    morphStyle: "outerHTML",
    ignoreActiveValue: true,
    callbacks: {
      /* an answer somebody still reads stays; so does the request id of an act whose answer never came */
      beforeNodeMorphed: (node, next) => {
        if (node.nodeType !== 1) return true;
        if (node.matches(".answer") && node.childElementCount && !next.childElementCount) return false;
        return !(node.matches("[name=request_id]") && node.closest("[data-unsettled]"));
      },
      beforeAttributeUpdated: (name) => name !== "data-unsettled",
    },
  });
  const region = document.getElementById(id);
  if (!region) return;
  window.htmx?.process(region);
  region.dispatchEvent(new CustomEvent("desk:swapped", { bubbles: true }));
}

const seqOf = (row) => Number(row.id.slice(2));

function putRows(part) {
  const log = document.getElementById(part.id);
  if (!log) return;
  const above = log.getBoundingClientRect().top < 0;
  let fresh = 0;
  for (const row of [...part.children].reverse()) {
    const old = document.getElementById(row.id);
    if (old) {
      morph(old, row);
      continue;
    }
    row.classList.add(row.matches(".entry") ? "entry--new" : "phase--new");
    const next = [...log.children].find((other) => other.id.startsWith("e-") && seqOf(other) < seqOf(row));
    log.querySelector("[data-empty]")?.remove();
    putDay(log, row, next);
    window.htmx?.process(row);
    fresh += 1;
  }
  while (log.childElementCount > MOST_ROWS) log.lastElementChild.remove();
  if (!fresh) return;
  if (above) {
    unseen += fresh;
    showNew();
  } else {
    setTimeout(markRead, 6000);
  }
  log.dispatchEvent(new CustomEvent("desk:swapped", { bubbles: true }));
}

/* a row of another day than the one below it: a line names the day of those below */
function putDay(log, row, next) {
  const line = next?.previousElementSibling?.matches(".timeline__day") ? next.previousElementSibling : null;
  const other = next && next.dataset.day !== row.dataset.day;
  log.insertBefore(row, (other && line) || next || null);
  if (!other || line) return;
  const day = document.createElement("h3");
  day.className = "timeline__day";
  day.textContent = next.dataset.day;
  log.insertBefore(day, next);
}

function markRead() {
  for (const row of document.querySelectorAll(".entry--new")) row.classList.remove("entry--new");
}

function showNew() {
  const bar = document.querySelector("[data-newbar]");
  if (!bar) return;
  bar.hidden = unseen === 0;
  bar.querySelector("[data-newest]").textContent = unseen === 1 ? "1 new entry" : `${unseen} new entries`;
}

function toNewest() {
  unseen = 0;
  showNew();
  setTimeout(markRead, 6000);
}

/* ---------------------------------------------------------------- the line */
function tag(text, look) {
  const el = document.querySelector("[data-live-tag]");
  if (!el) return;
  el.className = `live${look ? ` live--${look}` : ""}`;
  const inner = el.querySelector(".live-text");
  if (inner.textContent !== text) inner.textContent = text;
}

function showLink() {
  showTick();
  if (stopped) return;
  const quiet = Math.min(Date.now() - heardAt, Date.now() - visibleAt + EVERY);
  const offline = !navigator.onLine || quiet >= OFFLINE;
  const state = offline ? "offline" : quiet >= STALE ? "stale" : "live";
  if (!offline) offlineAt = 0;
  else if (!offlineAt) offlineAt = navigator.onLine ? heardAt : Date.now();
  if (document.body.dataset.link !== state) {
    document.body.dataset.link = state;
    if (state !== "live") say(state === "offline" ? "You are offline. What you type is kept." : "The page is stale.");
    document.dispatchEvent(new CustomEvent("desk:link", { detail: state }));
  }
  const since = age(Date.now() - heardAt);
  if (state === "live") tag(`Live, ${since} ago`, "on");
  else tag(state === "stale" ? `Stale, last answer ${since} ago` : "Offline", state === "stale" ? "stale" : "off");
  const notice = document.querySelector("[data-link-late]");
  if (!notice) return;
  notice.hidden = state === "live";
  if (state === "live") return;
  notice.querySelector("[data-link-tag]").textContent = state === "stale" ? "Stale" : "Offline";
  notice.querySelector("[data-link-text]").textContent =
    state === "stale" ? `No answer for ${since}.` : `You are offline since ${new Date(offlineAt).toLocaleTimeString([], { hour12: false })}.`;
  const bridge = document.getElementById("r-state")?.dataset.bridge;
  notice.querySelector("[data-link-bridge]").textContent =
    state === "offline" ? `Approve and send are closed.${bridge ? ` The bridge is ${bridge}.` : ""}` : "";
}

/* how long ago the last tick was: known at the last answer, and growing since */
function showTick() {
  if (!clockNow || !live) return;
  const late = clockTick === 0 || clockNow - clockTick > TICK_LATE;
  const box = document.querySelector("[data-tick-late]");
  if (!box) return;
  if (late && box.hidden) say("The clockwork is late.");
  box.hidden = !late;
  const figure = box.querySelector("[data-tick-age]");
  if (figure && clockTick) figure.textContent = age(clockNow - clockTick + (Date.now() - heardAt));
  const text = document.querySelector("[data-live-tag]");
  if (text) text.title = clockTick ? `Last tick ${age(clockNow - clockTick)} before the last answer` : "No tick yet";
}

function showGone(status) {
  document.body.dataset.link = "offline";
  tag(status === 401 ? "Signed out" : "Not yours to see", "off");
  const notice = document.querySelector("[data-link-late]");
  if (!notice) return;
  notice.hidden = false;
  notice.querySelector("[data-link-tag]").textContent = status === 401 ? "Signed out" : "Gone";
  notice.querySelector("[data-link-text]").textContent =
    status === 401 ? "You have been signed out. Sign in again to go on." : "This page is no longer visible to you.";
  const button = notice.querySelector("[data-retry]");
  button.hidden = status !== 401;
  button.lastChild.textContent = "Sign in";
  button.dataset.signIn = "";
}

/* ---------------------------------------------------------------- what rings */
if (live) {
  document.addEventListener("incident-changed", ask);
  document.addEventListener("desk:ask", ask);
  window.addEventListener("focus", ask);
  window.addEventListener("online", () => {
    failures = 0;
    ask();
  });
  window.addEventListener("offline", showLink);
  document.addEventListener("visibilitychange", () => {
    if (document.hidden) return plan();
    visibleAt = Date.now();
    ask();
  });
  document.addEventListener("click", (event) => {
    const target = event.target instanceof Element ? event.target : null;
    const retry = target?.closest("[data-retry]");
    if (retry?.hasAttribute("data-sign-in")) {
      location.assign(`${document.body.dataset.signIn}?next=${encodeURIComponent(location.pathname + location.search)}`);
    } else if (retry) {
      failures = 0;
      ask();
    } else if (target?.closest("[data-newest]")) toNewest();
  });
  /* a region that was held may be free now */
  for (const name of ["focusout", "toggle", "close"]) document.addEventListener(name, () => setTimeout(flush, 0), true);
  window.addEventListener("scroll", () => unseen && document.getElementById("r-timeline")?.getBoundingClientRect().top > 0 && toNewest(), { passive: true });
  setInterval(showLink, 1000);
  showLink();
  if (stopped) tag("Closed", "");
  else plan();
}
