// The chart of one sensor. What it shows is in the address; the server gives the data for each span.

import { say } from "./words.js";

/**
 * @typedef {object} Data
 * @property {number} since
 * @property {number} until
 * @property {string} unit
 * @property {number | null} bucket_s
 * @property {number[]} t
 * @property {(number | null)[]} mean
 * @property {(number | null)[]} [min]
 * @property {(number | null)[]} [max]
 * @property {[number | null, number | null]} limits
 * @property {[number, number][]} runs
 * @property {[number, string][]} alerts
 * @property {number[]} refills
 */

const SHORTEST_S = 300;
const LONGEST_S = 20 * 366 * 86_400;
const REFRESH_MS = 5_000;
const FONT = "12px Figtree";

/** @param {HTMLElement} element */
async function start(element) {
  const chart = new Chart(element);
  // What is drawn in another font stays so. Without it the chart is drawn all the same.
  await document.fonts.load(FONT, "0").catch(() => []);
  await chart.load();
  chart.watch();
}

class Chart {
  /** @param {HTMLElement} element */
  constructor(element) {
    this.element = element;
    /** @type {Record<string, string>} */
    this.words = JSON.parse(document.getElementById("chart-words")?.textContent ?? "{}");
    /** @type {Record<string, string>} */
    this.alertWords = JSON.parse(document.getElementById("alert-words")?.textContent ?? "{}");
    const { range, since, until } = element.dataset;
    /** @type {{range: string} | {since: number, until: number}} */
    this.span = range ? { range } : { since: seconds(since), until: seconds(until) };
    /** @type {{range: string} | {since: number, until: number}} */
    this.home = range ? { range } : { range: "24h" };
    /** @type {Data | null} */
    this.data = null;
    /** What it is compared with. @type {Data | null} */
    this.other = null;
    /** What is drawn, by its place along the axis of times. @type {any[][]} */
    this.columns = [];
    /** @type {any} */
    this.plot = null;
    this.index = -1;
    this.loading = 0;
  }

  /** @returns {URLSearchParams} */
  query() {
    const query = new URLSearchParams({ sensor: this.element.dataset.sensor ?? "" });
    if ("range" in this.span) query.set("range", this.span.range);
    else {
      query.set("since", iso(this.span.since));
      query.set("until", iso(this.span.until));
    }
    if (this.element.dataset.with) query.set("with", this.element.dataset.with);
    return query;
  }

  /**
   * Fetches the data of the span and draws it.
   * @param {boolean} [isUnasked] nobody waits for it: where it cannot be had, what is drawn stays
   */
  async load(isUnasked = false) {
    const turn = ++this.loading;
    this.element.setAttribute("aria-busy", "true");
    try {
      const response = await fetch(`${this.element.dataset.url}?${this.query()}`, { cache: "no-store" });
      if (response.redirected) return location.reload();
      if (!response.ok) throw new Error(response.headers.get("x-request-id") ?? "");
      const data = /** @type {Data} */ (await response.json());
      const other = await this.fetchOther(data);
      // A later wish has overtaken this one.
      if (turn !== this.loading) return;
      this.data = data;
      this.other = other;
      this.draw();
    } catch (error) {
      if (turn === this.loading && !(isUnasked && this.plot)) this.fail(/** @type {Error} */ (error));
    } finally {
      if (turn === this.loading) this.element.removeAttribute("aria-busy");
    }
  }

  /**
   * Fetches what it is compared with, over the very same span.
   * @param {Data} data
   * @returns {Promise<Data | null>}
   */
  async fetchOther(data) {
    const { withUrl, withSensor } = this.element.dataset;
    if (!withUrl) return null;
    const query = new URLSearchParams({ sensor: withSensor ?? "", since: iso(data.since), until: iso(data.until) });
    const response = await fetch(`${withUrl}?${query}`, { cache: "no-store" });
    if (!response.ok) throw new Error(response.headers.get("x-request-id") ?? "");
    return response.json();
  }

