// Colours change at once; the form beside them is for browsers without this script, and for the language.

/** Watches the choices in the menu, and closes the menu when it is left. */
export function watchPreferences() {
  document.addEventListener("change", (event) => {
    const input = /** @type {HTMLInputElement} */ (event.target);
    if (input.name !== "theme" || !input.closest("[data-theme-choice]")) return;
    document.documentElement.dataset.theme = input.value;
    const path = document.body.dataset.prefix || "/";
    document.cookie = `plant_theme=${input.value}; path=${path}; max-age=31536000; samesite=lax`;
    document.dispatchEvent(new CustomEvent("plant:theme"));
  });
  document.addEventListener("click", (event) => {
    for (const menu of document.querySelectorAll("details[data-menu][open]")) {
      if (!menu.contains(/** @type {Node} */ (event.target))) menu.removeAttribute("open");
    }
  });
  document.addEventListener("keydown", (event) => {
    if (event.key !== "Escape") return;
    const menu = document.querySelector("details[data-menu][open]");
    menu?.removeAttribute("open");
    menu?.querySelector("summary")?.focus();
  });
}
