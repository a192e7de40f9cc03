/* One hidden status line for what must be heard, said once. Hears desk:say {detail: text}; reads data-loud, data-title and data-waiting
 * of the page's state region after each swap. Clocks are never spoken. desk:done-said {detail: text} is also shown for some seconds, where it
 * covers nothing and cannot be pressed; `?done=` leaves the address once the page has said it, so that a reload does not say it again. */
const line = document.querySelector("[data-said]");
const toast = document.querySelector("[data-toast]");
let last = "";
let shown = 0;

function say(text) {
  if (!line || !text) return;
  line.textContent = "";
  requestAnimationFrame(() => {
    line.textContent = text;
  });
}

function read() {
  const state = document.querySelector("#r-state, #r-board-line");
  if (!state) return;
  if (state.dataset.title && document.title !== state.dataset.title) document.title = state.dataset.title;
  if (state.dataset.loud && state.dataset.loud !== last) say(state.dataset.loud);
  last = state.dataset.loud ?? "";
  const count = document.querySelector("[data-waiting-count]");
  if (count && state.dataset.waiting !== undefined) {
    count.textContent = state.dataset.waiting;
    count.hidden = state.dataset.waiting === "0";
  }
}

document.addEventListener("desk:say", (event) => say(event.detail));
document.addEventListener("desk:done-said", (event) => {
  say(event.detail);
  if (!toast) return;
  toast.lastElementChild.textContent = event.detail;
  toast.hidden = false;
  clearTimeout(shown);
  shown = setTimeout(() => {
    toast.hidden = true;
  }, 5000);
});
if (new URLSearchParams(location.search).has("done")) history.replaceState(null, "", location.pathname + location.hash);
document.addEventListener("desk:swapped", read);
last = document.querySelector("#r-state")?.dataset.loud ?? "";
