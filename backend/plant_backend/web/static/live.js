// One stream a page. What it says is news, not content: the parts of the page that it concerns are fetched anew.

import { announce, toast } from "./toasts.js";
import { say } from "./words.js";

const SILENCE_MS = 35_000; // the server says something every 15 s
const FIRST_WAIT_MS = 500;
const LONGEST_WAIT_MS = 15_000;
const POLL_MS = 30_000; // without a stream
const LOOK_MS = 60_000; // with one: a node that falls silent is no news
const HIDDEN_MS = 20_000; // a browser has six connections for all its tabs: one that nobody looks at gives its own back
const REFRESH_MS = 1_000; // a part of the page is fetched at most so often

/** @typedef {{id: number, state: string, severity: string, acknowledged_at: string | null, snoozed_until: string | null}} Alert */
/** @typedef {"connecting" | "live" | "reconnecting" | "offline"} State */

/** @type {Map<Element, {at: number, timer: number}>} */
const refreshed = new Map();

/**
 * Until when each alert that was heard of, with its severity, is snoozed. The stream tells of one again when somebody
 * sees it or puts it off, and when that is over.
 * @type {Map<string, string | null>}
 */
const heard = new Map();

/** Follows the stream for as long as the page is open. */
export function listen() {
  const url = document.body.dataset.events;
  if (!url) return;
  watchFailures();
  void follow(url);
  setInterval(() => state() !== "live" && refreshAll(), POLL_MS);
  setInterval(() => state() === "live" && refreshAll(), LOOK_MS);
  document.addEventListener("visibilitychange", () => {
    if (!document.hidden) refreshAll();
  });
}

/** @returns {State} */
function state() {
  return /** @type {State} */ (document.getElementById("stream")?.dataset.state ?? "connecting");
}

/** @param {State} next */
function show(next) {
  const element = document.getElementById("stream");
  if (!element || element.dataset.state === next) return;
  element.dataset.state = next;
  const label = element.querySelector("[data-label]");
  if (label) label.textContent = say(next);
  document.dispatchEvent(new CustomEvent("plant:stream", { detail: next }));
}

/** @param {string} url */
async function follow(url) {
  let wait = FIRST_WAIT_MS;
  // What happens between the page's making and the first contact is told then.
  let lastId = document.body.dataset.position ?? "";
  let hadContact = false;
  for (;;) {
    await visible();
    try {
      await read(url, lastId, (id, type, data) => {
        wait = FIRST_WAIT_MS;
        if (state() !== "live") {
          show("live");
          // What happened while nobody listened is on the server: look at all of it.
          if (hadContact) refreshAll();
          hadContact = true;
        }
        lastId = id || lastId;
        hear(type, data);
      });
    } catch (error) {
      if (error instanceof SignedOut) {
        location.href = document.body.dataset.login ?? location.href;
        return;
      }
    }
    show(navigator.onLine && wait < LONGEST_WAIT_MS ? "reconnecting" : "offline");
    await pause(wait);
    wait = Math.min(wait * 2, LONGEST_WAIT_MS);
  }
}

class SignedOut extends Error {}

/**
 * Reads the stream until it ends, is cut, or says nothing for too long.
 * @param {string} url
 * @param {string} lastId
 * @param {(id: string, type: string, data: string) => void} tell
 */
async function read(url, lastId, tell) {
  const control = new AbortController();
  let timer = setTimeout(() => control.abort(), SILENCE_MS);
  for (const end of ["pagehide", "offline"]) addEventListener(end, () => control.abort(), { signal: control.signal });
  let hiddenTimer = 0;
  document.addEventListener(
    "visibilitychange",
    () => {
      clearTimeout(hiddenTimer);
      if (document.hidden) hiddenTimer = setTimeout(() => control.abort(), HIDDEN_MS);
    },
    { signal: control.signal },
  );
  try {
    const headers = lastId ? { "Last-Event-ID": lastId } : undefined;
    const response = await fetch(url, { headers, signal: control.signal, cache: "no-store" });
    if (response.status === 401) throw new SignedOut();
    if (!response.ok || !response.body) throw new Error(String(response.status));
    const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
    let rest = "";
    for (;;) {
      const { done, value } = await reader.read();
      if (done) return;
      clearTimeout(timer);
      timer = setTimeout(() => control.abort(), SILENCE_MS);
      const frames = (rest + value).split("\n\n");
      rest = frames.pop() ?? "";
      for (const frame of frames) {
        /** @type {Record<string, string>} */
        const fields = {};
        for (const line of frame.split("\n")) {
          const [, name, text] = line.match(/^(\w+): ?(.*)$/) ?? [];
          if (name) fields[name] = text ?? "";
        }
        if (fields.event) tell(fields.id ?? "", fields.event, fields.data ?? "");
      }
    }
  } finally {
    clearTimeout(timer);
    clearTimeout(hiddenTimer);
    control.abort();
  }
}

