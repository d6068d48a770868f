// Several timelines on one clock, so that samplers are compared after the same cost. The clock counts
// sequences evaluated (measure "NFE") or decoding time (measure "time"). No DOM.

import { align, gaps } from "./align.mjs";
import { isSpecial } from "./text.mjs";
import { isOpen } from "./timeline.mjs";

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

const isEnd = (cell) => decided(cell) && isSpecial(cell.text);
const decided = (cell) => Boolean(cell) && !isOpen(cell.mark);

/** The positions of the cells in which two states of one length have different words. An undecided cell has none
 * yet. */
export function differing(states) {
  const cells = Math.max(0, ...states.map((state) => state.cells.length));
  const positions = [];
  for (let pos = 0; pos < cells; pos++) {
    const words = states.map((state) => state.cells[pos]).filter(decided);
    if (words.some((cell) => cell.text !== words[0].text)) positions.push(pos);
  }
  return positions;
}

/** Whether states have cells that do not belong together by their positions. */
function uneven(states) {
  const lengths = new Set(states.map((state) => state.cells.length).filter(Boolean));
  return lengths.size > 1;
}

/**
 * How two answers of different lengths belong together: {pairs, gaps}; gaps: where they have different words,
 * or one has words and the other has none. An undecided cell goes with any; what stands behind the end of an
 * answer that may still grow is no difference. over: whether each answer is finished.
 */
export function compared(a, b, over = [true, true]) {
  const [ends, open] = [[], []];
  [a, b].forEach((cells, i) => {
    ends[i] = cells.findLastIndex(decided) + 1;
    open[i] = ends[i] < cells.length || !over[i];
    while (ends[i] > 1 && cells.slice(ends[i] - 2, ends[i]).every(isEnd)) ends[i]--; // one end of the text is enough
  });
  const same = (x, y) => !decided(x) || !decided(y) || x.text === y.text;
  const pairs = align(a.slice(0, ends[0]), b.slice(0, ends[1]), same);
  const counts = ([i, x, j, y]) => {
    const words = [a.slice(i, x).some(decided), b.slice(j, y).some(decided)];
    if (words[0] && words[1]) return true;
    if (words[0]) return j < y || !(j === ends[1] && open[1]);
    return words[1] && (i < x || !(i === ends[0] && open[0]));
  };
  return { pairs, gaps: gaps(pairs, ends[0], ends[1]).filter(counts) };
}

/** For each state the positions of the cells that differ from those of the others. */
export function differences(states, over = states.map(() => true)) {
  if (!uneven(states)) {
    const positions = differing(states);
    return states.map(() => positions);
  }
  const found = states.map(() => new Set());
  for (let k = 1; k < states.length; k++) {
    if (!states[0].cells.length || !states[k].cells.length) continue;
    for (const [i, x, j, y] of compared(states[0].cells, states[k].cells, [over[0], over[k]]).gaps) {
      for (let pos = i; pos < x; pos++) if (decided(states[0].cells[pos])) found[0].add(pos);
      for (let pos = j; pos < y; pos++) if (decided(states[k].cells[pos])) found[k].add(pos);
    }
  }
  return found.map((positions) => [...positions].sort((a, b) => a - b));
}

/** Where states first differ: the position in each of them, null where one has no such cell; or null. */
export function firstDifference(states, over = states.map(() => true)) {
  if (!uneven(states)) {
    const [pos] = differing(states);
    return pos === undefined ? null : states.map(() => pos);
  }
  const all = states.slice(1).map((state, k) => {
    if (!states[0].cells.length || !state.cells.length) return { pairs: [], gaps: [] };
    return compared(states[0].cells, state.cells, [over[0], over[k + 1]]);
  });
  const firsts = all.flatMap((each) => each.gaps.slice(0, 1));
  if (firsts.length === 0) return null;
  const [i, x] = firsts.sort((a, b) => a[0] - b[0])[0];
  const others = all.map((each) => {
    const gap = each.gaps.find(([from, to]) => from <= i && i <= to);
    if (gap) return gap[2] < gap[3] ? gap[2] : null;
    return each.pairs.find(([pos]) => pos === i)?.[1] ?? null;
  });
  return [i < x ? i : null, ...others];
}

function indicesAt(timelines, place, measure) {
  return timelines.map((line) => frameAt(line, place, measure));
}

/** The states of all timelines at a place; a timeline that has not begun has none. */
export function statesAt(timelines, place, measure) {
  const indices = indicesAt(timelines, place, measure);
  return indices.map((index, i) => (index < 0 ? { cells: [] } : timelines[i].stateAt(index)));
}

/** Whether each timeline is at its end at a place. */
export function overAt(timelines, place, measure) {
  const indices = indicesAt(timelines, place, measure);
  return timelines.map((line, i) => line.ended && indices[i] === line.length - 1);
}

/** Where timelines first hold different words: {place, pos, at, words}, or null. at: the position in each, null
 * where one has no such cell; pos: the first of them. */
export function divergence(timelines, measure) {
  const places = new Set(timelines.flatMap((line) => line.frames.map((frame) => tick(frame, measure))));
  for (const place of [...places].sort((a, b) => a - b)) {
    const states = statesAt(timelines, place, measure);
    const at = firstDifference(states, overAt(timelines, place, measure));
    if (!at) continue;
    const words = states.map((state, i) => (at[i] === null ? null : state.cells[at[i]]));
    return { place, pos: at.find((pos) => pos !== null), at, words };
  }
  return null;
}