  /** @param {Error} error */
  fail(error) {
    const box = document.createElement("div");
    box.className = "notice bad chart-failed";
    box.setAttribute("role", "alert");
    const line = document.createElement("p");
    line.textContent = `${this.words.failed} ${error.message}`;
    const again = document.createElement("button");
    again.className = "button small";
    again.textContent = this.words.retry ?? "";
    again.addEventListener("click", () => this.load());
    box.append(line, again);
    this.plot?.destroy();
    this.plot = null;
    this.element.replaceChildren(box);
  }

  /** Draws what was fetched. */
  draw() {
    const data = this.data;
    if (!data) return;
    this.plot?.destroy();
    this.element.replaceChildren();
    const colours = palette();
    const hasSpread = Boolean(data.min && data.max);
    /** @type {any[]} */
    const series = [
      {},
      { stroke: colours.water, width: 2, spanGaps: false, points: { show: data.t.length < 60, size: 5 } },
      ...(hasSpread ? [{ stroke: "transparent", points: { show: false } }, { stroke: "transparent", points: { show: false } }] : []),
    ];
    const other = this.other;
    // Of one unit they share their scale: only then the two lines can be compared by height.
    const isOwnScale = Boolean(other && other.unit !== data.unit);
    if (other) series.push({ stroke: colours.soil, width: 2, dash: [6, 4], spanGaps: false, points: { show: false }, scale: isOwnScale ? "other" : "y" });
    const axis = { stroke: colours.muted, grid: { stroke: colours.line, width: 1 }, ticks: { stroke: colours.line }, font: `${FONT}, sans-serif` };
    const options = {
      width: this.element.clientWidth,
      height: this.element.clientHeight,
      tzDate: (/** @type {number} */ s) => window.uPlot.tzDate(new Date(s * 1000), this.element.dataset.zone),
      legend: { show: false },
      cursor: { drag: { x: true, y: false, setScale: false }, points: { size: 8, fill: colours.water } },
      select: { show: true },
      scales: { x: { time: true, range: () => [data.since, data.until] }, y: { range: (/** @type {any} */ _, /** @type {number} */ low, /** @type {number} */ high) => air(low, high, data) } },
      axes: [
        { ...axis, values: (/** @type {any} */ _, /** @type {number[]} */ splits) => times(splits, data.until - data.since, this.element.dataset.zone) },
        { ...axis, size: 46, values: (/** @type {any} */ _, /** @type {number[]} */ splits) => splits.map((value) => number(value, 1)) },
        ...(isOwnScale ? [{ ...axis, scale: "other", side: 1, stroke: colours.soil, size: 46, grid: { show: false }, values: (/** @type {any} */ _, /** @type {number[]} */ splits) => splits.map((value) => number(value, 1)) }] : []),
      ],
      series,
      bands: hasSpread ? [{ series: [3, 2], fill: colours.spread }] : [],
      hooks: {
        drawClear: [(/** @type {any} */ plot) => drawLimits(plot, data, colours)],
        draw: [(/** @type {any} */ plot) => (drawMarks(plot, data, colours), showLimits(plot, data))],
        setCursor: [(/** @type {any} */ plot) => (plot.cursor.idx == null ? this.leave() : this.point(plot.cursor.idx))],
        setSelect: [(/** @type {any} */ plot) => this.selected(plot)],
      },
    };
    const own = hasSpread ? [data.t, data.mean, data.min, data.max] : [data.t, data.mean];
    this.columns = /** @type {any[][]} */ (other ? window.uPlot.join([own, [other.t, other.mean]]) : own);
    this.plot = new window.uPlot(options, this.columns, this.element);
    this.index = -1;
    this.describe();
    legend("band", hasSpread);
    legend("runs", data.runs.length > 0);
    legend("alerts", data.alerts.length > 0);
    legend("refills", data.refills.length > 0);
  }

