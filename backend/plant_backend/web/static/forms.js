// A form is sent once, and the set-up link fills its code in.

/** Watches the forms that the browser sends itself. */
export function watchForms() {
  document.addEventListener("submit", (event) => {
    const form = /** @type {HTMLFormElement} */ (event.target);
    if (form.method === "dialog" || event.defaultPrevented) return;
    if (form.dataset.sent) return event.preventDefault();
    form.dataset.sent = "yes";
  });
  // Back brings the page as it was left.
  addEventListener("pageshow", () => {
    for (const form of document.querySelectorAll("form[data-sent]")) form.removeAttribute("data-sent");
  });
  takeSetupToken();
}

function takeSetupToken() {
  const token = location.hash.slice(1);
  const area = document.querySelector("[data-setup] [data-token-field]");
  const input = area?.querySelector("input");
  if (!token || !area || !input) return;
  input.value = token;
  /** @type {HTMLElement} */ (area).hidden = true;
  // Neither the history nor a shared screen keeps the code.
  history.replaceState(null, "", location.pathname);
}
