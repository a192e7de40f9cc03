/* The composer of the war room: <form data-composer>. Keys 1-5 choose the kind (with no field in focus, or from the empty text).
 * Without a line an entry is put into a queue of this browser under its request id, and sent once when the line is back; the time it
 * was written goes along. One that lacks what its kind needs (data-needed-by) is not queued but said at once, as the desk would. A
 * queued entry that is refused stays visible with the reason. */
const form = document.querySelector("form[data-composer]");
const text = form?.querySelector("[name=text]");
const held = form?.querySelector("[data-held]");
const KINDS = ["finding", "theory", "question", "change", "action"];
const KEY = `desk:queue:${document.body.dataset.user}:${document.querySelector("[data-scope]")?.dataset.scope ?? "desk"}`;
const ASKS = {
  theory: "What may be the cause? It is not a finding until something shows it.",
  question: "What must somebody answer?",
  action: "What did you do?",
  decision: "What is decided?",
  nothing: "What did you check, and it was not that?",
  note: "Anything worth keeping.",
};
const first = text?.placeholder;
let ahead = 0;

const load = () => {
  try {
    return JSON.parse(localStorage.getItem(KEY) ?? "[]");
  } catch {
    return [];
  }
};
const store = (queue) => {
  try {
    if (queue.length) localStorage.setItem(KEY, JSON.stringify(queue));
    else localStorage.removeItem(KEY);
  } catch {
    return false;
  }
  show();
  return true;
};

function show() {
  if (!held) return;
  held.replaceChildren(
    ...load().map((item) => {
      const line = document.createElement("p");
      const word = document.createElement("b");
      word.textContent = item.refused ? `Not saved: ${item.refused} ` : "Waits for the line: ";
      const said = document.createElement("span");
      said.textContent = item.fields.text;
      line.append(word, said);
      if (item.refused) {
        const back = document.createElement("button");
        back.type = "button";
        back.className = "btn btn--small";
        back.textContent = "Back into the composer";
        back.dataset.back = item.id;
        line.append(" ", back);
      }
      return line;
    }),
  );
}

function choose(kind) {
  const radio = form.querySelector(`[name=kind][value=${kind}]`);
  radio.checked = true;
  radio.dispatchEvent(new Event("change", { bubbles: true }));
  (kind === "change" ? form.querySelector("[name=what]") : text).focus();
}

function keep() {
  const fields = {};
  for (const [name, value] of new FormData(form)) if (typeof value === "string" && name !== "csrfmiddlewaretoken") fields[name] = value;
  fields.happened_at ||= new Date(Date.now() + ahead).toISOString();
  if (!store([...load(), { id: fields.request_id, fields }])) return false;
  form.dispatchEvent(new CustomEvent("desk:done", { bubbles: true }));
  form.reset();
  form.querySelector(".answer")?.replaceChildren();
  form.querySelector("[name=request_id]").value = crypto.randomUUID();
  document.dispatchEvent(new CustomEvent("desk:say", { detail: "Kept here. It is sent when the line is back." }));
  return true;
}

/* what the chosen kind needs and is not there; the first such field says so and gets the focus */
function lacking() {
  for (const old of form.querySelectorAll("[data-needed-by][aria-invalid]")) old.removeAttribute("aria-invalid");
  form.querySelector(".error[data-lacks]")?.remove();
  const kind = form.querySelector("[name=kind]:checked")?.value;
  const field = [...form.querySelectorAll(`[data-needed-by="${kind}"]`)].find((f) => f.value.trim() === "");
  if (!field) return false;
  const said = document.createElement("span");
  said.className = "error";
  said.id = "e-entries-lacking";
  said.dataset.lacks = "";
  said.dataset.made = "";
  said.textContent = field.dataset.lacking;
  (field.closest(".field") ?? field.closest(".composer__pair")).after(said);
  field.setAttribute("aria-invalid", "true");
  field.setAttribute("aria-describedby", said.id);
  field.focus();
  return true;
}

async function send() {
  if (!load().some((item) => !item.refused) || !navigator.onLine) return;
  const run = async () => {
    for (const item of load().filter((i) => !i.refused)) {
      const body = new URLSearchParams({ ...item.fields, csrfmiddlewaretoken: form.querySelector("[name=csrfmiddlewaretoken]")?.value ?? "" });
      let answer;
      try {
        answer = await fetch(form.getAttribute("action"), { method: "POST", body, headers: { "HX-Request": "true" }, credentials: "same-origin" });
      } catch {
        return;
      }
      if (answer.status === 401 || answer.status === 429 || answer.status >= 500) return;
      if (answer.ok) store(load().filter((i) => i.id !== item.id));
      else {
        const said = new DOMParser().parseFromString(await answer.text(), "text/html").querySelector("[data-headline]")?.textContent ?? "the desk refused it.";
        store(load().map((i) => (i.id === item.id ? { ...i, refused: said } : i)));
      }
    }
    document.dispatchEvent(new CustomEvent("desk:ask"));
  };
  if (navigator.locks) await navigator.locks.request(KEY, { ifAvailable: true }, (lock) => lock && run());
  else await run();
}

if (form) {
  form.addEventListener("change", (event) => {
    if (event.target.name === "kind") text.placeholder = ASKS[event.target.value] ?? first;
  });
  form.addEventListener("reset", () => {
    text.placeholder = first;
  });
  const queueable = () => form.querySelector("[name=kind]:checked")?.value !== "change" && text.value.trim() !== "";
  form.addEventListener("htmx:beforeRequest", (event) => {
    if (event.target !== form || navigator.onLine || !queueable()) return;
    event.preventDefault();
    if (!lacking()) keep();
  });
  for (const name of ["htmx:sendError", "htmx:timeout"])
    form.addEventListener(name, (event) => {
      if (event.target === form && queueable() && !lacking() && keep()) form.setAttribute("data-queued", "");
    });
  document.addEventListener("desk:now", (event) => {
    ahead = Date.parse(event.detail.now) - Date.now() || 0;
    send();
  });
  window.addEventListener("online", send);
  held?.addEventListener("click", (event) => {
    const id = event.target.dataset?.back;
    const item = load().find((i) => i.id === id);
    if (!item) return;
    for (const name of ["text", "source", "value", "why", "result"]) if (form.elements[name]) form.elements[name].value = item.fields[name] ?? "";
    choose(item.fields.kind ?? "finding");
    store(load().filter((i) => i.id !== id));
  });
  text.addEventListener("keydown", (event) => {
    if (text.value === "" && !event.ctrlKey && !event.metaKey && !event.altKey && /^[1-5]$/.test(event.key)) {
      event.preventDefault();
      choose(KINDS[event.key - 1]);
    }
  });
  document.addEventListener("desk:kind", (event) => choose(KINDS[event.detail - 1]));
  show();
  send();
}
