/* Declaring by keyboard. 1-5 jump to a question; Y, N or ? answer it (for a share: most, few, not sure); S goes to the services.
 * The suggested severity and title are taken over until the person has picked or typed their own. */
const form = document.querySelector("[data-declare]");
const title = form?.querySelector("[name=title]");
let picked = false;
let titled = Boolean(title?.value);
let question = null;

function take() {
  const verdict = document.getElementById("r-verdict");
  if (!verdict) return;
  const radio = form.querySelector(`[data-severities] [value="${verdict.dataset.suggested}"]`);
  if (!picked && radio) radio.checked = true;
  if (!titled && verdict.dataset.title) title.value = verdict.dataset.title;
  const chosen = form.querySelector("[data-severities] :checked");
  const suggested = Number(verdict.dataset.suggested);
  const lower = suggested && chosen && Number(chosen.value) > suggested;
  form.querySelector("[data-reason]").hidden = !lower;
  for (const word of document.querySelectorAll("[data-declare-as]")) word.textContent = chosen?.parentElement.textContent.trim() ?? "";
}

function answer(key) {
  const radios = [...question.querySelectorAll("[type=radio]")];
  const boxes = [...question.querySelectorAll("[type=checkbox]")];
  if (boxes.length && !radios.length) {
    boxes[0].checked = key !== "n";
    return boxes[0].dispatchEvent(new Event("change", { bubbles: true }));
  }
  const wanted = { y: ["yes", "over"], n: ["no", "under"], "?": ["unsure"] }[key];
  const radio = radios.find((r) => wanted.includes(r.value));
  if (!radio) return;
  radio.checked = true;
  radio.dispatchEvent(new Event("change", { bubbles: true }));
  go(Number(question.dataset.question) + 1);
}

function go(number) {
  const next = form.querySelector(`[data-question="${number}"]`);
  if (!next) return;
  question = next;
  const field = next.querySelector(":checked") ?? next.querySelector("input");
  field.focus({ focusVisible: true });
}

if (form) {
  // While the person has picked none, the server rates the answers itself: the last one may be faster than its suggestion.
  form.querySelector("[name=picked]").value = "";
  document.addEventListener("submit", (event) => event.target === form && !titled && (title.value = ""), true);
  title.addEventListener("input", () => {
    titled = title.value !== "";
  });
  form.querySelector("[data-severities]").addEventListener("change", () => {
    picked = true;
    form.querySelector("[name=picked]").value = "1";
    take();
  });
  form.addEventListener("focusin", (event) => {
    question = event.target.closest("[data-question]") ?? question;
  });
  document.addEventListener("htmx:afterSettle", take);
  document.addEventListener("desk:restored", take);
  document.addEventListener(
    "keydown",
    (event) => {
      const typing = event.target.matches?.("textarea, select, input:not([type=radio], [type=checkbox])");
      if (typing || event.ctrlKey || event.metaKey || event.altKey || document.querySelector("dialog[open]") || !document.body.hasAttribute("data-shortcuts")) return;
      const key = event.key.toLowerCase();
      if (/^[1-5]$/.test(key)) go(Number(key));
      else if (key === "s") form.querySelector("[data-services] input")?.focus({ focusVisible: true });
      else if (question && ["y", "n", "?"].includes(key)) answer(key);
      else return;
      event.preventDefault();
    },
    true,
  );
  take();
  if (matchMedia("(hover: hover)").matches) go(1); // a thumb needs no focus, and a ring would look like an answer
}
