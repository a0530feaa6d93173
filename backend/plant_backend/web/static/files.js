// Copies a text of the page, or saves it as a file, without a way through the server.

import { toast } from "./toasts.js";
import { say } from "./words.js";

/** Watches the buttons that copy and save. */
export function watchFiles() {
  document.addEventListener("click", (event) => {
    const button = /** @type {HTMLElement | null} */ (
      /** @type {Element} */ (event.target).closest("[data-copy], [data-save]")
    );
    if (!button) return;
    const area = document.getElementById(button.dataset.copy ?? button.dataset.save ?? "");
    if (!(area instanceof HTMLTextAreaElement)) return;
    if (button.dataset.copy) void copy(area);
    else save(area.value, button.dataset.name ?? "file.txt");
  });
}

/** @param {HTMLTextAreaElement} area */
async function copy(area) {
  area.select();
  try {
    await navigator.clipboard.writeText(area.value);
  } catch {
    // Over plain HTTP there is no clipboard of that kind: the older way copies what is selected.
    if (!document.execCommand("copy")) return;
  }
  toast(say("copied"));
}

/**
 * @param {string} text
 * @param {string} name
 */
function save(text, name) {
  const link = document.createElement("a");
  link.href = URL.createObjectURL(new Blob([text], { type: "application/octet-stream" }));
  link.download = name;
  link.click();
  URL.revokeObjectURL(link.href);
}