  /** Says what the chart shows, for those who do not see it. */
  describe() {
    const readout = document.querySelector("[data-readout]");
    const known = (this.data?.mean ?? []).filter((value) => value !== null);
    if (!readout || !this.data) return;
    readout.textContent = known.length
      ? (this.words.summary ?? "")
          .replace("%(count)s", number(known.length, 0))
          .replace("%(low)s", this.quantity(Math.min(...known)))
          .replace("%(high)s", this.quantity(Math.max(...known)))
      : (this.words.empty ?? "");
    this.element.dataset.points = String(known.length);
  }

  /**
   * @param {number} value
   * @returns {string}
   */
  quantity(value) {
    return `${number(value, 1)} ${this.data?.unit ?? ""}`;
  }

  /**
   * Shows one value beside its time.
   * @param {number} index
   */
  point(index) {
    const data = this.data;
    const readout = document.querySelector("[data-readout]");
    const at = this.columns[0]?.[index];
    if (!data || !readout || at === undefined) return;
    this.index = index;
    const [value, low, high] = [1, 2, 3].map((column) => (column === 1 || data.min ? around(this.columns[column], index) : null));
    const beside = this.other ? around(this.columns.at(-1), index) : null;
    let text = moment(at, this.element.dataset.zone);
    if (value !== null && value !== undefined) text += `: ${this.quantity(value)}`;
    if (low != null && high != null && low !== high) text += ` (${number(low, 1)} – ${number(high, 1)})`;
    if (this.other && beside != null) text += ` · ${number(beside, 1)} ${this.other.unit}`;
    const near = (data.until - data.since) / 60;
    if (data.runs.some(([when]) => Math.abs(when - at) < near)) text += ` · ${this.words.watered}`;
    if (data.refills.some((when) => Math.abs(when - at) < near)) text += ` · ${this.words.refilled}`;
    const alert = data.alerts.find(([when]) => Math.abs(when - at) < near);
    if (alert) text += ` · ${this.alertWords[alert[1]] ?? alert[1]}`;
    readout.textContent = text;
  }

  /** Nobody reads a value any more: what it says stays until there is news. */
  leave() {
    this.index = -1;
  }

  /** @param {any} plot */
  selected(plot) {
    const { left, width } = plot.select;
    if (width < 8) return;
    const since = plot.posToVal(left, "x");
    const until = plot.posToVal(left + width, "x");
    plot.setSelect({ left: 0, top: 0, width: 0, height: 0 }, false);
    this.go(since, until);
  }

  /**
   * Shows another span, and puts it into the address.
   * @param {number} since
   * @param {number} until
   */
  go(since, until) {
    const length = Math.min(Math.max(until - since, SHORTEST_S), LONGEST_S);
    const middle = (since + until) / 2;
    this.show({ since: Math.round(middle - length / 2), until: Math.round(middle + length / 2) });
  }

  /**
   * @param {{range: string} | {since: number, until: number}} span
   * @param {boolean} [isBack] the address has it already
   */
  show(span, isBack = false) {
    this.span = span;
    const query = this.query();
    if (!isBack) history.pushState(null, "", `${location.pathname}?${query}`);
    for (const link of document.querySelectorAll("[data-range]")) {
      if (link === this.element) continue;
      const isIt = "range" in span && /** @type {HTMLElement} */ (link).dataset.range === span.range;
      link.toggleAttribute("aria-current", isIt);
      if (isIt) link.setAttribute("aria-current", "true");
    }
    void this.load().then(() => this.follow(query));
  }

  /**
   * Lets the other views show the same span.
   * @param {URLSearchParams} query
   */
  follow(query) {
    const table = document.querySelector("[data-table]");
    table?.setAttribute("href", `${this.element.dataset.page}?${query}&view=table`);
    const csv = document.querySelector("[data-csv]");
    if (this.data) {
      const span = new URLSearchParams({ sensor: this.element.dataset.sensor ?? "", since: iso(this.data.since), until: iso(this.data.until) });
      csv?.setAttribute("href", `${this.element.dataset.export}?${span}`);
    }
  }

