// Asking the server what else could stand in a cell. A decided cell is asked once; an undecided one at rest
// only, for its answer changes with every frame.

import { isOpen } from "./timeline.mjs";

const MOST_KEPT = 400;
const REST = 250; // ms
const AGAIN = 5000; // ms after which what could not be answered may be asked again
export const UNREACHABLE = "The server does not answer.";

/** What the drafts of a run say of a cell as of frame i: those that stood just before it was written. */
export function draftsOf(timeline, state, id, i) {
  const cell = state.cells[state.order.indexOf(id)];
  if (!cell) return null;
  if (isOpen(cell.mark)) return cell.drafts ?? null;
  if (cell.at < 1 || cell.at > i) return null;
  const before = timeline.stateAt(cell.at - 1);
  return before.cells[before.order.indexOf(id)]?.drafts ?? null;
}

/** The same as an answer of the server, where it has none: its tokens have no numbers. */
export function recordedAnswer(drafts) {
  if (!drafts?.length) return null;
  return { tokens: drafts.map(([text, p]) => [null, text, p]), note: "The run’s own drafts.", writes: false };
}

function sourceOf({ recorded, note, tokens }, frame) {
  const few = recorded && tokens.length < 5 ? `Its ${tokens.length} recorded draft${tokens.length === 1 ? "" : "s"}. ` : "";
  const where = recorded ? few || "The run’s own drafts. " : `Asked again, at the canvas of frame ${frame}. `;
  return `${where}${note}`.trim();
}

export class Answers {
  /** server: of the canvas; onAnswer(): something is known now. */
  constructor(server, onAnswer) {
    Object.assign(this, { server, onAnswer, known: new Map(), asked: null, timer: null });
  }

  forget() {
    this.known.clear();
    clearTimeout(this.timer);
    this.asked = null;
  }

  /** What is known of a cell as of frame i, in the form that the card takes. moving: frames go by. */
  of(timeline, state, i, id, moving) {
    const cell = state.cells[state.order.indexOf(id)];
    const recorded = recordedAnswer(draftsOf(timeline, state, id, i));
    if (!cell || !this.server.likeliest) return recorded ?? {};
    const open = isOpen(cell.mark);
    const key = open ? `${timeline.run} ${id} ${i}` : `${timeline.run} ${id} at ${cell.at}`;
    const known = this.known.get(key);
    if (known) return known;
    if (cell.mark === "p" || cell.mark === "s") return { given: true, writes: cell.mark !== "p" };
    if (open && moving) return recorded ?? { note: "Pause, and the network is asked what it would write here." };
    this.ask(key, [timeline.run, i, id], open ? REST : 0);
    return { ...(recorded ?? {}), asks: true };
  }

  ask(key, request, rest) {
    if (this.asked === key) return;
    this.asked = key;
    clearTimeout(this.timer);
    this.timer = setTimeout(async () => {
      const found = await this.server.likeliest(request).catch(() => ({ error: UNREACHABLE }));
      const answer = found.tokens ? { ...found, note: sourceOf(found, found.frame) } : found;
      if (this.known.size > MOST_KEPT) this.known.clear();
      this.known.set(key, found.error ? { ...answer, passing: true } : answer);
      if (found.error) setTimeout(() => this.known.delete(key), AGAIN);
      if (this.asked === key) this.asked = null;
      this.onAnswer();
    }, rest);
  }

  /** What could not be answered may be asked again now. */
  retry() {
    for (const [key, answer] of this.known) if (answer.passing) this.known.delete(key);
  }
}
