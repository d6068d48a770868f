// The key by which a public host knows this browser's own traces. It is made here, and kept here.

import { keep, kept } from "./dom.mjs";

const KEY = "lz-visitor";

/** The key; "" where this browser keeps nothing. */
export function visitorKey() {
  if (!kept(KEY)) {
    const letters = [...crypto.getRandomValues(new Uint8Array(24))].map((byte) => byte.toString(16).padStart(2, "0"));
    keep(KEY, letters.join(""));
  }
  return kept(KEY);
}