  /** @param {string} act */
  act(act) {
    if (act === "reset") return this.show(this.home);
    if (!this.data) return;
    const { since, until } = this.data;
    const length = until - since;
    if (act === "in") this.go(since + length / 4, until - length / 4);
    if (act === "out") this.go(since - length / 2, until + length / 2);
    if (act === "earlier") this.go(since - length / 2, until - length / 2);
    if (act === "later") this.go(since + length / 2, until + length / 2);
  }

  /** @param {number} step */
  move(step) {
    const count = this.columns[0]?.length ?? 0;
    if (!count || !this.plot) return;
    const from = this.index < 0 ? (step > 0 ? -1 : count) : this.index;
    const index = Math.min(Math.max(from + step, 0), count - 1);
    this.plot.setCursor({ left: this.plot.valToPos(this.columns[0]?.[index], "x"), top: this.plot.over.clientHeight / 2 });
    this.point(index);
  }

  /** Watches keys, buttons, the address, the window and the news. */
  watch() {
    this.element.addEventListener("blur", () => this.leave());
    this.element.addEventListener("keydown", (event) => {
      const step = event.shiftKey ? 10 : 1;
      /** @type {Record<string, () => void>} */
      const keys = {
        ArrowLeft: () => this.move(-step),
        ArrowRight: () => this.move(step),
        Home: () => this.move(-Infinity),
        End: () => this.move(Infinity),
        "+": () => this.act("in"),
        "-": () => this.act("out"),
        "[": () => this.act("earlier"),
        "]": () => this.act("later"),
        0: () => this.act("reset"),
      };
      const known = keys[event.key];
      if (!known || event.ctrlKey || event.metaKey || event.altKey) return;
      event.preventDefault();
      known();
    });
    for (const button of document.querySelectorAll("[data-act]")) {
      button.addEventListener("click", () => this.act(/** @type {HTMLElement} */ (button).dataset.act ?? ""));
    }
    for (const link of document.querySelectorAll("a[data-range]")) {
      link.addEventListener("click", (event) => {
        event.preventDefault();
        this.home = { range: /** @type {HTMLElement} */ (link).dataset.range ?? "24h" };
        this.show(this.home);
      });
    }
    document.querySelector("[data-compare]")?.addEventListener("submit", (event) => {
      event.preventDefault();
      // What is seen now, and not what the page came with.
      const query = this.query();
      query.set("with", /** @type {HTMLSelectElement} */ (document.getElementById("field-with")).value);
      location.assign(`${location.pathname}?${query}`);
    });
    addEventListener("popstate", () => {
      const query = new URLSearchParams(location.search);
      const since = query.get("since");
      this.show(since ? { since: seconds(since), until: seconds(query.get("until")) } : { range: query.get("range") ?? "24h" }, true);
    });
    new ResizeObserver(() => this.plot?.setSize({ width: this.element.clientWidth, height: this.element.clientHeight })).observe(this.element);
    document.addEventListener("plant:theme", () => this.draw());
    matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => this.draw());
    let due = 0;
    const renew = () => {
      // Somebody who reads a value keeps it; a span that has ended does not change.
      if (due || !("range" in this.span) || this.index >= 0) return;
      due = setTimeout(() => {
        due = 0;
        // Somebody may have begun to read meanwhile, or gone on to another span.
        if (!document.hidden && this.index < 0 && "range" in this.span) void this.load(true);
      }, REFRESH_MS);
    };
    document.addEventListener("plant:news", (event) => {
      const { type, news } = /** @type {CustomEvent} */ (event).detail;
      if (news.device_id === this.element.dataset.device && ["readings", "command", "alert"].includes(type)) renew();
    });
    // What happened while nothing was heard is no news.
    document.addEventListener("plant:look", renew);
  }
}

