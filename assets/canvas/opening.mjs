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
function lastRun(search) {
  try {
    return new URLSearchParams(search).has("run") ? "" : (sessionStorage.getItem(LAST) ?? "");
  } catch {
    return ""; // forbidden here
  }
}

/** The run that stood on the board before the page was loaded again. */
export class LastRun {
  /** canvas: of the board; tell(event, data): asks the page to show another run, null where it cannot. */
  constructor(canvas, tell) {
    Object.assign(this, { canvas, tell, returns: false });
  }

  /** The page opens: with that run, if the server still has it, or as `message` says. */
  async enter(message) {
    const { canvas } = this;
    const run = this.tell ? lastRun(window.location.search) : "";
    if (!run) return canvas.open(message);
    canvas.first = message;
    canvas.ghost(message.opening);
    const how = await canvas.server.branching(run).catch(() => null);
    if (canvas.timeline) return;
    if (!how || how.error) return canvas.open(message);
    this.returns = true;
    this.tell("option_select", { run });
  }

  /** A run stands on the board: remember it, if the browser may. Returns whether it is the one that came back. */
  began(run) {
    const came = this.returns;
    this.returns = false;
    try {
      if (this.tell) sessionStorage.setItem(LAST, run);
    } catch {
      // forbidden here, or full
    }
    return came;
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
