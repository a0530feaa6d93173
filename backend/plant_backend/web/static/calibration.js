// Takes the newest raw value of a probe into a field.

/** Watches the buttons that take a reading. */
export function watchReadings() {
  document.addEventListener("click", (event) => {
    const button = /** @type {HTMLElement | null} */ (/** @type {Element} */ (event.target).closest("[data-take]"));
    const input = document.getElementById(button?.dataset.take ?? "");
    const raw = document.getElementById("raw-now")?.dataset.raw;
    if (input instanceof HTMLInputElement && raw) input.value = raw;
  });
}
