// Single keys for those who like them. The help lists them, and switches them off: who dictates has them typed by words.

const CHORD_MS = 1500;

/** Watches the keys of the page, unless they are switched off. */
export function watchShortcuts() {
  if (document.body.dataset.keys !== "on") return;
  let chordUntil = 0;
  document.addEventListener("keydown", (event) => {
    // Where brackets need AltGr, browsers call that Ctrl and Alt.
    const isCommand = event.metaKey || ((event.ctrlKey || event.altKey) && !event.getModifierState("AltGraph"));
    if (event.defaultPrevented || isCommand || isTyping(event.target)) return;
    const isChord = performance.now() < chordUntil;
    chordUntil = 0;
    if (isChord) return void (press(`[data-go="${CSS.escape(event.key)}"]`) && event.preventDefault());
    if (event.key === "g") chordUntil = performance.now() + CHORD_MS;
    else if (event.key === "?") press('[data-go="h"]');
    else if (event.key === "/") {
      const field = /** @type {HTMLInputElement | null} */ (document.querySelector("[data-search]"));
      event.preventDefault();
      if (field) field.focus();
      else press('[data-go="d"]');
    } else if (event.key === "[") press('[data-act="earlier"]');
    else if (event.key === "]") press('[data-act="later"]');
  });
}

/** @param {EventTarget | null} target */
function isTyping(target) {
  return document.querySelector("dialog[open]") !== null || (target instanceof Element && target.matches("input, textarea, select"));
}

/**
 * @param {string} selector
 * @returns {boolean} whether there was something to press
 */
function press(selector) {
  const element = /** @type {HTMLElement | null} */ (document.querySelector(selector));
  element?.click();
  return element !== null;
}
