/** @type {Record<string, string> | undefined} */
let known;

/**
 * Gives a text in the page's language. The page brings its words along.
 * @param {string} key
 * @param {Record<string, string | number>} [values] what stands for %(name)s
 * @returns {string}
 */
export function say(key, values = {}) {
  known ??= JSON.parse(document.getElementById("words")?.textContent ?? "{}");
  const text = known?.[key] ?? key;
  return text.replace(/%\((\w+)\)s/g, (_, name) => String(values[name] ?? ""));
}
