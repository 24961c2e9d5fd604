/*
 * Keeps the widgets of a page as their rows are: {% boogie_tasks_scripts %} loads it.
 *
 * A widget is an element with `data-boogie-token` and either `data-boogie-row` (a row) or
 * `data-boogie-object` (the newest rows of an object). In an element with `data-boogie-row` the text
 * of every `data-boogie-field` and the <progress> follow the row; what changed in it is told as the
 * DOM event `boogie:status`.
 *
 * One file, and no import: the names of static files may have hashes.
 */

const script = document.querySelector("script[data-boogie-state]");

/* Characters of a URL: what every server takes in a request, and what those take that can stream. */
const SHORT_URL = 3500;
const LONG_URL = 7500;

/* Milliseconds between two polls: soon while something changes, and ever later while nothing does. */
const SOONEST = 2000;
const LATEST = 15000;
const SLOWER = 1.5;

/* --- what the page shows ----------------------------------------------------------------- */

const shownAlready = new Map();

/** Return the tokens of the page; several widgets of one row ask with one. */
function tokens() {
  const found = new Map();
  for (const element of document.querySelectorAll("[data-boogie-token]")) {
    const { boogieRow, boogieObject, boogieLimit, boogieToken } = element.dataset;
    const key = boogieRow || `${boogieObject} ${boogieLimit}`;
    if (!found.has(key)) found.set(key, boogieToken);
  }
  return [...found.values()];
}

/** Bring everything that shows a row up to date. */
function show(row) {
  const text = JSON.stringify(row);
  const isKnown = shownAlready.get(row.id) === text;
  shownAlready.set(row.id, text);
  if (isKnown) return false;
  insert(row);
  let moved = false;
  for (const element of document.querySelectorAll(`[data-boogie-row="${CSS.escape(row.id)}"]`)) {
    moved = showIn(element, row) || moved;
  }
  if (moved) announce(`${row.shown.task}: ${row.shown.status}`);
  return true;
}

/** Bring one element up to date; return whether it showed another status. */
function showIn(element, row) {
  const moved = set(element, "data-status", row.status);
  const changed = own(element, "[data-boogie-field]").map((field) => setText(field, row.shown));
  changed.push(...own(element, "progress").map((bar) => showBar(bar, row)));
  if (moved || changed.some(Boolean)) {
    const { id, status, progress } = row;
    const detail = { id, status, progress };
    element.dispatchEvent(new CustomEvent("boogie:status", { bubbles: true, detail }));
  }
  return moved;
}

/** Return the element and what is in it, without what shows another row inside of it. */
function own(element, selector) {
  const inside = [...element.querySelectorAll(selector)];
  const found = element.matches(selector) ? [element, ...inside] : inside;
  return found.filter((one) => one.closest("[data-boogie-row]") === element);
}

function setText(field, shown) {
  const text = shown[field.dataset.boogieField];
  if (text === undefined || field.textContent === text) return false;
  field.textContent = text;
  return true;
}

function showBar(bar, { status, progress, shown }) {
  const fraction = progress?.fraction ?? null;
  const max = progress?.total || 1;
  const value = fraction === null ? null : Math.round(fraction * max * 1e4) / 1e4;
  return [
    set(bar, "hidden", fraction === null && status !== "running" ? "" : null),
    set(bar, "aria-valuetext", shown.summary),
    set(bar, "max", fraction === null ? null : String(max)),
    set(bar, "value", fraction === null ? null : String(value)),
  ].some(Boolean);
}

/** Set an attribute, or remove it for null; return whether that changed anything. */
function set(element, name, value) {
  if (element.getAttribute(name) === value) return false;
  if (value === null) element.removeAttribute(name);
  else element.setAttribute(name, value);
  return true;
}

/** Add a row to the lists of its object that lack it, if it is among their newest. */
function insert(row) {
  for (const list of document.querySelectorAll("[data-boogie-object]")) {
    const isShown = list.querySelector(`[data-boogie-row="${CSS.escape(row.id)}"]`);
    if (list.dataset.boogieObject !== row.object || isShown) continue;
    const rows = list.querySelector(".boogie-rows");
    const older = [...rows.children].find((one) => timeOf(one).dateTime < row.created);
    rows.insertBefore(made(list, row), older ?? null);
    while (rows.children.length > Number(list.dataset.boogieLimit)) rows.lastElementChild.remove();
    list.querySelector(".boogie-empty").hidden = true;
  }
}