/**
 * Gives a value, or where only the other line has a point, the nearest one; nothing in a gap.
 * @param {any[] | undefined} column
 * @param {number} index
 * @returns {number | null}
 */
function around(column, index) {
  for (let step = 0; step < 4; step += 1) {
    const value = column?.[index - step] ?? column?.[index + step];
    if (value !== undefined) return value;
  }
  return null;
}

/**
 * Explains the band where one is in view.
 * @param {any} plot
 * @param {Data} data
 */
function showLimits(plot, data) {
  const { min, max } = plot.scales.y;
  legend("limits", data.limits.some((limit) => limit !== null && limit >= min && limit <= max));
}

/**
 * @param {string} name
 * @param {boolean} isShown
 */
function legend(name, isShown) {
  const item = /** @type {HTMLElement | null} */ (document.querySelector(`[data-legend="${name}"]`));
  if (item) item.hidden = !isShown;
}

/** @returns {Record<"water" | "spread" | "soil" | "wanted" | "warn" | "muted" | "line", string>} */
function palette() {
  const probe = document.createElement("span");
  document.body.append(probe);
  /** @param {string} name */
  const colour = (name) => {
    probe.style.color = `var(--${name})`;
    return getComputedStyle(probe).color;
  };
  const found = { water: colour("water"), spread: colour("water-soft"), soil: colour("soil"), wanted: colour("soil-soft"), warn: colour("warn"), muted: colour("muted"), line: colour("line") };
  probe.remove();
  return found;
}

/**
 * Leaves air above and below the values, and keeps limits that are near in view.
 * @param {number} low
 * @param {number} high
 * @param {Data} data
 * @returns {[number, number]}
 */
function air(low, high, data) {
  if (low == null || high == null) return [0, 1];
  // On a scale that ends, as of percent, a limit is never far: that the soil is below it is what one looks for.
  const reach = data.unit === "%" ? 100 : Math.max(high - low, 2);
  for (const limit of data.limits) {
    if (limit !== null && limit > low - reach && limit < high + reach) {
      low = Math.min(low, limit);
      high = Math.max(high, limit);
    }
  }
  const space = Math.max((high - low) * 0.1, 0.5);
  return [low - space, high + space];
}

/**
 * @param {any} plot
 * @param {Data} data
 * @param {Record<string, string>} colours
 */
function drawLimits(plot, data, colours) {
  const [low, high] = data.limits;
  if (low === null && high === null) return;
  const { ctx, bbox } = plot;
  const top = high === null ? bbox.top : plot.valToPos(high, "y", true);
  const bottom = low === null ? bbox.top + bbox.height : plot.valToPos(low, "y", true);
  ctx.save();
  ctx.beginPath();
  ctx.rect(bbox.left, bbox.top, bbox.width, bbox.height);
  ctx.clip();
  ctx.fillStyle = colours.wanted;
  ctx.globalAlpha = 0.7;
  ctx.fillRect(bbox.left, top, bbox.width, bottom - top);
  ctx.globalAlpha = 1;
  ctx.strokeStyle = colours.soil;
  ctx.lineWidth = devicePixelRatio;
  ctx.setLineDash([4 * devicePixelRatio, 4 * devicePixelRatio]);
  for (const y of [low === null ? null : bottom, high === null ? null : top]) {
    if (y === null) continue;
    ctx.beginPath();
    ctx.moveTo(bbox.left, y);
    ctx.lineTo(bbox.left + bbox.width, y);
    ctx.stroke();
  }
  ctx.restore();
}

/**
 * Drops for waterings at the bottom, full buckets for refills above them, triangles for alerts at the top.
 * @param {any} plot
 * @param {Data} data
 * @param {Record<string, string>} colours
 */
