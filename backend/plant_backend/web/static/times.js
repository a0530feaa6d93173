// Keeps "12 min ago" true, and tells the server which zone the person is in.

const EVERY_MS = 10_000;

/** @type {WeakMap<Element, {from: string, born: number}>} */
const born = new WeakMap();

/** Keeps all times on the page up to date. */
export function keepTimes() {
  const zone = Intl.DateTimeFormat().resolvedOptions().timeZone;
  if (zone && !document.cookie.includes(`plant_zone=${zone};`) && !document.cookie.endsWith(`plant_zone=${zone}`)) {
    document.cookie = `plant_zone=${zone}; path=${document.body.dataset.prefix || "/"}; max-age=31536000; samesite=lax`;
  }
  tick();
  setInterval(tick, EVERY_MS);
  document.addEventListener("htmx:after:swap", tick);
}

function tick() {
  const format = new Intl.RelativeTimeFormat(document.documentElement.lang, { numeric: "always", style: "long" });
  for (const element of document.querySelectorAll("time[data-age-s]")) {
    const from = `${element.getAttribute("datetime")} ${element.getAttribute("data-age-s")}`;
    let known = born.get(element);
    if (known?.from !== from) born.set(element, (known = { from, born: performance.now() }));
    const waited = (performance.now() - known.born) / 1000;
    // The first text is the server's: only what has aged since is written anew.
    if (waited < EVERY_MS / 2000) continue;
    const text = words(Number(element.getAttribute("data-age-s")) + waited, format);
    if (element.textContent !== text) element.textContent = text;
  }
}

/**
 * @param {number} age in seconds
 * @param {Intl.RelativeTimeFormat} format
 */
function words(age, format) {
  const size = Math.abs(age);
  /** @type {[number, Intl.RelativeTimeFormatUnit]} */
  const [step, unit] =
    size < 72 ? [1, "second"] : size < 4320 ? [60, "minute"] : size < 103_680 ? [3600, "hour"] : [86_400, "day"];
  return format.format(-Math.round(age / step), unit);
}
