// What this browser remembers of the page: the values of its forms, by the id of their input, and presets. It is
// plain text; the server checks whatever comes back from here.

import { copied } from "./dom.mjs";

const KEPT_AS = "llada-viz-";

/** Write a text under a name; "" forgets it. A browser that keeps nothing is no error. */
export function store(name, text) {
  try {
    if (text) localStorage.setItem(KEPT_AS + name, text);
    else localStorage.removeItem(KEPT_AS + name);
  } catch {
    // A private window, or one without room.
  }
}

/** Keep the values of a form; only once what was kept before has come back (`keeping`). */
export function remember(name, ids, values) {
  if (!globalThis.llvKeeping?.has(name)) return;
  const kept = Object.fromEntries(ids.map((id, n) => [id, values[n]]));
  store(name, JSON.stringify(kept));
}

/** What was kept of a form is back in it: keep its changes from now on. */
export function keeping(name) {
  (globalThis.llvKeeping ??= new Set()).add(name);
}

/** The address of this page with one part of its query changed; null takes the part away. */
export function addressWith(address, part, value) {
  const url = new URL(address);
  if (value === null) url.searchParams.delete(part);
  else url.searchParams.set(part, value);
  return url.href;
}

/** Change a part of the address without loading anything. */
export function setAddress(part, value) {
  history.replaceState(history.state, "", addressWith(location.href, part, value));
}

/** Copy a text, and say whether it worked. One that begins with "?" becomes a link to this page. */
export async function copyText(text) {
  const whole = text.startsWith("?") ? new URL(location.pathname + text, location.origin).href : text;
  const done = await copied(whole);
  const said = done ? "Copied." : "This browser lets no page copy: select the text and copy it.";
  return [whole, `<p role='status'>${said}</p>`];
}
