import { say } from "./words.js";

const STAYS_MS = 8000;

/**
 * Shows a short notice at the bottom, and reads it out.
 * @param {string} text
 * @param {{label: string, act: () => void}} [action]
 */
export function toast(text, action) {
  const area = document.getElementById("toasts");
  if (!area) return;
  const element = document.createElement("div");
  element.className = "toast";
  const line = document.createElement("span");
  line.textContent = text;
  const button = document.createElement("button");
  button.type = "button";
  button.textContent = action?.label ?? say("close");
  button.addEventListener("click", () => {
    element.remove();
    action?.act();
  });
  element.append(line, button);
  area.append(element);
  setTimeout(() => element.remove(), STAYS_MS);
}

/**
 * Lets a screen reader say something.
 * @param {string} text
 */
export function announce(text) {
  const area = document.getElementById("announcer");
  if (area) area.textContent = text;
}