function drawMarks(plot, data, colours) {
  const { ctx, bbox } = plot;
  const size = 6 * devicePixelRatio;
  ctx.save();
  ctx.beginPath();
  ctx.rect(bbox.left, bbox.top, bbox.width, bbox.height);
  ctx.clip();
  // A mark at the very edge is shown whole.
  const inside = (/** @type {number} */ x) => Math.min(Math.max(x, bbox.left + size), bbox.left + bbox.width - size);
  for (const [at] of data.runs) {
    const x = inside(plot.valToPos(at, "x", true));
    const y = bbox.top + bbox.height - 1.6 * size;
    ctx.fillStyle = colours.water;
    ctx.beginPath();
    ctx.moveTo(x, y - 1.5 * size);
    ctx.bezierCurveTo(x + size * 1.1, y, x + size, y + size, x, y + size);
    ctx.bezierCurveTo(x - size, y + size, x - size * 1.1, y, x, y - 1.5 * size);
    ctx.fill();
  }
  for (const at of data.refills) {
    const x = inside(plot.valToPos(at, "x", true));
    const y = bbox.top + bbox.height - 5.5 * size;
    ctx.fillStyle = colours.water;
    ctx.beginPath();
    ctx.moveTo(x - size, y);
    ctx.lineTo(x + size, y);
    ctx.lineTo(x + 0.7 * size, y + 1.6 * size);
    ctx.lineTo(x - 0.7 * size, y + 1.6 * size);
    ctx.closePath();
    ctx.fill();
    ctx.strokeStyle = colours.water;
    ctx.lineWidth = devicePixelRatio;
    ctx.setLineDash([]);
    ctx.beginPath();
    ctx.arc(x, y, 0.8 * size, Math.PI, 0);
    ctx.stroke();
  }
  for (const [at] of data.alerts) {
    const x = inside(plot.valToPos(at, "x", true));
    const y = bbox.top + 0.5 * size;
    ctx.fillStyle = colours.warn;
    ctx.beginPath();
    ctx.moveTo(x, y);
    ctx.lineTo(x + size, y + 1.8 * size);
    ctx.lineTo(x - size, y + 1.8 * size);
    ctx.fill();
  }
  ctx.restore();
}

/**
 * @param {number[]} splits
 * @param {number} length of the span in seconds
 * @param {string} [zone]
 */
function times(splits, length, zone) {
  /** @type {Intl.DateTimeFormatOptions} */
  const clock = { hour: "2-digit", minute: "2-digit", timeZone: zone };
  /** @type {Intl.DateTimeFormatOptions} */
  const day = length > 200 * 86_400 ? { month: "short", year: "2-digit", timeZone: zone } : { day: "numeric", month: "short", timeZone: zone };
  const isFine = length <= 2 * 86_400;
  const [hours, days] = [clock, day].map((options) => new Intl.DateTimeFormat(language(), options));
  let before = "";
  return splits.map((at) => {
    const date = days?.format(at * 1000) ?? "";
    const text = isFine ? (hours?.format(at * 1000) ?? "") : date;
    const label = isFine && date !== before && before ? `${text}\n${date}` : text;
    before = date;
    return label;
  });
}

/**
 * @param {number} at
 * @param {string} [zone]
 */
function moment(at, zone) {
  return new Intl.DateTimeFormat(language(), { dateStyle: "medium", timeStyle: "short", timeZone: zone }).format(at * 1000);
}

/**
 * @param {number} value
 * @param {number} digits
 */
function number(value, digits) {
  return new Intl.NumberFormat(language(), { maximumFractionDigits: digits }).format(value);
}

function language() {
  const lang = document.documentElement.lang;
  return lang === "en" ? "en-GB" : lang || say("en");
}

/** @param {string | null | undefined} text */
function seconds(text) {
  return Math.round(Date.parse(text ?? "") / 1000);
}

/** @param {number} at */
function iso(at) {
  return new Date(at * 1000).toISOString().replace(".000", "");
}

const root = document.getElementById("chart");
if (root) void start(root);