/** Waits until somebody looks at the page. */
async function visible() {
  while (document.hidden) {
    await new Promise((resolve) => document.addEventListener("visibilitychange", resolve, { once: true }));
  }
}

/**
 * @param {string} type
 * @param {string} data
 */
function hear(type, data) {
  if (type === "info") return;
  // The stream could not go on where the page was: what it shows may be old.
  if (type === "snapshot") hearAnew(JSON.parse(data));
  if (type === "snapshot" || type === "too_slow") return refreshAll();
  /** @type {{device_id?: string, at?: string, alert?: Alert, device_deleted?: {id: string}}} */
  const news = JSON.parse(data);
  if (news.alert && isNew(news.alert, news.at ?? "")) void announceAlert(news.alert.id);
  document.dispatchEvent(new CustomEvent("plant:news", { detail: { type, news } }));
  for (const element of document.querySelectorAll("[data-refresh]")) {
    const { device, types } = /** @type {HTMLElement} */ (element).dataset;
    // What shows a plant that is gone goes with what shows them all.
    if (device && (device !== news.device_id || type === "device_deleted")) continue;
    if (types && !types.split(" ").includes(type)) continue;
    refresh(element);
  }
}

/**
 * Knows of the alerts that are open, and of no other: after a restore an id may be that of another one.
 * @param {{devices: {alerts: Alert[]}[]}} snapshot
 */
function hearAnew({ devices }) {
  heard.clear();
  for (const alert of devices.flatMap(({ alerts }) => alerts)) heard.set(key(alert), alert.snoozed_until);
}

/** @param {Alert} alert */
function key({ id, severity }) {
  return `${id} ${severity}`;
}

/**
 * Tells whether an alert has opened or risen, and waits for somebody, or does so again as its snooze has run out. Each
 * that is heard of goes by here.
 * @param {Alert} alert
 * @param {string} at when it came to be so, by the clock that the snooze ends by
 * @returns {boolean}
 */
function isNew(alert, at) {
  if (alert.state !== "open") return false;
  const until = heard.get(key(alert));
  heard.set(key(alert), alert.snoozed_until);
  if (alert.snoozed_until) return false;
  // Who takes a snooze back before its end knows of the alert.
  return until === undefined ? !alert.acknowledged_at : until !== null && Date.parse(at) >= Date.parse(until);
}

/**
 * Reads out what an alert says, in the person's language: the news has codes and English.
 * @param {number} id
 */
async function announceAlert(id) {
  try {
    const response = await fetch(`${document.body.dataset.told ?? ""}?id=${id}`, { cache: "no-store" });
    const text = response.ok ? await response.text() : "";
    if (text) announce(`${say("alert")}: ${text}`);
  } catch {
    // The parts of the page that show it say that nothing arrives.
  }
}

function refreshAll() {
  document.dispatchEvent(new CustomEvent("plant:look"));
  for (const element of document.querySelectorAll("[data-refresh]")) refresh(element);
}

/**
 * Has htmx fetch a part of the page anew: soon, and not too often.
 * @param {Element} element
 */
function refresh(element) {
  if (document.hidden) return;
  const known = refreshed.get(element) ?? { at: -Infinity, timer: 0 };
  if (known.timer) return;
  refreshed.set(element, known);
  known.timer = setTimeout(
    () => {
      known.timer = 0;
      known.at = performance.now();
      if (element.isConnected) element.dispatchEvent(new CustomEvent("plant:refresh"));
      else refreshed.delete(element);
    },
    Math.max(0, known.at + REFRESH_MS - performance.now()),
  );
}

function watchFailures() {
  document.addEventListener("htmx:response:error", (event) => {
    const { ctx } = /** @type {CustomEvent} */ (event).detail;
    // Its plant was deleted while it was fetched: the part goes with the next look at them all.
    if (ctx.response.status === 404 && ctx.sourceElement?.matches("[data-refresh]")) return;
    if (ctx.response.status === 401) location.href = document.body.dataset.login ?? location.href;
    // A form shows what is wrong with it in its own place.
    else if (ctx.response.status !== 422) {
      toast(say("failed", { id: ctx.response.headers.get("x-request-id") ?? "?" }));
    }
  });
  document.addEventListener("htmx:error", (event) => {
    const { ctx } = /** @type {CustomEvent} */ (event).detail;
    if (!ctx?.sourceElement?.matches("[data-refresh]")) toast(say("unreachable"));
  });
}

/** @param {number} ms */
function pause(ms) {
  return new Promise((resolve) => {
    const timer = setTimeout(resolve, ms);
    addEventListener("online", () => (clearTimeout(timer), resolve(undefined)), { once: true });
  });
}