function made(list, row) {
  const item = list.querySelector("template").content.firstElementChild.cloneNode(true);
  item.dataset.boogieRow = row.id;
  timeOf(item).dateTime = row.created;
  const label = script.dataset.boogieBarLabel.replace("{task}", row.shown.task);
  item.querySelector("progress").setAttribute("aria-label", label);
  return item;
}

function timeOf(item) {
  return item.querySelector("time");
}

/* --- what screen readers say ------------------------------------------------------------- */

const announcer = document.createElement("div");
announcer.className = "boogie-announcer";
announcer.setAttribute("role", "status");
announcer.setAttribute("aria-live", "polite");

function announce(text) {
  const line = document.createElement("p");
  line.textContent = text;
  announcer.append(line);
  while (announcer.children.length > 5) announcer.firstElementChild.remove();
}

/* --- the connection ---------------------------------------------------------------------- */

let source = null;
let timer = null;
let poll = null;
let pause = SOONEST;
/* The tag names no events where the server cannot send them: under WSGI. */
let canStream = "EventSource" in window && Boolean(script?.dataset.boogieEvents);
let isRefused = false;

function start() {
  if (source || timer || poll || isRefused) return;
  const all = tokens();
  if (!all.length) return;
  const url = canStream ? address(script.dataset.boogieEvents, all) : "";
  if (url && url.length <= LONG_URL) listen(url);
  else schedule(0);
}

function stop() {
  source?.close();
  poll?.abort();
  clearTimeout(timer);
  source = timer = poll = null;
}

function address(base, some) {
  return `${base}${base.includes("?") ? "&" : "?"}${some.map((token) => `token=${token}`).join("&")}`;
}

/** Have the server send what changes; where it does not, ask. */
function listen(url) {
  source = new EventSource(url);
  source.addEventListener("status", (event) => show(JSON.parse(event.data)));
  source.addEventListener("error", () => {
    if (source?.readyState !== EventSource.CLOSED) return; // it tries again by itself
    canStream = false;
    stop();
    schedule(0);
  });
}

function schedule(wait) {
  timer = setTimeout(ask, wait);
}

/** Ask once for everything, in as many requests as the length of URLs demands. */
async function ask() {
  timer = null;
  poll = new AbortController();
  const { signal } = poll;
  try {
    let changed = false;
    for (const url of parts(tokens())) {
      const answer = await fetch(url, { signal, headers: { Accept: "application/json" } });
      isRefused = answer.status === 400 || answer.status === 403;
      if (isRefused) return; // nor will it be otherwise later
      if (!answer.ok) throw new Error(answer.statusText);
      for (const row of (await answer.json()).rows) changed = show(row) || changed;
    }
    pause = changed ? SOONEST : Math.min(pause * SLOWER, LATEST);
  } catch {
    if (signal.aborted) return; // stopped by us
    pause = Math.min(pause * 2, LATEST);
  }
  poll = null;
  schedule(pause);
}

function* parts(all) {
  const base = script.dataset.boogieState;
  let some = [];
  for (const token of all) {
    if (some.length && address(base, [...some, token]).length > SHORT_URL) {
      yield address(base, some);
      some = [];
    }
    some.push(token);
  }
  if (some.length) yield address(base, some);
}

/* --- when to keep still ------------------------------------------------------------------ */

/** Whether somebody is at work here whom a page that moves would disturb. */
function isBusy() {
  const at = document.activeElement;
  const types = at?.matches("input:not([type=checkbox]):not([type=radio]), textarea, select");
  const isEdited = types && at.value !== valueAtFocus.get(at);
  return Boolean(isEdited || document.querySelector("input.action-select:checked"));
}

const valueAtFocus = new WeakMap();

function review() {
  if (document.hidden || isBusy()) stop();
  else start();
}

/** Take note of what a field held when somebody came to it. */
function remember({ target }) {
  if (target instanceof Element && "value" in target) valueAtFocus.set(target, target.value);
  review();
}

if (script) {
  document.body.append(announcer);
  remember({ target: document.activeElement });
  document.addEventListener("visibilitychange", review);
  document.addEventListener("focusin", remember);
  for (const kind of ["input", "change", "focusout"]) {
    document.addEventListener(kind, () => setTimeout(review));
  }
  addEventListener("pagehide", stop);
  addEventListener("pageshow", review);
}
