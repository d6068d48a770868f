// Several timelines on one clock, so that samplers are compared after the same cost. The clock counts
// sequences evaluated (measure "NFE") or decoding time (measure "time"). No DOM.

import { isMask } from "./timeline.mjs";

const TICKS_PER_SECOND = 50;

/** A frame's place on the clock: a whole number, of sequences or of 1/50 s. */
export function tick(frame, measure) {
  return measure === "time" ? Math.round((frame.t ?? 0) * TICKS_PER_SECOND) : frame.nfe;
}

/** A place on the clock in words. */
export function clock(place, measure) {
  return measure === "time" ? `${(place / TICKS_PER_SECOND).toFixed(2)} s` : `${place} NFE`;
}

/** The last frame at or before a place, -1 when there is none. */
export function frameAt(timeline, place, measure) {
  let [low, high] = [0, timeline.length];
  while (low < high) {
    const middle = (low + high) >> 1;
    if (tick(timeline.frames[middle], measure) <= place) low = middle + 1;
    else high = middle;
  }
  return low - 1;
}

/** The end of the clock: the last frame of the longest timeline. */
export function lastTick(timelines, measure) {
  return Math.max(0, ...timelines.map((line) => (line.length ? tick(line.frames.at(-1), measure) : 0)));
}

/** The positions of the cells in which two states have different words. A masked cell has none yet. */
export function differing(states) {
  const cells = Math.max(0, ...states.map((state) => state.cells.length));
  const positions = [];
  for (let pos = 0; pos < cells; pos++) {
    const words = states.map((state) => state.cells[pos]).filter((cell) => cell && !isMask(cell.mark));
    if (words.some((cell) => cell.text !== words[0].text)) positions.push(pos);
  }
  return positions;
}

/** The states of all timelines at a place; a timeline that has not begun has none. */
export function statesAt(timelines, place, measure) {
  const indices = timelines.map((line) => frameAt(line, place, measure));
  return indices.map((index, i) => (index < 0 ? { cells: [] } : timelines[i].stateAt(index)));
}

/** Where two timelines first hold different words in a cell: {place, pos, words}, or null. */
export function divergence(timelines, measure) {
  const places = new Set(timelines.flatMap((line) => line.frames.map((frame) => tick(frame, measure))));
  for (const place of [...places].sort((a, b) => a - b)) {
    const states = statesAt(timelines, place, measure);
    const [pos] = differing(states);
    if (pos !== undefined) return { place, pos, words: states.map((state) => state.cells[pos]) };
  }
  return null;
}
