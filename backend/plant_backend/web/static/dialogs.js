// Dialogs come from the server into the one <dialog> of the page: `data-dialog` holds the address of their content.
// A form with `data-confirm` asks that question before it is sent.

import { say } from "./words.js";

/** Watches what opens and closes dialogs. */
export function watchDialogs() {
  const dialog = /** @type {HTMLDialogElement | null} */ (document.getElementById("dialog"));
  if (!dialog) return;
  /** @type {HTMLElement | null} */
  let opener = null;
  /** @type {EventTarget | null} */
  let pressed = null;
  document.addEventListener("pointerdown", (event) => {
    pressed = event.target;
  });
  document.addEventListener("click", (event) => {
    const target = /** @type {Element} */ (event.target);
    const button = /** @type {HTMLElement | null} */ (target.closest("[data-dialog]"));
    if (button && button.getAttribute("aria-disabled") !== "true") {
      event.preventDefault();
      opener = button;
      void open(dialog, button.dataset.dialog ?? "", button.hasAttribute("data-dialog-acts") ? "POST" : "GET");
    }
    // Beside the dialog: neither the end of a stroke that began in it, nor the second click of two, which may be meant
    // for what stood there until the answer to the first came.
    const isBeside = target === dialog && pressed === dialog && event.detail < 2;
    if (target.closest("[data-close]") || isBeside) dialog.close();
  });
  dialog.addEventListener("close", () => {
    dialog.replaceChildren();
    // The page may have been refreshed meanwhile: the same button, or its successor, takes the focus back.
    const again = opener?.isConnected ? opener : document.getElementById(opener?.id ?? "");
    again?.focus();
  });
  // Before all others who hear of a form that is sent.
  document.addEventListener("submit", (event) => confirmed(dialog, event), { capture: true });
  document.addEventListener("input", (event) => {
    const input = /** @type {HTMLInputElement} */ (event.target);
    matchTyped(input);
    estimateVolume(input);
  });
}

/**
 * @param {HTMLDialogElement} dialog
 * @param {string} url
 * @param {"GET" | "POST"} method POST for what acts at once, and whose dialog shows what comes of it
 */
async function open(dialog, url, method) {
  await window.htmx.ajax(method, url, { target: dialog, swap: "innerHTML" });
  if (!dialog.firstElementChild) return;
  dialog.showModal();
  /** @type {HTMLElement | null} */ (dialog.querySelector("[autofocus]"))?.focus();
}

/**
 * Asks before a form is sent that cannot be taken back.
 * @param {HTMLDialogElement} dialog
 * @param {SubmitEvent} event
 */
function confirmed(dialog, event) {
  const form = /** @type {HTMLFormElement} */ (event.target);
  const question = form.dataset.confirm;
  if (!question || form.dataset.confirmed) return;
  event.preventDefault();
  event.stopImmediatePropagation();
  const body = document.createElement("div");
  body.className = "dialog-body";
  const title = document.createElement("h2");
  title.id = "dialog-title";
  title.textContent = question;
  const actions = document.createElement("div");
  actions.className = "dialog-actions";
  const cancel = button(say("cancel"), "button");
  cancel.dataset.close = "";
  const go = button(form.dataset.confirmLabel ?? "", "button danger primary");
  go.addEventListener("click", () => {
    form.dataset.confirmed = "yes";
    dialog.close();
    form.requestSubmit();
    delete form.dataset.confirmed;
  });
  actions.append(cancel, go);
  body.append(title, actions);
  dialog.replaceChildren(body);
  dialog.addEventListener("close", () => event.submitter?.focus(), { once: true });
  dialog.showModal();
  cancel.focus();
}

/**
 * @param {string} text
 * @param {string} look
 */
function button(text, look) {
  const made = document.createElement("button");
  made.type = "button";
  made.className = look;
  made.textContent = text;
  return made;
}

/**
 * A button that waits for a name to be typed.
 * @param {HTMLInputElement} input
 */
function matchTyped(input) {
  const wanted = input.dataset?.mustBe;
  const button = input.form?.querySelector("button[data-when-typed]");
  if (wanted !== undefined && button) button.toggleAttribute("disabled", input.value.trim() !== wanted);
}

/**
 * How much water so many seconds are.
 * @param {HTMLInputElement} input
 */
function estimateVolume(input) {
  const rate = Number(input.dataset?.mlPerS);
  const output = input.form?.querySelector("[data-volume]");
  if (!rate || !output) return;
  const format = new Intl.NumberFormat(document.documentElement.lang, { maximumFractionDigits: 0 });
  output.textContent = `${format.format(rate * (Number(input.value) || 0))}\u00a0ml`;
}
