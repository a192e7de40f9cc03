/* The user menu's switches act at once and are kept by the server: <form data-preferences> with theme and shortcuts. */
const form = document.querySelector("[data-preferences]");

form?.addEventListener("change", () => {
  const data = new FormData(form);
  const theme = data.get("theme");
  if (theme === "auto") document.documentElement.removeAttribute("data-theme");
  else document.documentElement.dataset.theme = String(theme);
  document.body.toggleAttribute("data-shortcuts", data.get("shortcuts") === "on");
  fetch(form.action, { method: "POST", body: new URLSearchParams(data), headers: { "HX-Request": "true" }, credentials: "same-origin" }).catch(() => {
    /* the switch holds for this page; the next one asks the server again */
  });
});
