// What stands on the board when the page opens: a recorded run that plays until a run of the reader's own takes over,
// or after a reload the run that stood there.

import { Player } from "./player.mjs";

const PACE = 5; // frames a second
const HELD = { window: 12, remask: 8, choose: 8, edit: 6 }; // frames that something to read stays
const LOW = 0.5; // a score that is worth a look

/** Whether the page's address lets the recorded run play: `?still=1` does not, nor does a link to another run. */
export function plays(search) {
  const asked = new URLSearchParams(search);
  return asked.get("still") !== "1" && !asked.has("run");
}

const LAST = "lz-run"; // in the browser tab: the run that it showed last

/** The run that this browser tab showed last; "" where the address asks for another one, or nothing is kept. */
export function lastRun(search) {
  try {
    return new URLSearchParams(search).has("run") ? "" : (sessionStorage.getItem(LAST) ?? "");
  } catch {
    return ""; // forbidden here
  }
}

/** Remember it, if the browser may. */
export function keepLastRun(run) {
  try {
    sessionStorage.setItem(LAST, run);
  } catch {
    // forbidden here, or full
  }
}

/** How many frames' time a frame stays, so that one can read what went wrong and what is done about it. */
export function heldFor(frame) {
  const low = frame.kind === "score" && frame.prm?.some(([, score]) => score !== null && score < LOW);
  if (low) return HELD.edit;
  if (frame.kind === "choose" && !frame.ops.length) return 1;
  return HELD[frame.kind] ?? 1;
}

/** A player that goes slowly. timeline: of the recorded run. */
export function openingPlayer(timeline) {
  const player = new Player(PACE);
  player.hold = (index) => heldFor(timeline.frames[index]);
  return player;
}
