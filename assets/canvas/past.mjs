// What happened to a cell, line by line: written, flipped, taken back, by whom and why. No DOM.

import { exact, percent } from "./text.mjs";

const DONE = {
  p: "given",
  c: "written",
  e: "changed to",
  b: "back-masked, was",
  u: "re-masked by UPS, was",
  r: "re-masked, was",
  s: "there from the start",
  d: "drafted",
  v: "checked, stands:",
  x: "draft rejected, was",
  y: "draft rejected, was",
  z: "re-noised, was",
  ins: "inserted",
  del: "deleted",
  draft: "draft",
};
const SURE = ["c", "e", "d", "v", "draft"]; // what has a probability
const REASONS = {
  wino: "taken back by WINO, was",
  remdm: "re-masked by ReMDM, was",
  t2m: "reset, was",
  user: "taken back by you, was",
};
const TAKEN = "burxyz";

/** One line of a cell's history as text. why: for what took a token back, in words; left out elsewhere. */
export function historyLine({ step, mark, text, conf, reason, why }) {
  const byHand = mark === "e" && reason === "user";
  const sure = !byHand && SURE.includes(mark) && conf != null ? `, ${percent(conf)}` : "";
  const bare = mark === "ins" || mark === "del"; // no token of its own
  const done = byHand ? "written by you:" : ("bur".includes(mark) && REASONS[reason]) || DONE[mark] || "";
  return {
    when: "ps".includes(mark) ? "start" : `step ${step}`,
    done,
    text: bare ? "" : exact(text),
    sure,
    ...(why && TAKEN.includes(mark) ? { why } : {}),
  };
}

/** Why the frame at `seq` took a cell's token back, in words; "" where the run does not say. */
export function reasonFor(timeline, seq, id) {
  const { ups } = timeline.stateAt(seq);
  const place = ups?.ids?.indexOf(id) ?? -1;
  if (place >= 0 && ups.cut != null && ups.p[place] != null) {
    return `keep score ${(1 - ups.p[place]).toFixed(2)}, under ${(1 - ups.cut).toFixed(2)}`;
  }
  for (let i = seq; i >= 0 && i > seq - 12; i--) {
    const frame = timeline.frames[i];
    if (frame.kind === "window") return frame.say[1];
  }
  return "";
}

/** The policy's probability that the token of a cell should stand, and the lowest that stood; null: none. */
export function keepScore(state, id) {
  const { ups } = state;
  const place = ups?.ids?.indexOf(id) ?? -1;
  if (place < 0 || ups.cut == null || ups.p[place] == null) return null;
  return { keep: 1 - ups.p[place], least: 1 - ups.cut };
}
